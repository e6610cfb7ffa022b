"""What stands in a document: its text part by part, and its tables, whatever program wrote it."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..errors import Cancelled, TooLarge
from ..media.document import UNITS, Document
from ..media.table import Table
from ..roles import StepContext

_MOST_CELLS = 1_000_000  # of all sheets of a workbook together: one cell far out makes a row of thousands
_BETWEEN = " | "
_NOTHING = (None, "")  # in a cell


class Part(NamedTuple):
    """A page, slide or sheet: what it is called ("page 2"; empty for a Word file, which is one part), and its text."""

    name: str
    text: str


def parts_of(document: Document, step: StepContext) -> list[Part]:
    """The parts of a document in their order; a page that is only a picture has an empty text.

    Cells of a row stand side by side between bars. Raises NotDecodable, TooLarge, Cancelled.
    """
    with document.opened() as opened:
        if document.format == "docx":
            return [Part("", "\n\n".join(_flow(opened)))]
        if document.format == "pdf":
            texts = _pages(opened)
        elif document.format == "pptx":
            texts = ("\n\n".join(_slide(slide)) for slide in opened.slides)
        else:
            sheets = _told(_sheets(opened, document), document, step)
            return [Part(f"sheet {_line([title])}", "\n".join(map(_line, rows))) for title, rows in sheets]
        unit = UNITS[document.format]
        return [Part(f"{unit} {number}", text) for number, text in enumerate(_told(texts, document, step), 1)]


def tables_of(document: Document, step: StepContext) -> list[Table]:
    """The tables of an Office file in their order, their first row as columns; a workbook has one a sheet.

    Raises NotDecodable, TooLarge, Cancelled.
    """
    with document.opened() as opened:
        if document.format == "docx":
            found: Iterable[list[list[Any]]] = map(_cells, opened.tables)
        elif document.format == "pptx":
            shapes = (shape for slide in opened.slides for shape in _shapes(slide.shapes))
            found = (_cells(shape.table) for shape in shapes if shape.has_table)
        else:
            found = (rows for _, rows in _sheets(opened, document))
        return [table for cells in _told(found, document, step) if (table := _table(cells)) is not None]


def _told(found: Iterable[Any], document: Document, step: StepContext) -> Iterator[Any]:
    """What is found, piece by piece, telling how far it is and looking whether to stop."""
    for number, each in enumerate(found, 1):
        if step.stop.is_set():
            raise Cancelled(f"the reading of {document.format} was stopped")
        yield each
        step.progress(min(1.0, number / (document.pages or number)), f"{UNITS[document.format] or 'table'} {number}")


def _pages(pdf: Any) -> Iterator[str]:
    for page in pdf:
        text = page.get_textpage()
        yield "\n".join(line.rstrip() for line in text.get_text_bounded().splitlines()).strip()
        text.close()
        page.close()


def _flow(document: Any) -> Iterator[str]:
    """The paragraphs and tables of a Word file, as they follow each other."""
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            text = "\n".join(map(_line, _cells(block)))
        else:
            text = block.text
        if text.strip():
            yield text.strip()


def _slide(slide: Any) -> Iterator[str]:
    """The texts of a slide in the order of its shapes, and its notes."""
    texts = []
    for shape in _shapes(slide.shapes):
        if shape.has_table:
            texts.append("\n".join(map(_line, _cells(shape.table))))
        elif shape.has_text_frame:
            texts.append(shape.text_frame.text)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    texts.append(notes.text if notes is not None else "")
    # A vertical tab is a line break within a paragraph.
    return (text.replace("\v", "\n").strip() for text in texts if text.strip())


def _shapes(shapes: Any) -> Iterator[Any]:
    """The shapes, those within groups too."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _sheets(book: Any, document: Document) -> Iterator[tuple[str, list[list[Any]]]]:
    """Each sheet's title and rows that hold something, without empty cells at their ends. Charts are sheets of no row.

    Raises TooLarge.
    """
    left = _MOST_CELLS
    for title in book.sheetnames:
        sheet, rows = book[title], []
        if hasattr(sheet, "reset_dimensions"):
            sheet.reset_dimensions()  # what a file says of its size may be a million empty rows
        for cells in sheet.iter_rows(values_only=True) if hasattr(sheet, "iter_rows") else ():
            row = list(cells)
            while row and row[-1] in _NOTHING:
                row.pop()
            left -= len(row)
            if left < 0:
                raise TooLarge(
                    f"document {document.id[:12]} holds more than {_MOST_CELLS} cells",
                    hint="give a part of it",
                    limit="cells",
                    allowed=_MOST_CELLS,
                )
            if row:
                rows.append([_plain(cell) for cell in row])
        yield title, rows


def _cells(table: Any) -> list[list[Any]]:
    """The texts of a table of Word or PowerPoint; a cell over several columns stands in each of them."""
    return [[cell.text for cell in row.cells] for row in table.rows]


def _plain(cell: Any) -> Any:
    """A cell as JSON has it: dates and times in ISO 8601."""
    if cell is None or isinstance(cell, str | bool | int | float):
        return cell
    return cell.isoformat() if isinstance(cell, datetime.date | datetime.time) else str(cell)


def _line(cells: Sequence[Any]) -> str:
    return _BETWEEN.join("" if cell is None else " ".join(str(cell).split()) for cell in cells)


def _table(cells: list[list[Any]]) -> Table | None:
    """Rows of cells as a table; None where no cell says anything. Rows and columns that say nothing are left out."""
    rows = [row for row in cells if any(cell not in _NOTHING for cell in row)]
    used = sorted({place for row in rows for place, cell in enumerate(row) if cell not in _NOTHING})
    if not used:
        return None
    head, *body = [[row[place] if place < len(row) else None for place in used] for row in rows]
    columns: dict[str, None] = {}
    times: dict[str, int] = {}
    for place, cell in zip(used, head, strict=True):
        name = unique = " ".join(str(cell).split()) if cell not in _NOTHING else f"column {place + 1}"
        while unique in columns:
            times[name] = times.get(name, 1) + 1
            unique = f"{name} ({times[name]})"
        columns[unique] = None
    return Table.of([dict(zip(columns, row, strict=True)) for row in body], list(columns))
