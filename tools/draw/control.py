"""Draw what a text says in the forms of something else."""

from collections.abc import Callable
from typing import Any

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.boxes import Boxes
from ..media.depth import Depth
from ..media.image import Image
from ..media.masks import Masks
from ..media.text import Text
from ..roles import Control, ControlledGenerator, StepContext
from .control_pictures import areas, edges, nearness, outlines
from .drawing import asked, watched

CARD = Card(
    bad_at="forms of another sort than its ControlNet was trained with, and keeping colours: forms alone are kept",
    cost="model",
    keeps="form",
    examples=(
        "draw {prompt} with the outlines of the picture", "draw {prompt} with the composition of the picture",
        "draw {prompt} in the shape of the {masks}", "draw {prompt} where the {boxes} are",
        "use the edges of the picture to draw {prompt}", "draw {prompt} with the depth of the picture",
        "按照图片的轮廓画{prompt}", "用图片的构图画{prompt}", "按{masks}的形状画{prompt}",
    ),
    answer={"en": "A picture of {prompt} was drawn in the given forms.", "zh": "已按给定的形状画出{prompt}。"},
)  # fmt: skip


@tool(card=CARD)
def generate_controlled(
    prompt: Text,
    image: Image | None = None,
    boxes: Boxes | None = None,
    masks: Masks | None = None,
    depth: Depth | None = None,
    weight: float = 1.0,
    negative: str = "",
    seed: int | None = None,
    *,
    controlled_generator: ControlledGenerator,
    ctx: StepContext,
) -> Image:
    """Draw what a text says in the forms of a picture, of boxes, of masks or of a depth map, one of them.

    Of a picture the edges are taken (Canny), of boxes the outlines, of masks the areas, of depth how near everything
    is. The new picture has their proportions and the model's own size; it is not enlarged. Raises ``WrongArgument``
    where not just one of them is given, or another than the model was trained with, and ``EmptyInput`` where there is
    nothing in it.

    Args:
        prompt: what the picture shows
        image: a picture whose edges are kept
        boxes: where things are to be
        masks: which shapes things are to have
        depth: how far away everything is to be
        weight: 0 to 2, how closely the forms are followed
        negative: what it must not show
        seed: decides the noise that it begins with; without one the run's seed does
    """
    drawing = asked(prompt, ctx, negative, seed)
    controls = [_control(image, boxes, masks, depth, controlled_generator.control)]
    return controlled_generator.generate_controlled(controls, [drawing], weight=weight, **watched(ctx, "drawing"))[0]


def _control(
    image: Image | None, boxes: Boxes | None, masks: Masks | None, depth: Depth | None, taught: Control | None
) -> Image:
    """The control picture of the one thing that is given; ``taught`` is what the model takes, if that is known."""
    ways: dict[Control, tuple[str, Any, Callable[[Any], Image]]] = {
        "edges": ("image", image, edges),
        "boxes": ("boxes", boxes, outlines),
        "masks": ("masks", masks, areas),
        "depth": ("depth", depth, nearness),
    }
    given = [control for control, (_, value, _) in ways.items() if value is not None]
    if len(given) != 1:
        told = f"{' and '.join(ways[control][0] for control in given)} are given" if given else "no forms are given"
        raise WrongArgument(told, hint="give one of image, boxes, masks and depth", field="image")
    name, value, draw = ways[given[0]]
    if taught is not None and given[0] != taught:
        raise WrongArgument(
            f"this model draws by {taught}, not by {given[0]}", hint=f"give {ways[taught][0]}", field=name
        )
    return draw(value)
