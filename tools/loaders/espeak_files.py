"""Where espeak-ng's library lies: the package espeakng-loader carries it."""

from pathlib import Path

from ..errors import MissingExtra


def library() -> Path:
    """The library's file. Raises MissingExtra where the package that carries it is not installed."""
    try:
        import espeakng_loader  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra(
            "speech needs the package espeakng-loader", hint="install it: pip install espeakng-loader"
        ) from error
    return Path(espeakng_loader.get_library_path())
