"""Documents of every format read, shown, searched and asked."""

import io
import threading
import warnings
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from panmodal.tools.errors import Cancelled, ModelError, NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.document import Document
from panmodal.tools.roles import StepContext
from panmodal.tools.text.answer_from_document import answer_from_document
from panmodal.tools.text.ask_document import ask_document
from panmodal.tools.text.document_pages import document_pages
from panmodal.tools.text.document_pictures import document_pictures
from panmodal.tools.text.document_tables import document_tables
from panmodal.tools.text.passages import Passage, best
from panmodal.tools.text.read_document import read_document

STEP = StepContext()
GUIDE = (
    "The lighthouse of Nordhaven was built in 1887.\nIt is 41 metres\ntall and painted white. The keeper lived by it.",
    "Forty boats lie in the harbour. The oldest boat is the Anna.\nShe was launched in 1898.",
    "The museum opens at nine. Tickets cost six euros; children pay half.",
)
Speaking = Callable[..., Any]


def stopped() -> StepContext:
    stop = threading.Event()
    stop.set()
    return StepContext(stop=stop)


def read(content: bytes) -> str:
    return read_document(Document.open(content), step=STEP).text


def test_every_format_is_read(four: Mapping[str, bytes]) -> None:
    rows = "boat | year\nAnna | 1898\nBerta | 1912"
    told = "Said but not shown."
    assert (
        read(four["pdf"])
        == "[page 1]\n\nThe harbour museum\nIt reopened on Monday.\n\n[page 2]\n\nIt shows forty boats."
    )
    assert read(four["docx"]) == f"The harbour museum\n\nIt reopened on Monday.\n\nIt shows forty boats.\n\n{rows}"
    assert read(four["pptx"]) == (
        f"[slide 1]\n\nThe harbour museum\n\nIt reopened on Monday.\n\n[slide 2]\n\nBoats\n\nIt shows forty boats.\n\n"
        f"{rows}\n\n{told}"
    )
    assert read(four["xlsx"]) == f"[sheet Boats]\n\n{rows}\n\n[sheet Visitors]\n\nday | visitors\nMonday | 1200"


def test_chinese_is_read(made: Any) -> None:
    assert read(made.docx(["灯塔", "北港的灯塔高41米。"])) == "灯塔\n\n北港的灯塔高41米。"


def test_pages_without_text_say_so(made: Any) -> None:
    scan = made.scan(Pil.new("RGB", (90, 60), "white"), Pil.new("RGB", (90, 60), "red"))
    assert read(scan) == ""
    assert read_document(Document.open(scan), step=STEP).empty
    assert read(made.pdf(["words", ""])) == "[page 1]\n\nwords\n\n[page 2: no text]"
    assert read(made.docx([""])) == read(made.xlsx({"Empty": []})) == ""


def test_progress_and_stopping(four: Mapping[str, bytes]) -> None:
    for content in four.values():
        told: list[float] = []
        read_document(Document.open(content), step=StepContext(progress=lambda share, _, told=told: told.append(share)))
        assert told == sorted(told) and (not told or told[-1] == 1.0)
    for name in ("pdf", "pptx", "xlsx"):
        with pytest.raises(Cancelled):
            read_document(Document.open(four[name]), step=stopped())
    with pytest.raises(Cancelled):
        document_pages(Document.open(four["pdf"]), step=stopped())


def test_tables_have_columns_rows_and_types(made: Any) -> None:
    moment = datetime(2026, 11, 27, 9, 30)
    book = made.xlsx(
        {
            "Boats": [
                ["boat", "year", None, None, "boat"],
                [],
                ["Anna", 1898, 1.5, None, True],
                ["Berta", date(1912, 5, 1), time(8), None, moment],
            ],
            "Nothing": [[None, None]],
            "Head": [["only", "names"]],
        }
    )
    boats, head = document_tables(Document.open(book), step=STEP)
    assert boats.columns == ("boat", "year", "column 3", "boat (2)")
    assert [tuple(row.values()) for row in boats.rows] == [
        ("Anna", 1898, 1.5, True),
        ("Berta", "1912-05-01T00:00:00", "08:00:00", "2026-11-27T09:30:00"),
    ]
    assert (head.columns, head.count) == (("only", "names"), 0)


def test_tables_of_word_and_powerpoint(four: Mapping[str, bytes], made: Any) -> None:
    for name in ("docx", "pptx"):
        (table,) = document_tables(Document.open(four[name]), step=STEP)
        assert table.rows == [{"boat": "Anna", "year": "1898"}, {"boat": "Berta", "year": "1912"}]
    assert document_tables(Document.open(made.docx(["no table"])), step=STEP) == []
    with pytest.raises(WrongArgument, match="a PDF holds no tables") as caught:
        document_tables(Document.open(four["pdf"]), step=STEP)
    assert "document_pages" in caught.value.hint


