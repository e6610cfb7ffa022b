"""Training recipes of the embedded models."""
