"""Experts that work on video."""
