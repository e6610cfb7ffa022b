"""Experts for texts and documents."""
