"""Which lines of a file of phrasings no training sees. Stdlib only."""

from __future__ import annotations

import hashlib


def held_out(line: str) -> bool:
    """Whether a line of the MLLM's phrasings is one of the tenth that is left out, by a hash of it."""
    return hashlib.sha256(line.strip().encode()).digest()[0] % 10 == 0
