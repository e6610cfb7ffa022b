"""Experts that listen, speak and shape sound."""
