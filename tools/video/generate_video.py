"""Film what a text says, by a model that makes videos."""

from dataclasses import replace

from ..card import Card
from ..contract import tool
from ..draw.drawing import asked, watched
from ..media.text import Text
from ..media.video import Video
from ..roles import StepContext, VideoGenerator

CARD = Card(
    bad_at="written words, exact numbers of things, long clips, and long texts, of which only the beginning is read",
    cost="model",
    keeps="meaning",
    examples=(
        "film {prompt}", "generate a video of {prompt}", "make a video in which {prompt}", "shoot a video of {prompt}",
        "create footage of {prompt}", "generate {seconds} seconds of video of {prompt}", "make a movie of {prompt}",
        "生成一段{prompt}的视频", "拍一段{prompt}的视频", "生成{seconds}秒{prompt}的视频", "制作{prompt}的视频",
    ),
    answer={"en": "A video of {prompt} was made.", "zh": "已生成{prompt}的视频。"},
)  # fmt: skip


@tool(card=CARD)
def generate_video(
    prompt: Text,
    seconds: float | None = None,
    negative: str = "",
    seed: int | None = None,
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    *,
    video_generator: VideoGenerator,
    step: StepContext,
) -> Video:
    """Make a video of what a text says, with a model that makes videos.

    Its length, size and frames a second are those that the model was made for, where nothing else is asked. The same
    seed makes the same video. Raises ``EmptyInput`` for a text without words, and ``WrongArgument`` for lengths, sizes,
    steps and guidance that the model cannot do.

    Args:
        prompt: what the video shows
        seconds: how long it lasts
        negative: what it must not show
        seed: decides the noise that it begins with; without one the run's seed does
        width: pixels
        height: pixels
        steps: steps of sampling; more take longer and draw finer
        guidance: how closely the text is followed; 1 and less is not at all
    """
    drawing = replace(asked(prompt, step, negative, seed), width=width, height=height, steps=steps, guidance=guidance)
    return video_generator.generate([drawing], seconds=[seconds], **watched(step, "filming"))[0]
