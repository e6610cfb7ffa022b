"""Fetch a file from the web."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from ..card import Card
from ..contract import tool
from ..media.kinds import Audio, Document, Image, PointCloud, Text, Video
from ..roles import Fetcher, StepContext

CARD = Card(
    bad_at="pages that are built by scripts or want a login; a profile must allow it, for named hosts or for all",
    cost="remote",
    keeps="meaning",
    examples=(
        "fetch {url}", "download {url}", "get the file at {url}", "open the address {url}",
        "load the picture from {url}", "下载{url}", "获取{url}的文件", "打开网址{url}",
    ),
    answer={"en": "{url} was fetched.", "zh": "已获取 {url}。"},
    deterministic=False,
)  # fmt: skip


class Fetched(BaseModel):
    """What lay at an address: one of these is there, by what the content is, the others are None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Image | None = None
    audio: Audio | None = None
    video: Video | None = None
    point_cloud: PointCloud | None = None
    document: Document | None = None
    text: Text | None = None


@tool(card=CARD)
def fetch(url: str, *, fetcher: Fetcher, step: StepContext) -> Fetched:
    """Fetch the file at an http or https address, as far as the profile allows it.

    Its kind is told by its content, whatever the server calls it: use the field of that kind, such as ``.image``.
    Raises ``WrongArgument`` for an address that may not be asked, ``ToolError`` where nobody answers well or in time,
    ``TooLarge``, ``NotDecodable``.

    Args:
        url: the address

    Example:
        fetch("https://example.org/report.pdf", fetcher=fetcher, step=StepContext()).document
    """
    found = fetcher.fetch([url], stop=step.stop)[0]
    kept: dict[str, Any] = {found.kind: found}
    return Fetched(**kept)
