"""Take the words of a transcript without their times."""

from ..card import Card
from ..contract import tool
from ..media.text import Text
from ..media.transcript import Transcript

CARD = Card(
    bad_at="full stops and capitals that the recogniser did not write",
    cost="instant",
    keeps="meaning",
    examples=(
        "the transcript as plain text", "only the words of the transcript", "turn the transcript into a text",
        "the transcript without times", "write the transcript to a text file", "把转录变成纯文本", "只要转录的文字",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def transcript_text(transcript: Transcript) -> Text:
    """Give the words of a transcript as a text, one line a segment; a speaker who is known stands before them.

    Args:
        transcript: what was said
    """
    lines = (
        f"{segment.speaker}: {segment.text.strip()}" if segment.speaker else segment.text.strip()
        for segment in transcript.segments
    )
    return Text.of("\n".join(line for line in lines if line))
