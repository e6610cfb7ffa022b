"""Documents with known words, tables and pictures: small files of each format, written for a request."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....tools.media.document import Document
from ....tools.media.image import Image

Rows = Sequence[Sequence[str]]
PAGE = (595, 842)
"""Points of a page's sides: A4."""
_TOP, _LEFT, _LINE = 780, 60, 20  # points


@dataclass(frozen=True)
class Leaf:
    """One page: its lines, a bar of a colour (RGB, 0-1) across it, and pictures below each other."""

    lines: Sequence[str] = ()
    bar: tuple[float, float, float] | None = None
    pictures: Sequence[Image] = ()


def pdf(leaves: Sequence[Leaf]) -> Document:
    """A PDF of these pages; letters are Latin ones."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    catalog = add(b"<< /Type /Catalog /Pages 2 0 R >>")
    pages = add(b"")
    font = add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    kids = []
    for leaf in leaves:
        names = {f"I{number}": add(_embedded(each)) for number, each in enumerate(leaf.pictures)}
        content = _content(leaf).encode("latin-1")
        stream = add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        shown = " ".join(f"/{name} {number} 0 R" for name, number in names.items())
        kids.append(add(
            f"<< /Type /Page /Parent {pages} 0 R /MediaBox [0 0 {PAGE[0]} {PAGE[1]}] /Contents {stream} 0 R "
            f"/Resources << /Font << /F1 {font} 0 R >> /XObject << {shown} >> >> >>".encode()
        ))  # fmt: skip
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[pages - 1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>".encode()
    return Document.open(_written(objects, catalog), name="paper.pdf")


def _content(leaf: Leaf) -> str:
    said = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in leaf.lines]
    words = " ".join(f"({line}) Tj 0 -{_LINE} Td" for line in said)
    parts = [f"BT /F1 13 Tf {_LEFT} {_TOP} Td {words} ET"] if said else []
    if leaf.bar is not None:
        red, green, blue = leaf.bar
        parts.append(f"q {red} {green} {blue} rg {_LEFT} 120 475 90 re f Q")
    high = 160
    places = enumerate(range(240, 240 + len(leaf.pictures) * (high + 12), high + 12))
    return "\n".join([*parts, *(f"q {high} 0 0 {high} {_LEFT} {place} cm /I{k} Do Q" for k, place in places)])


def _embedded(image: Image) -> bytes:
    packed = zlib.compress(np.ascontiguousarray(image.pixels).tobytes())
    facts = (
        f"<< /Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} /ColorSpace /DeviceRGB "
        f"/BitsPerComponent 8 /Filter /FlateDecode /Length {len(packed)} >>"
    )
    return facts.encode() + b"\nstream\n" + packed + b"\nendstream"


def _written(objects: Sequence[bytes], root: int) -> bytes:
    whole, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(whole)
    whole += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    whole += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    ending = f"trailer\n<< /Size {len(objects) + 1} /Root {root} 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return whole + ending.encode()


def docx(paragraphs: Sequence[str], tables: Sequence[Rows] = (), pictures: Sequence[Image] = ()) -> Document:
    """A Word file: paragraphs, then tables, then pictures."""
    import docx as word

    document = word.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    for rows in tables:
        table = document.add_table(len(rows), len(rows[0]))
        for row, cells in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
        document.add_paragraph("")  # tables that touch are one
    for each in pictures:
        document.add_picture(io.BytesIO(_png(each)))
    return Document.open(_saved(document), name="paper.docx")


def pptx(slides: Sequence[Sequence[str]], tables: Sequence[Rows] = (), pictures: Sequence[Image] = ()) -> Document:
    """A PowerPoint file: a slide for each group of lines, the tables and pictures on slides behind them."""
    import pptx as power
    from pptx.util import Inches

    show = power.Presentation()
    for lines in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = lines[0], "\n".join(lines[1:])
    for rows in tables:
        slide = show.slides.add_slide(show.slide_layouts[6])
        cells = slide.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(1), Inches(6), Inches(3)).table
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                cells.cell(row, column).text = text
    for each in pictures:
        slide = show.slides.add_slide(show.slide_layouts[6])
        slide.shapes.add_picture(io.BytesIO(_png(each)), Inches(1), Inches(1))
    return Document.open(_saved(show), name="paper.pptx")


def xlsx(tables: Sequence[Rows]) -> Document:
    """An Excel file with a sheet for each table."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(tables, 1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(list(row))
    return Document.open(_saved(book), name="paper.xlsx")


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.to_pil().save(buffer, "PNG")
    return buffer.getvalue()


def _saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()
