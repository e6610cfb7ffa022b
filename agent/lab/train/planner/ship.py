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
from .catalog import Catalog
from .evaluate import evaluate
from .phrasings import Phrasings
from .train import FORMAT

PLACE = Path(__file__).parents[3] / "profiles" / "mini" / "planner"
FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

CARD = """# Planner LM of the profile `mini`

Writes plans: from a request and the kinds of what is attached to a plan of at most eight steps over these tools:
{tools}.
LlamaForCausalLM, {parameters:.1f} M parameters, float16, byte-level BPE of {vocabulary} tokens. Licence: Apache-2.0.

- Data: requests with gold plans filled from {phrasings} phrasings of several authors
  (language models in different roles), English and Chinese
  (`agent/lab/train/planner/phrasings/`), over the tools of the registry; half of the nouns are pseudo-words or too
  rare to be learnt, so that it copies labels from the request instead of knowing them.
- Recipe: `panmodal train planner`, or `python -m panmodal.agent.lab.train.planner --minutes 84 --out FOLDER`, which
  `--from` an earlier model starts with that. These weights: a last leg of {requests} requests, {minutes} CPU minutes of
  one core, seed {seed}, after legs of 135, 347, 48, 272 and 84 thousand requests (the first two with four and six
  layers and without marks; the first four read Chinese sign by sign). Phrasings joined between legs: the command alone
  does not repeat it.
- It decodes under a grammar made for the request (`planners/backends/constraint.py`), so every plan parses, its
  references exist and its kinds fit; whether it is the plan that was meant is measured below.
- Prompt: `planners/backends/prompt_format.py` (a word that the vocabulary does not have as a whole stands behind a
  mark, and plans copy the mark; Chinese is cut into words); `panmodal.json` names the trained tools and the digest of
  their registry.

Share of exactly right plans (canonical form), greedy, {count} fresh requests a row (seed {check}), 95 % interval:

```
{figures}
```

Rows: `seen` phrasings and nouns as trained; set (a), phrasings held out from training: `forms` one wish, `nouns`
one wish with held-out nouns, `joined` several wishes or every one of several pictures; set (b), the same with
phrasings of authors apart who have seen no training data: `b_forms`, `b_nouns`, `b_joined`.

Limits: conditions ("if there is a cat …"), comparisons and exclusions ("everything but the star") are planned wrongly
or asked of the picture; so are more than three wishes. It knows no tool but those above.
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
    figures = evaluate(place, count, seed)
    weights = (place / "model.safetensors").stat().st_size
    card = CARD.format(
        tools=", ".join(f"`{name}`" for name in facts["trained_tools"]),
        parameters=weights / 2e6,
        vocabulary=json.loads((place / "config.json").read_text(encoding="utf-8"))["vocab_size"],
        phrasings=sum(n for pool, n in Phrasings(Catalog.of(registry)).count().items() if pool != "b"),
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
