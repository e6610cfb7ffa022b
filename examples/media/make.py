"""Makes the sample scenes, clip and meeting of the examples again, and writes what is true of them into `truth.json`.

    python examples/media/make.py

Scenes and clip are drawn by Panmodal's procedural world, the voices are espeak-ng's; every seed stands here.
"""

import json
from pathlib import Path

import numpy as np
import soundfile

from panmodal.agent.lab.world.acoustics import RATE, resampled
from panmodal.agent.lab.world.clips import ClipConfig, render_clip
from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.agent.lab.world.writing import clip_truth, scene_truth
from panmodal.tools.loaders.espeak_speech import speak
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.image import Image
from panmodal.tools.video.encoding import SOUND_RATE, mp4

HERE = Path(__file__).parent
CLASSES = ("circle", "star", "car", "house", "tree", "boat", "cup", "heart")
SCENE = SceneConfig(side=256, count=(2, 6), size=(0.12, 0.36), classes=CLASSES, repeat=0.9)
SCENES = (9, 45, 24, 1, 382, 11)  # seeds
CLIP, CLIP_SEED = ClipConfig(seconds=(4, 4), count=(2, 2), backgrounds=("plain", "gradient", "ground")), 41
COMMENT = "there is a black sign and a purple house"  # heard in the clip
MEETING = (
    ("en-us+f2", "what is in the picture"),
    ("en-us+m3", "there is a red boat"),
    ("en-us+f2", "the boat is small"),
    ("en-us+m3", "draw a large red boat"),
    ("en-us+f2", "how many stars are there"),
    ("en-us+m3", "there are no stars"),
)


def said(voice: str, sentence: str) -> np.ndarray:
    """A sentence and a pause behind it: (N,) at 16 kHz."""
    speech = speak(sentence, voice, rate=150)
    return np.pad(resampled(speech.samples, speech.rate), (0, round(0.7 * RATE)))


def main() -> None:
    path = HERE / "truth.json"
    truth = json.loads(path.read_text())
    (HERE / "scenes").mkdir(exist_ok=True)
    for number, seed in enumerate(SCENES, start=1):
        scene = render_scene(seed, SCENE, split="demo")
        known = scene_truth(scene)
        truth[f"scenes/{number}.png"] = {key: known[key] for key in ("seed", "split", "side", "background", "objects")}
        (HERE / "scenes" / f"{number}.png").write_bytes(Image.from_array(scene.image).encode()[0])

    clip = render_clip(CLIP_SEED, CLIP, split="demo")
    told = ("label", "colour", "motion", "spans")
    things = [{key: thing[key] for key in told} for thing in clip_truth(clip)["things"]]
    truth["clip.mp4"] = {"seed": CLIP_SEED, "split": "demo", "seconds": clip.seconds, "things": things, "said": COMMENT}
    comment = Audio.from_samples(said("en-us+f2", COMMENT)[:, None], RATE).mono(SOUND_RATE)[:, None]
    film = mp4(clip.frames, clip.rate, {"crf": "20"}, "the procedural world", Audio.from_samples(comment, SOUND_RATE))
    (HERE / "clip.mp4").write_bytes(film)

    truth["meeting.flac"] = {"said": [sentence for _, sentence in MEETING]}
    soundfile.write(HERE / "meeting.flac", np.concatenate([said(*each) for each in MEETING]), RATE)
    path.write_text(json.dumps(truth, indent=2) + "\n")


if __name__ == "__main__":
    main()
