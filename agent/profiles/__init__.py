"""Profiles: which checkpoint and loader serve each role, and the pool's limits."""
