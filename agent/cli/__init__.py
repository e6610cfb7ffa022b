"""The command line: one file a group of commands."""


def main() -> None:
    """Entry point of the ``panmodal`` command."""
    from .app import app

    app()
