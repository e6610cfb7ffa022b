"""Prompt templates as data; planners read them through importlib.resources."""
