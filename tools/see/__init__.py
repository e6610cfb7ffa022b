"""Experts that look: detect, segment, count, select, measure, ask."""
