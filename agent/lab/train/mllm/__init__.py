"""The recipe of the small MLLM: questions from the truth, four stages, evaluation from pixels."""
