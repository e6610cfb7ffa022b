"""Experts that fetch and pack files."""
