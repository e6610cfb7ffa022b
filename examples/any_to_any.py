"""One request, four outputs: what is given becomes a text, a picture, speech and a clip, in the folder `story`.

    cd examples
    python any_to_any.py "Put the picture into words, draw it, read it aloud and animate it." media/scenes/1.png
    python any_to_any.py "Write down what is said, draw it, read it aloud and animate it." media/request.flac
    python any_to_any.py "Summarise the clip, draw it, read it aloud and animate it." media/clip.mp4

It prints the plan, the answer and the files. The first step finds the words, once; the others share them:

    s1  caption         image=$in.image
    s2  generate_image  prompt=$s1
    s3  speak           text=$s1
    s4  animate         prompt=$s1
"""

import argparse
import sys
from pathlib import Path

from panmodal import Agent
from panmodal.planners.render import to_terminal

REQUEST = "Put the picture into words, draw it, read it aloud and animate it."


def main(request: str, given: Path, out: Path, seed: int, profile: str | None) -> None:
    with Agent(profile, planner="search") as agent:
        result = agent.run(request, files=[given], seed=seed)
    print(to_terminal(result.plan), result.text, *result.save(out), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("request", nargs="?", default=REQUEST)
    parser.add_argument("given", type=Path, nargs="?", default=Path(__file__).parent / "media" / "scenes" / "1.png")
    parser.add_argument("--out", type=Path, default=Path("story"), help="folder for everything that is made")
    parser.add_argument("--seed", type=int, default=0, help="another number draws another picture")
    parser.add_argument("--profile", help="name or file")
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped))
