"""What a detector of ultralytics needs beside its own file."""

from dataclasses import replace

from .base import ModelSpec


def encoder_spec(spec: ModelSpec) -> ModelSpec | None:
    """The text encoder that ``options.text_encoder`` names, as a checkpoint of its own; None where none is named."""
    named = spec.options.get("text_encoder")
    return replace(spec, checkpoint=str(named), revision=None, sha256=None, pull="", options={}) if named else None
