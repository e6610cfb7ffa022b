"""`panmodal train asr`: train the recogniser against the clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import torch

from .....tools.loaders.whisper_letters import Alphabet, hear, mel_of
from ...world.acoustics import RATE
from ...world.speech import render_speech
from ..schedule import learning_rate
from ..weights import load_full, save_half, whole
from .learner import IGNORED, Batch, Learner
from .utterances import SECONDS, Example, Speaker, logarithm

PEAK = 2e-3
BATCH = 12
FRESH = 3
"""Utterances rendered for a step; a batch is drawn from all that were rendered so far."""
REMEMBERED = 40_000
_FIRST = 600  # utterances before the first step
_WRITES = 600  # the step from which the decoder learns
_PADDED = 0.12  # share of batches that are padded to the whole context, as a listener pads
_SAVE = 240.0  # seconds
Log = Callable[[str], None]


class Stream:
    """Batches of about equal length, without end."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.rng = np.random.default_rng([speaker.seed, speaker.number, 4])
        self.memory: list[Example] = []

    def __iter__(self) -> Iterator[Batch]:
        while True:
            new = FRESH if len(self.memory) >= _FIRST else _FIRST
            self.memory += [self.speaker.example() for _ in range(new)]
            del self.memory[: max(0, len(self.memory) - REMEMBERED)]
            drawn = [self.memory[int(i)] for i in self.rng.integers(len(self.memory), size=4 * BATCH)]
            drawn.sort(key=lambda example: example.root.shape[1])
            start = int(self.rng.integers(3 * BATCH + 1))
            yield self._batch(drawn[start : start + BATCH])

    def _batch(self, rows: list[Example]) -> Batch:
        frames = max(row.root.shape[1] for row in rows)
        if self.rng.random() < _PADDED:
            frames = round(SECONDS * 100)
        mel = logarithm(torch.stack([self.speaker.heard(row, self.rng, frames) for row in rows]))
        longest = max(len(row.letters) for row in rows)
        tokens = torch.full((len(rows), longest + 2), Alphabet.END)
        at = torch.zeros(len(rows), longest + 1)
        phonemes = torch.full((len(rows), frames // 2), IGNORED)
        tokens[:, 0] = Alphabet.BEGIN
        for i, row in enumerate(rows):
            tokens[i, 1 : len(row.letters) + 1] = torch.tensor(row.letters)
            at[i, : len(row.at)] = torch.from_numpy(row.at)
            phonemes[i, : len(row.phonemes)] = torch.from_numpy(row.phonemes.astype(np.int64))
        return Batch(mel, tokens, torch.tensor([len(row.letters) for row in rows]), at, phonemes)


def train(out: Path, *, minutes: float, seed: int, resume_from: Path | None, log: Log = print) -> None:
    """Train for ``minutes`` of the clock; writes model.safetensors, heads.safetensors and config.json to ``out``.

    ``resume_from`` is such a folder, whose weights are the start of a fresh schedule with fresh utterances; of one
    without heads give another seed, for it does not say how far this one's went.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    alphabet = Alphabet()
    learner = Learner(alphabet)
    facts: dict[str, Any] = {"rendered": 0, "phonemes": [""]}
    if resume_from is not None:
        learner.model.load_state_dict(load_full(resume_from / "model.safetensors"))
        if (resume_from / "heads.safetensors").exists():  # a shipped folder has neither: its heads begin anew
            learner.load_state_dict(load_full(resume_from / "heads.safetensors"), strict=False)
            facts = json.loads((resume_from / "facts.json").read_text(encoding="utf-8"))
    optimiser = torch.optim.AdamW(learner.parameters(), lr=PEAK, betas=(0.9, 0.98), weight_decay=0.02, foreach=True)
    stream = Stream(Speaker(seed, facts["rendered"], facts["phonemes"]))
    began = told = saved = time.monotonic()
    means: dict[str, float] = {}
    step = heard = 0
    for batch in stream:
        now = time.monotonic()
        if now - began >= 60 * minutes:
            break
        share = learning_rate(now - began, 60 * minutes)
        for group in optimiser.param_groups:
            group["lr"] = PEAK * share
        learner.train()
        losses = learner.losses(batch, writes=step >= _WRITES or resume_from is not None)
        early = max(0.0, 1 - step / 4_000)
        weights = {"ctc": 0.6, "phonemes": 0.3 + 0.7 * early, "letters": 1.0, "guided": 0.15}
        optimiser.zero_grad(set_to_none=True)
        torch.stack([weights[name] * loss for name, loss in losses.items()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
        step, heard = step + 1, heard + len(batch.mel)
        for name, loss in losses.items():
            value = float(loss.detach())
            means[name] = 0.99 * means.get(name, value) + 0.01 * value
        if now - told > 60:
            told = now
            figures = " ".join(f"{name} {mean:.3f}" for name, mean in means.items())
            log(
                f"{(now - began) / 60:.1f} min, step {step}, {heard} heard, {stream.speaker.number} rendered, {figures}"
            )
        if now - saved > _SAVE:
            saved = time.monotonic()
            _save(learner, alphabet, out, stream.speaker)
            log(f"word errors on val: {_errors(learner, alphabet):.3f}")
    _save(learner, alphabet, out, stream.speaker)


def _errors(learner: Learner, alphabet: Alphabet, count: int = 60) -> float:
    learner.eval()
    said = [render_speech(seed, split="val") for seed in range(count)]
    mels = torch.stack([mel_of(learner.model, one.samples) for one in said])
    heard = hear(learner.model, mels, alphabet, [len(one.samples) / RATE for one in said])
    return float(jiwer.wer([one.sentence.text for one in said], [" ".join(word.text for word in row) for row in heard]))


def _save(learner: Learner, alphabet: Alphabet, out: Path, speaker: Speaker) -> None:
    """Write everything beside the last checkpoint first, so that a killed run leaves one whole."""
    with whole(out) as part:
        save_half(learner.model.state_dict(), part / "model.safetensors")
        heads = {name: value for name, value in learner.state_dict().items() if not name.startswith("model.")}
        save_half(heads, part / "heads.safetensors")
        config = {
            "dims": asdict(learner.model.dims),
            "letters": alphabet.letters,
            "alignment_heads": learner.model.alignment_heads.indices().T.tolist(),
            "language": "en",
        }
        (part / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        facts = {"rendered": speaker.number, "phonemes": list(speaker.phonemes)}
        (part / "facts.json").write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
