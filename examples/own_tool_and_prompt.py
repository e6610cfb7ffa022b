"""A tool of your own, and a planner that reads your own prompt: what is done to a picture, it ends as a postcard.

    python examples/own_tool_and_prompt.py "Make the cars grey." examples/media/scene.png --out postcard.png

It prints the plan, whose last step is `postcard image=$s3 colour=black`, and the answer.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

from PIL import ImageOps

from panmodal import Agent, Plan, tool
from panmodal.planners.base import PlannerContext, Request
from panmodal.planners.llm import LlmPlanner
from panmodal.planners.render import to_terminal
from panmodal.tools.card import Card
from panmodal.tools.media.image import Image

PROMPT = "{request}, then make a black postcard of it."  # what the planner reads in place of the bare request
CARD = Card(  # what planners know of the tool: it keeps what a picture shows, and people ask for it in such words
    keeps="form",
    examples=("make a postcard of the picture", "make a {colour} postcard of it"),
    answer={"en": "It is a postcard now."},
)


@tool(card=CARD)
def postcard(image: Image, colour: Literal["white", "black"] = "white") -> Image:
    """Put a border around a picture, as postcards have one."""
    return Image.from_pil(ImageOps.expand(image.to_pil().convert("RGB"), image.width // 16, colour))


class HousePlanner(LlmPlanner):
    name = "house"

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        return super().plan(replace(request, text=PROMPT.format(request=request.text.rstrip(" ."))), context)


def main(request: str, picture: Path, out: Path) -> None:
    with Agent(tools=[postcard], planner=HousePlanner()) as agent:
        result = agent.run(request, picture)
    print(to_terminal(result.plan), result.text, sep="\n")
    list(result.artifacts.values())[-1].to_pil().save(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("request", nargs="?", default="Make the cars grey.")
    parser.add_argument("picture", type=Path, nargs="?", default=Path(__file__).parent / "media" / "scene.png")
    parser.add_argument("--out", type=Path, default=Path("postcard.png"))
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped))
