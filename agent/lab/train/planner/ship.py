"""`python -m panmodal.agent.lab.train.planner.ship MODEL`: put a trained planner LM into the profile `mini`.

Copies the exported model, adds the registry's digest to `panmodal.json`, measures the model and writes the figures into
its model card.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from .....tools.registry import default_registry
from .evaluate import evaluate
from .train import FORMAT

PLACE = Path(__file__).parents[3] / "profiles" / "mini" / "planner"
FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

CARD = """# Planner LM of the profile `mini`

Writes plans: from a request and the kinds of what is attached to a plan of at most eight steps over these tools:
{tools}.
LlamaForCausalLM, {parameters:.1f} M parameters, float16, byte-level BPE of {vocabulary} tokens. Licence: Apache-2.0.

- Data: requests with gold plans composed from small grammars (`agent/lab/train/planner/`), English and some Chinese;
  45 % of the nouns are pseudo-words, so that it copies labels from the request instead of knowing them.
- Recipe: `panmodal train planner`, or `python -m panmodal.agent.lab.train.planner --minutes 30 --out FOLDER`. These
  weights: {requests} requests, {minutes} CPU minutes of one core, seed {seed}.
- It decodes under a grammar made for the request (`planners/backends/constraint.py`), so every plan parses, its
  references exist and its kinds fit; whether it is the plan that was meant is measured below.
- Prompt: `planners/backends/prompt_format.py`; `panmodal.json` names the trained tools and the digest of their
  registry.

Share of exactly right plans (canonical form), greedy, {count} fresh requests a row (seed {check}), 95 % interval:

```
{figures}
```

Rows: `seen` wordings as trained; `forms` about half of the phrases in wordings held out from training; `nouns` held-out
nouns; `joined` two or three wishes in one request.

Limits: wordings far from the trained ones, more than three wishes, conditions ("if there is a cat …"), comparisons and
exclusions ("everything but the star") are planned wrongly or asked of the picture. It knows no tool but those above.
"""


def ship(model: Path, place: Path, count: int, seed: int) -> Path:
    """Copy, measure and describe; gives the folder."""
    torch.set_num_threads(1)
    place.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(model / name, place / name)
    registry = default_registry()
    facts = json.loads((model / FORMAT).read_text(encoding="utf-8"))
    digest = registry.subset(facts["trained_tools"]).digest()
    (place / FORMAT).write_text(json.dumps(facts | {"registry": digest}, indent=1) + "\n", encoding="utf-8")
    figures = evaluate(place, count, seed, free=True)
    weights = (place / "model.safetensors").stat().st_size
    card = CARD.format(
        tools=", ".join(f"`{name}`" for name in facts["trained_tools"]),
        parameters=weights / 2e6,
        vocabulary=json.loads((place / "config.json").read_text(encoding="utf-8"))["vocab_size"],
        requests=facts["requests_seen"],
        minutes=facts["cpu_minutes"],
        seed=facts["seed"],
        count=count,
        check=seed,
        figures="\n".join(figures.lines),
    )
    (place / "README.md").write_text(card, encoding="utf-8")
    return place


def main() -> None:
    """Read the command line and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--to", type=Path, default=PLACE)
    parser.add_argument("--n", type=int, default=200, help="requests of each split")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(ship(options.model, options.to, options.n, options.seed))


if __name__ == "__main__":
    main()
