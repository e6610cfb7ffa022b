"""Counts things in every picture of a folder and cuts out the largest of each, into a CSV.

    python examples/count_and_cut_out.py examples/media/scenes --things circles --out counted

It prints a line for each picture when it is done, and at last where the table is:

    1/6 3.png: No circle was found. So cut_out had nothing to work on.
    …
    circles: 9 in 6 pictures, counted/circles.csv

Stopped, by Ctrl-C or a crash, the same command goes on with the pictures that are left.
"""

import argparse
import csv
import sys
from contextlib import closing
from pathlib import Path

from panmodal import Agent

REQUEST = "Find the {things} and cut out the largest one."


def main(folder: Path, things: str, out: Path, profile: str | None) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    done = out / f"{things}.jsonl"  # a line for each picture; those that have one are not run again
    rows = []
    with (
        Agent(profile, planner="search") as agent,
        closing(agent.map(REQUEST.format(things=things), files, out=done, save=out / things)) as found,
    ):
        for number, each in enumerate(found, start=1):
            answer = each.text or (each.error["message"] if each.error else "no picture, left alone")
            print(f"{number}/{len(files)} {each.path.name}: {answer}", flush=True)
            if each.status != "unfit":
                counts = [len(handle["labels"]) for handle in each.artifacts.values() if handle["kind"] == "boxes"]
                pieces = [file for file in each.files if Path(file).name.startswith("image_")]
                rows.append([str(each.path), *(counts or [""]), *(pieces or [""]), answer])
    table = out / f"{things}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["picture", "count", "cut_out", "answer"], *sorted(rows)])
    print(f"{things}: {sum(row[1] or 0 for row in rows)} in {len(rows)} pictures, {table}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "media" / "scenes")
    parser.add_argument("--things", default="circles", help='in the plural, perhaps of a colour: "red cars"')
    parser.add_argument("--out", type=Path, default=Path("counted"), help="folder for the table and the cut-outs")
    parser.add_argument("--profile", help="name or file")
    try:
        main(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
