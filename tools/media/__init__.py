"""Artifacts: immutable typed values that flow between tools."""
