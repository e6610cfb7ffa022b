"""The recipe of the role `embedder`: one space for pictures and texts, learnt from scenes and their near twins."""
