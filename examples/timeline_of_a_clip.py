"""Tells what moves, is seen and is said in a clip, and when: as bars, and as subtitles that players show.

    python examples/timeline_of_a_clip.py examples/media/clip.mp4 --out timeline.vtt

It prints a line for each thing that happens:

    ████████████████████············   0.0 –  2.5 s  purple house stands still
    ····················████████████   2.5 –  4.0 s  purple house goes in a circle
    …
    timeline.vtt: open it as the subtitles of clip.mp4
"""

import argparse
import sys
from pathlib import Path

from panmodal import Agent

REQUEST = "Track the things in the clip and make a timeline of it."
WIDTH = 32  # signs of a bar


def stamp(seconds: float) -> str:
    """A time as WebVTT writes it: "00:01:02.500"."""
    return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{seconds % 60:06.3f}"


def main(clip: Path, out: Path, profile: str | None) -> None:
    with Agent(profile, planner="search") as agent:
        result = agent.run(REQUEST, files=[clip])
    moves, shown = result.artifacts.values()
    rows = [(start, end, label) for (start, end), label in zip(moves.seconds, moves.labels, strict=True)]
    rows += [(row["start"], row["end"], f"{row['what']}: {row['text']}") for row in shown.rows]
    length = max((end for _, end, _ in rows), default=0)
    for start, end, what in sorted(rows):
        first, last = (round(time / length * WIDTH) for time in (start, end))
        print(f"{'·' * first}{'█' * (last - first)}{'·' * (WIDTH - last)}  {start:4.1f} – {end:4.1f} s  {what}")
    cues = [f"{stamp(start)} --> {stamp(end)}\n{what}\n" for start, end, what in sorted(rows)]
    out.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")
    print(f"{out}: open it as the subtitles of {clip.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=Path(__file__).parent / "media" / "clip.mp4")
    parser.add_argument("--out", type=Path, default=Path("timeline.vtt"))
    parser.add_argument("--profile", help="name or file")
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped))
