"""Draws what a recorded sentence asks for, until the detector finds it in the picture.

    python examples/draw_what_is_said.py examples/media/request.flac --out drawn.png

`mini` hears and draws only its own world, at 64 pixels a side; `--profile` names a profile of yours.
"""

import argparse
import sys
from pathlib import Path

from PIL.Image import Resampling

from panmodal import Agent, Plan, tool
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.transcript import Transcript
from panmodal.tools.roles import Detector, Drawing, ImageGenerator, Recogniser, StepContext


@tool
def listen(audio: Audio, *, asr: Recogniser) -> Transcript:
    """Write down what is said in a recording."""
    return asr.transcribe([audio])[0]


@tool
def draw(words: Transcript, *, image_generator: ImageGenerator, step: StepContext) -> Image:
    """Draw what the words ask for, and enlarge it to a size at which it can be looked at."""
    prompt = " ".join(segment.text for segment in words.segments)
    small = image_generator.generate([Drawing(prompt, seed=step.seed)])[0].to_pil()
    return Image.from_pil(small.resize((384, 384), Resampling.BICUBIC))


@tool
def find(image: Image, *, detector: Detector) -> Boxes:
    """Find everything that the detector knows."""
    return detector.detect([image], [[]])[0]


STEPS = [
    {"id": "words", "tool": "listen", "args": {"audio": "$in.audio"}},
    {"id": "picture", "tool": "draw", "args": {"words": "$words"}},
    {"id": "things", "tool": "find", "args": {"image": "$picture"}},
]


def main(recording: Path, out: Path, tries: int, profile: str | None) -> bool:
    """Whether the last picture, which is written to ``out``, has something in it that was asked for."""
    plan = Plan.model_validate({"steps": STEPS, "answer": ["$words", "$picture", "$things"]})
    with Agent(profile, tools=[listen, draw, find]) as agent:
        for seed in range(tries):
            made = agent.run(audio=recording, plan=plan, seed=seed).artifacts
            said = " ".join(segment.text for segment in made["transcript_words"].segments)
            found = sorted(set(made["boxes_things"].labels))
            print(f"heard “{said}”, drew it (seed {seed}), and the detector finds: {', '.join(found) or 'nothing'}")
            made["image_picture"].to_pil().save(out)
            if set(found) & set(said.split()):
                print(f"{out} shows what was asked for")
                return True
    print(f"none of {tries} pictures does what was asked for; {out} is the last")
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="somebody says what to draw, in a sentence")
    parser.add_argument("--out", type=Path, default=Path("drawn.png"))
    parser.add_argument("--tries", type=int, default=8, help="pictures at most")
    parser.add_argument("--profile", help="name or file")
    sys.exit(not main(**vars(parser.parse_args())))
