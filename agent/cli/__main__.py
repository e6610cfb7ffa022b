"""``python -m panmodal.agent.cli`` is the ``panmodal`` command."""

from . import main

main()
