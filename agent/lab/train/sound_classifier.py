"""Trains the sound classifier of `mini`: an Audio Spectrogram Transformer (AST; Gong et al. 2021), small, from nothing.

    python -m panmodal.agent.lab.train.sound_classifier --minutes 12 --out runs/sound_classifier

Sounds are rendered while it trains and kept without noise, as the power of their mel bands; an example lays up to three
of them over noise, anywhere and at any level, so that none is ever met twice. Adding powers leaves out the product of
the waves; what is measured are recordings whose waves were added. The learning rate follows the clock.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import IterableDataset, get_worker_info
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from ....tools.loaders.timbres import TIMBRES, synthesise
from ..world.acoustics import NOISES, RATE, Waveform, noise, power
from ..world.scenes import stream
from ..world.sounds import SOUNDS
from .clocked import descend, loaded, run
from .command import ordered
from .sound_evaluate import evaluate, measure, opened, scores
from .weights import save_model, whole

BATCH, BATCH_CUDA = 32, 256
PEAK_RATE = 2e-3
HELD_OUT = 96
"""Recordings of the split val that are measured with every checkpoint, of each kind."""
FACTS = "training.json"
"""File of an exported folder that tells how often and on how many examples it was trained."""

MELS, STRIDE = 48, 16
"""Bands of the extractor, and frames from one of the model's patches to the next; a patch, MELS frames long, holds all
bands, so that the sounds of a moment need not be put together from several."""
FRAMES = 400
"""Of the longest recording, 100 a second; the extractor cuts what is longer."""
PATCHES = 1 + (FRAMES - MELS) // STRIDE
_SOUNDING = 0.2  # share of a patch's frames from which on a sound is one of the patch's
_MEAN, _STD = -4.2, 2.0  # of the log powers of examples; the class divides by twice the second

_COUNTS = (0.10, 0.45, 0.25, 0.20)  # shares of examples with no sound, one, two and three
_CLEAN = 0.03  # share without noise
_SNR_DB, _GAIN_DB, _LEVEL_DB = (3.0, 45.0), (-18.0, -3.0), (-12.0, 0.0)
_CUT = 0.2  # share of sounds that may begin before the recording or end after it
_FIRST, _FRESH = 12, 1 / 16  # sounds of a class before the first batch; sounds rendered for an example after it
_KEPT = 400  # of each class, the newest
_SEEDS, _STARTS = 10_000_000, 1_000_000  # how far apart the sounds of two training seeds, or starts, begin
_FLOOR = float(np.finfo(np.float32).eps)  # the extractor's least power

Log = Callable[[str], None]
Powers = NDArray[np.float32]


class Piece(NamedTuple):
    """A sound or a noise alone: ``mel`` (T, MELS), the power of the mel bands; ``power``, the wave's mean square."""

    mel: Powers
    power: float


class Batch(NamedTuple):
    """N examples: ``features`` (N, FRAMES, MELS), as the extractor gives them, and what sounds in them.

    ``labels`` (N, 1 + PATCHES, classes) are 0 or 1: first those of the recording, then those of its patches.
    """

    features: Tensor
    labels: Tensor


def extractor() -> ASTFeatureExtractor:
    """What turns a recording into the model's input."""
    return ASTFeatureExtractor(sampling_rate=RATE, num_mel_bins=MELS, max_length=FRAMES, mean=_MEAN, std=_STD)


def mel_power(samples: Waveform) -> Powers:
    """The power of the mel bands, (T, MELS) with T at most FRAMES, as the extractor has it before the logarithm."""
    plain = ASTFeatureExtractor(sampling_rate=RATE, num_mel_bins=MELS, max_length=FRAMES, do_normalize=False)
    logs = plain(samples, sampling_rate=RATE, return_tensors="np")["input_values"][0]
    found: Powers = np.exp(logs[: frames_of(len(samples))])
    return found


