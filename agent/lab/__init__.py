"""Where Panmodal makes and measures: the procedural world, training recipes, evaluation, benchmarks."""
