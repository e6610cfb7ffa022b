"""Draws what a recorded sentence asks for, until the detector finds it in the picture.

    python examples/draw_what_is_said.py examples/media/request.flac --out drawn.png

It prints what it heard and found for each picture that it drew, and whether the last one shows what was asked for:

    heard “please draw red heart”, drew it (seed 0), and the detector finds: heart
    drawn.png shows what was asked for

`mini` hears and draws only its own world, at 64 pixels a side; `--profile` names a profile of yours.
"""

import argparse
import sys
from pathlib import Path

from panmodal import Agent

PLAN = """
steps:
- {id: heard, tool: transcribe, args: {audio: $in.audio}}
- {id: words, tool: transcript_text, args: {transcript: $heard}}
- {id: picture, tool: generate_image, args: {prompt: $words}}
- {id: things, tool: detect, args: {image: $picture}}
answer: [$words, $picture, $things]
"""


def main(recording: Path, out: Path, tries: int, profile: str | None) -> bool:
    """Whether the last picture, which is written to ``out``, has something in it that was asked for."""
    with Agent(profile) as agent:
        for seed in range(tries):
            made = agent.run(audio=recording, plan=PLAN, seed=seed).artifacts
            said, found = made["text_words"].text, sorted(set(made["boxes_things"].labels))
            print(f"heard “{said}”, drew it (seed {seed}), and the detector finds: {', '.join(found) or 'nothing'}")
            made["image_picture"].to_pil().resize((384, 384)).save(out)
            if set(found) & set(said.split()):
                print(f"{out} shows what was asked for")
                return True
    print(f"none of {tries} pictures does what was asked for; {out} is the last")
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=Path(__file__).parent / "media" / "request.flac")
    parser.add_argument("--out", type=Path, default=Path("drawn.png"))
    parser.add_argument("--tries", type=int, default=8, help="pictures at most")
    parser.add_argument("--profile", help="name or file")
    try:
        sys.exit(not main(**vars(parser.parse_args())))
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped))