def frames_of(samples: int) -> int:
    """Frames of 25 ms, one every 10 ms, that lie wholly in so many samples."""
    return min(FRAMES, 1 + (samples - 400) // 160)


class Mixtures(IterableDataset[Batch]):
    """Batches without end, made in the process that iterates; workers render different sounds.

    Args:
        batch: examples of a batch.
        seed: of everything.
        start: how often this training was started before: each start renders sounds of its own.
    """

    def __init__(self, batch: int, seed: int, start: int = 0) -> None:
        self.batch, self.seed, self.start = batch, seed, start
        self.sounds: list[deque[Piece]] = [deque(maxlen=_KEPT) for _ in SOUNDS]
        self.noises: deque[Piece] = deque(maxlen=_KEPT)
        self._turns = itertools.cycle(range(len(SOUNDS)))
        self._normal = extractor()

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = np.random.default_rng([self.seed, self.start, number])
        numbers = itertools.count(self.seed * _SEEDS + self.start * _STARTS + number, workers)
        self._render(rng, numbers, _FIRST * len(SOUNDS))
        while True:
            self._render(rng, numbers, round(self.batch * _FRESH))
            examples = [self.example(rng) for _ in range(self.batch)]
            features, labels = (torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True))
            yield Batch(features, labels)

    def _render(self, rng: np.random.Generator, numbers: Iterator[int], count: int) -> None:
        """Remember ``count`` more sounds, and a noise for every tenth."""
        for label, number in zip(itertools.islice(self._turns, count), numbers, strict=False):
            own = stream("train", number, "timbres")
            self.sounds[label].append(rendered(SOUNDS[label], own))
            if len(self.noises) < len(NOISES) or rng.random() < 0.1:
                colour = list(NOISES)[len(self.noises) % len(NOISES)]
                self.noises.append(Piece(mel_power(noise(own, FRAMES * 160 + 400, colour)), 1.0))

    def example(self, rng: np.random.Generator) -> tuple[Powers, Powers]:
        """Features (FRAMES, MELS) and labels (see :class:`Batch`) of sounds over noise; there may be none of either."""
        frames = int(rng.integers(frames_of(RATE), FRAMES))
        heard, active = np.zeros((FRAMES, MELS), np.float32), np.zeros((FRAMES, len(SOUNDS)), np.bool_)
        energy = 0.0
        for label in rng.choice(len(SOUNDS), int(rng.choice(len(_COUNTS), p=_COUNTS)), replace=False):
            piece = self.sounds[label][int(rng.integers(len(self.sounds[label])))]
            gain = 10 ** (float(rng.uniform(*_GAIN_DB)) / 10)
            into, of = placed(rng, len(piece.mel), frames)
            heard[into] += gain * piece.mel[of]
            active[into, label] = True
            energy += gain * piece.power * (of.stop - of.start)
        level = energy / active.any(1).sum() if energy else 10 ** float(rng.uniform(-5, -1))
        if rng.random() >= _CLEAN:
            bank = self.noises[int(rng.integers(len(self.noises)))].mel
            first = int(rng.integers(len(bank) - frames + 1))
            heard[:frames] += level * 10 ** (-float(rng.uniform(*_SNR_DB)) / 10) * bank[first : first + frames]
        heard *= 10 ** (float(rng.uniform(*_LEVEL_DB)) / 10)
        logs = np.log(np.maximum(heard, _FLOOR))
        logs[frames:] = 0  # as the extractor pads
        return self._normal.normalize(logs).astype(np.float32), _labels(active)


def _labels(active: NDArray[np.bool_]) -> Powers:
    """Of the recording and of each patch, (1 + PATCHES, classes), from what sounds in each frame, (FRAMES, classes)."""
    windows = np.lib.stride_tricks.sliding_window_view(active, MELS, axis=0)[::STRIDE]
    return np.concatenate([active.any(0, keepdims=True), windows.mean(-1) >= _SOUNDING]).astype(np.float32)


def rendered(label: str, rng: np.random.Generator) -> Piece:
    """A sound of a class, at full scale, that begins anywhere within a frame."""
    timbre = TIMBRES[label]
    wave = synthesise(label, rng, round(float(rng.uniform(timbre.shortest, timbre.longest)) * RATE))
    return Piece(mel_power(np.pad(wave, (int(rng.integers(240, 400)), 400))), power(wave))


