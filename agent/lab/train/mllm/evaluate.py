"""`python -m panmodal.agent.lab.train.mllm.evaluate FOLDER --n 200`: accuracy by kind of question, from pixels.

Scenes come from the split "test" at their full size and go through the checkpoint's own processor and `generate`, as a
request's picture does. A kind's share is of questions whose whole answer is right.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ...world.scenes import Scene, render_scene
from .data import GATE, scene_arrays, things_of
from .questions import KINDS, Asker, Question

BATCH = 16


def questions_about(scene: Scene, seed: int, kinds: Sequence[str] = KINDS) -> Iterator[Question]:
    """One question of each of these kinds that the scene admits."""
    row = scene_arrays(scene)
    asker = Asker(things_of(row["labels"], row["colours"], row["centres"]), np.random.default_rng([11, seed]))
    for kind in kinds:
        question = asker.ask(kind)
        if question is not None:
            yield question


@torch.inference_mode()
def answers(model: Any, processor: Any, pictures: list[Image.Image], questions: list[str]) -> list[str]:
    """Greedy answers, one picture a question."""
    texts = [
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
            add_generation_prompt=True,
        )
        for question in questions
    ]
    inputs = processor(images=pictures, text=texts, return_tensors="pt", padding=True, padding_side="left")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=64)
    found: list[str] = processor.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in found]


def evaluate(
    folder: Path, scenes: int, *, split: str = "test", kinds: Sequence[str] = KINDS
) -> dict[str, dict[str, int]]:
    """`{kind: {"n": questions, "right": right answers}}` on `scenes` scenes of the gate's kind."""
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    found = {kind: {"n": 0, "right": 0} for kind in kinds}
    waiting: list[tuple[Image.Image, Question]] = []
    for seed in range(scenes):
        scene = render_scene(seed, GATE, split=split)
        picture = Image.fromarray(scene.image)
        waiting += [(picture, question) for question in questions_about(scene, seed, kinds)]
    waiting.sort(key=lambda item: item[1].kind)
    for start in range(0, len(waiting), BATCH):
        chunk = waiting[start : start + BATCH]
        given = answers(model, processor, [picture for picture, _ in chunk], [question.prompt for _, question in chunk])
        for (_, question), answer in zip(chunk, given, strict=True):
            found[question.kind]["n"] += 1
            found[question.kind]["right"] += answer.split() == spoken(question.answer).split()
    return found


def spoken(answer: str) -> str:
    """The answer as the tokenizer decodes it: no space before punctuation."""
    return answer.replace(" ,", ",").replace(" .", ".")


def main() -> None:
    """Print the shares; `--out` writes the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=200, help="scenes")
    parser.add_argument("--split", default="test")
    parser.add_argument("--out", type=Path, help="JSON file for the counts")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = evaluate(given.folder, given.n, split=given.split)
    for kind, count in found.items():
        print(f"{kind:10} {count['right'] / max(count['n'], 1):.3f}  n={count['n']}")
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
