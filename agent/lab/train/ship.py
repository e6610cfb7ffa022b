"""`python -m panmodal.agent.lab.train.ship MODEL`: put a trained backbone into the profile `mini`.

Copies the exported model, adds the registry's digest to `panmodal.json`, measures it in both roles, writes
`accuracy.json` and the figures into its model card, and states the folder's digest in the profile.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path

import torch

from ....tools.loaders.checkpoints import digest
from ....tools.registry import default_registry
from .mllm import evaluate as mllm
from .planner import evaluate as planner
from .planner.phrasings import asides, own
from .planner.train import FORMAT

PROFILE = Path(__file__).parents[2] / "profiles" / "mini.toml"
PLACE = PROFILE.with_suffix("") / "backbone"
CARD = Path(__file__).with_name("card.md")
FILES = (
    "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json",
)  # fmt: skip


def ship(model: Path, place: Path, count: int, seed: int) -> Path:
    """Copy, measure and describe; gives the folder."""
    torch.set_num_threads(1)
    place.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(model / name, place / name)
    tokenizer = place / "tokenizer.json"  # of which the library fills half with blanks
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    tokenizer.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    registry = default_registry()
    facts = json.loads((model / FORMAT).read_text(encoding="utf-8"))
    known = registry.subset(facts["trained_tools"]).digest()
    (place / FORMAT).write_text(json.dumps(facts | {"registry": known}, indent=1) + "\n", encoding="utf-8")
    plans = planner.evaluate(place, count, seed)
    answers: list[str] = []
    accuracy = mllm.report(place, seed, count, log=answers.append)
    (place / "accuracy.json").write_text(json.dumps(accuracy, indent=1) + "\n", encoding="utf-8")
    told = {
        "tools": ", ".join(f"`{name}`" for name in facts["trained_tools"]),
        "parameters": f"{(place / 'model.safetensors').stat().st_size / 2e6:.1f}",
        "vocabulary": json.loads((place / "config.json").read_text(encoding="utf-8"))["text_config"]["vocab_size"],
        "phrasings": f"{sum(1 for _ in own()):,}",
        "asides": f"{sum(1 for _ in asides()):,}",
        "count": count,
        "seed": seed,
        "plans": "\n".join(plans.lines),
        "answers": "\n".join(answers),
    }
    text = CARD.read_text(encoding="utf-8")
    for name, value in told.items():
        text = text.replace(f"<{name}>", str(value))
    (place / "README.md").write_text(text, encoding="utf-8")
    return place


def state(place: Path, profile: Path) -> None:
    """Write the folder's digest into the sections of the profile that name it."""
    text = profile.read_text(encoding="utf-8")
    named = re.compile(rf'(checkpoint = "package:mini/{place.name}"\nsha256 = ")[0-9a-f]*')
    profile.write_text(named.sub(rf"\g<1>{digest(place)}", text), encoding="utf-8")


def main() -> None:
    """Read the command line and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--to", type=Path, default=PLACE)
    parser.add_argument("--n", type=int, default=200, help="requests of each split, and questions of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(ship(options.model, options.to, options.n, options.seed))
    if options.to == PLACE:
        state(PLACE, PROFILE)


if __name__ == "__main__":
    main()