def test_a_cell_far_out_does_not_fill_the_memory(made: Any) -> None:
    far = sheet(made, '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>')
    (table,) = document_tables(Document.open(far), step=STEP)
    assert (table.columns, table.count) == (("far",), 0)
    wide = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 70))
    with pytest.raises(TooLarge, match="more than 1000000 cells"):
        document_tables(Document.open(sheet(made, wide)), step=STEP)


def test_extensions_of_a_sheet_are_passed_over_in_silence(made: Any) -> None:
    rules = '<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"><x/></ext></extLst>'
    book = sheet(made, '<row r="1"><c r="A1"><v>5</v></c></row>', rules)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(book) == "[sheet A]\n\n5"


def sheet(made: Any, rows: str, more: str = "") -> bytes:
    """A workbook whose only sheet has these rows, as XML."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = f'<worksheet xmlns="{space}"><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData>{more}</worksheet>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made.xlsx({"A": [[1]]}))) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.infolist():
            here = member.filename == "xl/worksheets/sheet1.xml"
            new.writestr(member.filename, xml if here else old.read(member))
    return buffer.getvalue()


def test_pages_are_drawn(made: Any) -> None:
    document = Document.open(made.pdf(["", "words on a page", ""], size=(200, 100)))
    pages = document_pages(document, dpi=72, step=STEP)
    assert [(page.width, page.height, page.has_alpha) for page in pages] == [(200, 100, False)] * 3
    assert [bool((page.pixels < 128).any()) for page in pages] == [False, False, False]  # the text stands at 760 points
    tall = Document.open(made.pdf(["words", ""]))
    first, second = document_pages(tall, dpi=36, step=STEP)
    assert (first.pixels < 128).any() and (second.pixels == 255).all()
    assert document_pages(tall, 2, dpi=36, step=STEP) == document_pages(tall, 2, 2, dpi=36, step=STEP) == [second]
    assert document_pages(tall, 1, dpi=36, step=STEP) == [first] == document_pages(tall, last=1, dpi=36, step=STEP)


def test_colours_of_a_scan_are_kept(made: Any) -> None:
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 2, (6, 8, 3), dtype=np.uint8) * 255
    picture = Pil.fromarray(np.kron(squares, np.ones((10, 10, 1), np.uint8)))
    document = Document.open(made.scan(picture))
    (page,) = document_pages(document, dpi=72, step=STEP)
    (taken,) = document_pictures(document, step=STEP)
    for shown in (page, taken):
        assert (shown.width, shown.height) == (80, 60)
        assert np.abs(shown.pixels[5::10, 5::10].astype(int) - squares).max() < 60  # a JPEG


def test_pages_that_cannot_be_drawn(made: Any, four: Mapping[str, bytes]) -> None:
    document = Document.open(four["pdf"])
    for first, last in ((3, None), (2, 1), (1, 3)):
        with pytest.raises(WrongArgument, match="there are no pages"):
            document_pages(document, first, last, step=STEP)
    for name in ("docx", "pptx", "xlsx"):
        with pytest.raises(WrongArgument, match=f"a {name} file has no pages"):
            document_pages(Document.open(four[name]), step=STEP)
    with pytest.raises(TooLarge, match="pixels"):
        document_pages(Document.open(made.pdf(["x"], size=(9000, 9000))), step=STEP)
    with pytest.raises(TooLarge, match="bytes"):
        document_pages(Document.open(made.pdf([""] * 20, size=(3000, 3000))), step=STEP)
    with pytest.raises(WrongArgument, match="dpi"):
        document_pages.validate({"document": document, "dpi": 5000})


@pytest.mark.parametrize("name", ["docx", "pptx"])
def test_pictures_of_office_files(name: str, made: Any) -> None:
    red, blue = made.picture("red"), made.picture("blue", form="JPEG")
    content = made.docx(["x"], picture=red) if name == "docx" else made.pptx([("a", "b")], picture=red)
    folder = "word" if name == "docx" else "ppt"
    both = added(content, {f"{folder}/media/image10.jpg": blue, f"{folder}/media/image2.png": red})
    found = document_pictures(Document.open(both), step=STEP)
    assert [tuple(int(c > 128) for c in each.pixels[5, 5]) for each in found] == [(1, 0, 0), (0, 0, 1)]  # red only once


def test_documents_without_pictures_or_with_drawings_only(made: Any, four: Mapping[str, bytes]) -> None:
    assert all(document_pictures(Document.open(content), step=STEP) == [] for content in four.values())
    drawing = added(four["docx"], {"word/media/image1.emf": b"\1\0\0\0 EMF", "word/media/image2.svg": b"<svg/>"})
    with pytest.raises(NotDecodable, match=r"2 picture\(s\) are in formats"):
        document_pictures(Document.open(drawing), step=STEP)
    some = added(drawing, {"word/media/image3.png": made.picture()})
    assert len(document_pictures(Document.open(some), step=STEP)) == 1
    with pytest.raises(Cancelled):
        document_pictures(Document.open(some), step=stopped())


def added(content: bytes, members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("question", "said", "page"),
    [
        ("How tall is the lighthouse?", "It is 41 metres tall", 1),
        ("when was the lighthouse built", "built in 1887", 1),
        ("What is the oldest boat?", "The oldest boat is the Anna.", 2),
        ("opening hours of the museum", "The museum opens at nine.", 3),
        ("How much is a ticket?", "Tickets cost six euros", 3),
    ],
)
def test_questions_are_answered_by_quotations(made: Any, question: str, said: str, page: int) -> None:
    found = ask_document(Document.open(made.pdf(GUIDE)), question, 2, step=STEP)
    best_line, *_ = found.text.splitlines()
    assert said in best_line and best_line.endswith(f"(page {page})") and found.method.startswith("quoted")
    words = " ".join(" ".join(GUIDE).split())
    for line in found.text.splitlines():
        assert line.startswith("“") and line[1 : line.rindex("”")] in words


def test_what_the_document_does_not_say_gives_nothing(made: Any) -> None:
    guide = Document.open(made.pdf(GUIDE))
    assert ask_document(guide, "What is the capital of France?", step=STEP).empty
    assert ask_document(guide, "灯塔有多高？", step=STEP).empty
    assert ask_document(Document.open(made.scan(Pil.new("L", (9, 9)))), "what does it say", step=STEP).empty
    for question in ("", " ?! "):
        with pytest.raises(WrongArgument, match="nothing is asked"):
            ask_document(guide, question, step=STEP)
    chinese = Document.open(made.docx(["北港的灯塔建于1887年。灯塔高41米，漆成白色。", "港口里停着四十艘船。"]))
    assert "41米" in ask_document(chinese, "灯塔有多高？", 1, step=STEP).text


def test_ranking_prefers_rare_words_and_does_not_repeat_itself() -> None:
    passages = [Passage(f"The boat number {number} is old.", "page 1") for number in range(9)]
    rare = Passage("The boat is a schooner.", "page 2")
    assert best([*passages, rare], "which boat is a schooner", 2) == [rare, passages[0]]
    assert best([rare, rare], "schooner", 5) == [rare]
    assert best([], "schooner", 5) == []


def answer(found: bool = True, text: str = "It is 41 metres tall.", passages: object = (1,)) -> dict[str, Any]:
    return {
        "able": True,
        "found": found,
        "text": text,
        "passages": list(passages) if isinstance(passages, tuple) else passages,
    }


def test_a_model_answers_from_the_pages(made: Any, speaking: Speaking) -> None:
    guide = Document.open(made.pdf(GUIDE))
    server = speaking(answer(passages=(3, 1)))
    said = answer_from_document(guide, "How tall is the lighthouse?", writer=server.adapter("writer"), step=STEP)
    assert said.text == "It is 41 metres tall. (page 1, page 3)" and "language model" in said.method
    told, shown = (each["content"] for each in server.asked[0]["messages"])
    assert "How tall is the lighthouse?" in told and shown.startswith("1. The lighthouse of Nordhaven")
    word = Document.open(made.docx(["It is 41 metres tall."]))
    writer = speaking(answer()).adapter("writer")
    assert answer_from_document(word, "How tall?", writer=writer, step=STEP).text == "It is 41 metres tall."


def test_of_a_long_document_the_model_sees_what_the_question_is_about(made: Any, speaking: Speaking) -> None:
    filler = [f"Chapter {number} is about rope. " + "Rope is made of hemp and tar. " * 60 for number in range(12)]
    book = Document.open(made.docx([*filler, "The lighthouse is 41 metres tall."]))
    server = speaking(answer())
    answer_from_document(book, "How tall is the lighthouse?", writer=server.adapter("writer"), step=STEP)
    shown = server.asked[0]["messages"][1]["content"]
    assert shown.startswith("1. The lighthouse is 41 metres tall.") and len(shown) < 2000
    server.asked.clear()
    assert answer_from_document(book, "Who painted it?", writer=server.adapter("writer"), step=STEP).empty
    assert server.asked == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer(passages=(4,)), "rests its answer on passage 4 of 3"),
        (answer(passages=()), "rests its answer on no passage"),
        (answer(text=" "), "wrote nothing"),
        (answer(text="I cannot answer that."), "a refusal"),
        (answer(passages=["one"]), "no such answer"),
        ("The lighthouse is 41 metres tall.", "no JSON object"),
    ],
)
def test_answers_that_rest_on_nothing_are_errors(made: Any, speaking: Speaking, reply: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        writer = speaking(reply).adapter("writer")
        answer_from_document(Document.open(made.pdf(GUIDE)), "How tall is it?", writer=writer, step=STEP)


def test_what_the_passages_do_not_hold_is_no_answer(made: Any, speaking: Speaking) -> None:
    writer = speaking(answer(found=False, text="", passages=())).adapter("writer")
    assert answer_from_document(Document.open(made.pdf(GUIDE)), "Who built it?", writer=writer, step=STEP).empty
    with pytest.raises(WrongArgument, match="nothing is asked"):
        answer_from_document(Document.open(made.pdf(GUIDE)), "…", writer=writer, step=STEP)
