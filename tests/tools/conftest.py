"""Documents of every format, made small (the PDF by hand, so that it can be spoilt), and a server that says recorded
replies of language models."""

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image as Pil

TABLE = [["boat", "year"], ["Anna", "1898"], ["Berta", "1912"]]


def make_pdf(
    pages: Sequence[str], *, size: tuple[float, float] = (595, 842), extra: str = "", trailer: str = ""
) -> bytes:
    """A PDF with these texts on its pages, line by line; ``extra`` objects are numbered from 3 + 2 a page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        escaped = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in text.splitlines()]
        shown = " ".join(f"({line}) Tj 0 -16 Td" for line in escaped)
        stream = f"BT /F1 12 Tf 60 760 Td {shown} ET"
        bodies += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    bodies += [extra] if extra else []
    whole = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(whole))
        whole += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(whole)
    whole += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    whole += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    whole += f"trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return whole


def make_scan(*pictures: Pil.Image) -> bytes:
    """A PDF whose pages are pictures, as a scanner writes it."""
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PDF", save_all=True, append_images=pictures[1:], resolution=72)
    return buffer.getvalue()


def make_docx(paragraphs: Sequence[str], tables: Sequence[Sequence[Sequence[str]]] = (), picture: bytes = b"") -> bytes:
    import docx

    document = docx.Document()
    for number, text in enumerate(paragraphs):
        document.add_heading(text, 1) if number == 0 else document.add_paragraph(text)
    for rows in tables:
        table = document.add_table(len(rows), len(rows[0]))
        for row, cells in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    if picture:
        document.add_picture(io.BytesIO(picture))
    return _saved(document)


def make_pptx(slides: Sequence[tuple[str, str]], table: Sequence[Sequence[str]] = (), picture: bytes = b"") -> bytes:
    import pptx
    from pptx.util import Inches

    show = pptx.Presentation()
    for title, text in slides:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, text
    last = show.slides[len(show.slides) - 1]
    if table:
        sizes = (Inches(1), Inches(1), Inches(4), Inches(2))
        cells = last.shapes.add_table(len(table), len(table[0]), *sizes).table
        for row, texts in enumerate(table):
            for column, text in enumerate(texts):
                cells.cell(row, column).text = text
    if picture:
        last.shapes.add_picture(io.BytesIO(picture), Inches(1), Inches(4))
    last.notes_slide.notes_text_frame.text = "Said but not shown."
    return _saved(show)


def make_xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return _saved(book)


def make_picture(colour: str = "red", size: tuple[int, int] = (40, 30), form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Pil.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()


def _saved(document: object) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)  # type: ignore[attr-defined]
    return buffer.getvalue()


class Made:
    """What makes each format."""

    pdf, scan, docx, pptx, xlsx, picture = map(
        staticmethod, (make_pdf, make_scan, make_docx, make_pptx, make_xlsx, make_picture)
    )
    table = TABLE


@pytest.fixture(scope="session")
def made() -> type[Made]:
    return Made


@pytest.fixture(scope="session")
def four(made: type[Made]) -> Mapping[str, bytes]:
    """The same story in all formats, in two parts where the format has parts."""
    return {
        "pdf": made.pdf(["The harbour museum\nIt reopened on Monday.", "It shows forty boats."]),
        "docx": made.docx(["The harbour museum", "It reopened on Monday.", "It shows forty boats."], [TABLE]),
        "pptx": made.pptx(
            [("The harbour museum", "It reopened on Monday."), ("Boats", "It shows forty boats.")], TABLE
        ),
        "xlsx": made.xlsx({"Boats": TABLE, "Visitors": [["day", "visitors"], ["Monday", 1200]]}),
    }


class Speaker:
    """Chat completions on loopback: ``replies`` are said one after the other, the last one again and again."""

    def __init__(self, replies: Sequence[str]) -> None:
        self.asked: list[dict[str, Any]] = []
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                speaker.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                text = replies[min(len(speaker.asked), len(replies)) - 1]
                message = {"role": "assistant", "content": text}
                body = {
                    "id": "1", "object": "chat.completion", "created": 0, "model": "m",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
                }  # fmt: skip
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on stderr."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def adapter(self, role: str) -> Any:
        """The role of a model at this server, as a profile gives it."""
        from panmodal.agent.profiles.loading import load_profile
        from panmodal.tools.loaders.registry import get_loader

        settings = (f"{role}.loader=openai-compatible", f"{role}.checkpoint=some-model", f"{role}.device=remote",
                    f"{role}.options.base_url={self.url}")  # fmt: skip
        spec = load_profile("mini", settings).specs()[role][0]
        return get_loader(spec.loader).load(spec).adapter(role)


@pytest.fixture
def speaking() -> Iterator[Callable[..., Speaker]]:
    """``speaking(reply, ...)`` starts a server that says them; a reply that is no text is said as JSON."""
    started: list[Speaker] = []

    def start(*replies: object) -> Speaker:
        started.append(Speaker([each if isinstance(each, str) else json.dumps(each) for each in replies]))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()
