"""Experts that draw and edit: cut out, crop, blur, annotate."""
