"""`python -m panmodal.agent.lab.train.planner --minutes 90 --out FOLDER`: train the planner LM of `mini`.

`--catalog FILE` reads the tools from a file that `--write-catalog FILE` wrote elsewhere: then neither the registry nor
pydantic is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .catalog import Catalog
from .train import Recipe, train


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for state and exported model")
    parser.add_argument("--minutes", type=float, default=90.0, help="CPU time of the whole learning-rate schedule")
    parser.add_argument("--wall", type=float, default=180.0, help="minutes of wall time after which it ends anyway")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument("--bfloat16", action="store_true", help="passes in bf16: faster on cores with units for it")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/state.pt")
    parser.add_argument("--from", dest="earlier", type=Path, help="folder of an earlier model to start from")
    parser.add_argument("--catalog", type=Path, help="the tools as a file (default: the registry's)")
    parser.add_argument("--write-catalog", type=Path, help="write the registry's tools to this file, and no more")
    options = parser.parse_args()
    catalog = Catalog.read(options.catalog)
    if options.write_catalog:
        options.write_catalog.write_text(catalog.to_json(), encoding="utf-8")
        return
    if options.out is None:
        parser.error("--out is missing: the folder for state and exported model")
    recipe = Recipe(minutes=options.minutes, wall=options.wall, seed=options.seed, bfloat16=options.bfloat16,
                    device=options.device)  # fmt: skip
    folder = train(recipe, catalog, options.out, resume=options.resume, earlier=options.earlier,
                   log=lambda line: print(line, flush=True))  # fmt: skip
    print(folder)


if __name__ == "__main__":
    main()
