"""The command line: one file a group of commands."""


def main() -> None:
    """Entry point of the ``panmodal`` command."""
    try:
        from .app import app

        app()
    except KeyboardInterrupt:  # before any command could take it
        raise SystemExit(130) from None