def placed(rng: np.random.Generator, size: int, frames: int) -> tuple[slice, slice]:
    """Where in a recording of ``frames`` a piece of ``size`` lies, and which of its frames: most often all that fit.

    A piece that may be cut keeps at least two thirds, or the recording's length.
    """
    spare = size // 3 if rng.random() < _CUT else 0
    start = int(rng.integers(-spare, max(0, frames - size + spare) + 1))
    first, last = max(0, start), min(frames, start + size)
    return slice(first, last), slice(first - start, last - start)


def fresh_model() -> ASTForAudioClassification:
    """The model before training, with sines and cosines as positions, which the class begins with zeros."""
    config = ASTConfig(
        hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=128, initializer_range=0.08,
        patch_size=MELS, frequency_stride=MELS, time_stride=STRIDE, max_length=FRAMES, num_mel_bins=MELS,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, problem_type="multi_label_classification",
        id2label=dict(enumerate(SOUNDS)), label2id={label: i for i, label in enumerate(SOUNDS)},
    )  # fmt: skip
    model = ASTForAudioClassification(config)
    with torch.no_grad():
        embeddings = model.audio_spectrogram_transformer.embeddings
        angles = torch.arange(PATCHES)[:, None] * 50.0 ** -torch.linspace(0, 1, config.hidden_size // 2)
        embeddings.position_embeddings[0, 2:] = 0.3 * torch.cat([angles.sin(), angles.cos()], 1)
        torch.nn.init.normal_(embeddings.cls_token, std=0.3)
        torch.nn.init.normal_(embeddings.distillation_token, std=0.3)
        model.classifier.dense.bias.fill_(-2.2)  # a tenth of the labels are true
    return model


def train(
    out: Path, *, minutes: float, seed: int, device: str = "cpu", resume_from: Path | None = None, log: Log = print
) -> None:
    """Train for ``minutes``; exports to ``out`` a folder that transformers' auto classes open.

    ``resume_from`` is such a folder of an earlier run, whose weights are the start of a fresh schedule on sounds of its
    own. A checkpoint is written, and held-out figures are logged, every three minutes.
    """
    torch.manual_seed(seed)
    model, facts = fresh_model(), {"starts": 0, "examples": 0}
    if resume_from is not None:
        model, _ = opened(resume_from)
        facts = json.loads((resume_from / FACTS).read_text(encoding="utf-8"))
    model.to(device)
    on_cpu = torch.device(device).type == "cpu"
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    mixtures = Mixtures(BATCH if on_cpu else BATCH_CUDA, seed, facts["starts"])
    facts["starts"] += 1
    run(
        loaded(mixtures, device),
        optimizer,
        lambda batch: _step(model, optimizer, Batch(*(part.to(device) for part in batch))),
        lambda: _save(model, out, facts, log),
        minutes=minutes,
        batch=mixtures.batch,
        facts=facts,
        log=log,
    )


def _step(model: ASTForAudioClassification, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One step of the optimizer; returns the loss of the recordings' labels.

    The patches are taught what sounds in them by the same classifier: without it the model learns nothing for long.
    """
    model.train()
    with torch.autocast(batch.labels.device.type, torch.bfloat16, enabled=batch.labels.is_cuda):
        heard = model.audio_spectrogram_transformer(batch.features)
        pooled, patches = heard.pooler_output[:, None], heard.last_hidden_state[:, 2:]
        logits = model.classifier(torch.cat([pooled, patches], 1)).float()
    losses = binary_cross_entropy_with_logits(logits, batch.labels, reduction="none").mean((0, 2))
    loss = losses[0] + losses[1:].mean()
    descend(model, optimizer, loss)
    return float(losses[0].detach())


def _save(model: ASTForAudioClassification, folder: Path, facts: dict[str, int], log: Log) -> None:
    """Write the checkpoint, and log what it does on a few held-out recordings."""
    with whole(folder) as part:
        save_model(model, part)
        extractor().save_pretrained(part)
        (part / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    log(
        f"held out: {json.dumps(measure(partial(scores, model, extractor()), seed=0, n=HELD_OUT, split='val').brief())}"
    )


def main() -> None:
    """Command line of the recipe."""
    given = ordered("sound classifier", minutes=12)
    train(**given)
    print(json.dumps(evaluate(given["out"], seed=0, n=400), indent=2))


if __name__ == "__main__":
    main()
