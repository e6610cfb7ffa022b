"""Experts in space: what point clouds show, and how they look from any side."""
