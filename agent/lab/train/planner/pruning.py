"""`python -m panmodal.agent.lab.train.planner.pruning MODEL --tokens 180 --out FOLDER`: a backbone with fewer words.

Words that the tokenizer has as whole tokens but calls too rare to be learnt are read like unknown ones, by a mark and
their letters: without their tokens the letters take a token more. The last such tokens that no other one is made of,
and that the MLLM does not speak, are taken out, and their rows of the word embeddings with them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from .train import FORMAT

WEIGHTS = "model.safetensors"
_SPACE = "\u0120"  # how a byte-level BPE writes the space before a word


def prune(model: Path, out: Path, count: int) -> int:
    """Write the model in the folder `model` without up to `count` rare tokens to `out`; gives how many are left out."""
    shutil.copytree(model, out, dirs_exist_ok=True)
    tokenizer, settings = (_read(model / name) for name in ("tokenizer.json", "tokenizer_config.json"))
    bpe = tokenizer["model"]
    spoken = _read(model / FORMAT).get("words", [])
    lost = _leaves(bpe, [word for word in settings["rare"] if word not in spoken])[-count:] if count else []
    kept = sorted(({**bpe["vocab"], **_added(tokenizer)}.items()), key=lambda entry: entry[1])
    kept = [(token, number) for token, number in kept if token not in set(lost)]
    renumbered = {number: new for new, (_, number) in enumerate(kept)}
    bpe["vocab"] = {token: renumbered[number] for token, number in bpe["vocab"].items() if token not in set(lost)}
    bpe["merges"] = [merge for merge in bpe["merges"] if "".join(merge) not in set(lost)]
    for token in tokenizer["added_tokens"]:
        token["id"] = renumbered[token["id"]]
    settings["rare"] = [word for word in settings["rare"] if _SPACE + word not in set(lost)]
    _write(out / "tokenizer.json", tokenizer)
    _write(out / "tokenizer_config.json", settings, indent=2)
    weights = load_file(model / WEIGHTS)
    rows = torch.tensor([number for _, number in kept])
    total = len(kept) + len(lost)
    chosen = {name: value[rows] if value.shape[:1] == (total,) else value for name, value in weights.items()}
    save_file({name: value.contiguous() for name, value in chosen.items()}, out / WEIGHTS, metadata={"format": "pt"})
    config = _read(model / "config.json")
    config.get("text_config", config)["vocab_size"] = len(kept)
    _write(out / "config.json", config, indent=2)
    return len(lost)


def _leaves(bpe: dict[str, Any], rare: list[str]) -> list[str]:
    """The tokens of rare words that no other token is made of, in the order in which they were merged."""
    parts = {part for merge in bpe["merges"] for part in merge}
    words = {_SPACE + word for word in rare if word.isascii()}
    merged = ["".join(merge) for merge in bpe["merges"]]
    return [token for token in merged if token in words and token not in parts]


def _added(tokenizer: dict[str, Any]) -> dict[str, int]:
    return {token["content"]: token["id"] for token in tokenizer["added_tokens"]}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, data: Any, indent: int | None = None) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and prune."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--tokens", type=int, required=True, help="how many to leave out at most")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(prune(options.model, options.out, options.tokens), "tokens left out")


if __name__ == "__main__":
    main()
