"""Writes the notes of a recorded meeting: its gist with a picture of it, a summary, and what was said when.

    python examples/meeting_notes.py examples/media/meeting.flac --out notes

It prints the notes, and writes them as `notes/notes.md` beside `notes/gist.png`. `mini` quotes the sentences that say
most, and draws and hears only its own world; with `--profile standard` larger models do it.
"""

import argparse
import sys
from pathlib import Path

from panmodal import Agent

PLAN = """
steps:
- {id: heard, tool: transcribe, args: {audio: $in.audio}}
- {id: words, tool: transcript_text, args: {transcript: $heard}}
- {id: summary, tool: summarise, args: {text: $words, sentences: 2}}
- {id: gist, tool: summarise, args: {text: $words, sentences: 1}}
- {id: picture, tool: generate_image, args: {prompt: $gist}}
answer: [$heard, $summary, $gist, $picture]
"""
NOTES = """# {gist}

<img src="gist.png" width="256">

**Summary.** {summary}

| from | to | said |
|---|---|---|
{lines}
"""


def main(recording: Path, out: Path, profile: str | None) -> None:
    with Agent(profile) as agent:
        made = agent.run(audio=recording, plan=PLAN).artifacts
    lines = [f"| {each.start:.1f} s | {each.end:.1f} s | {each.text} |" for each in made["transcript_heard"].segments]
    notes = NOTES.format(gist=made["text_gist"].text, summary=made["text_summary"].text, lines="\n".join(lines))
    out.mkdir(parents=True, exist_ok=True)
    made["image_picture"].to_pil().save(out / "gist.png")
    (out / "notes.md").write_text(notes, encoding="utf-8")
    print(notes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=Path(__file__).parent / "media" / "meeting.flac")
    parser.add_argument("--out", type=Path, default=Path("notes"), help="folder for the notes and the picture")
    parser.add_argument("--profile", help="name or file")
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped))
