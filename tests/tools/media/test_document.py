"""Documents are known by what is in them, opened within limits, and refused by name where they cannot be."""

import io
import struct
import threading
import zipfile
import zlib

import pytest

from panmodal.tools.errors import MissingFile, NotDecodable, TooLarge
from panmodal.tools.media.document import Document
from panmodal.tools.media.ingest import ingest
from panmodal.tools.media.kinds import Artifact, Image, PointCloud, Text
from panmodal.tools.media.limits import Limits
from panmodal.tools.media.sniff import sniff

FORMATS = {"pdf": 2, "docx": None, "pptx": 2, "xlsx": 2}


def changed(content: bytes, **members: bytes | None) -> bytes:
    """An archive with members replaced, added, or (None) left out; / in names is written __."""
    new = {name.replace("__", "/"): value for name, value in members.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in old.infolist():
            if member.filename not in new:
                copy.writestr(member.filename, old.read(member))
        for name, value in new.items():
            if value is not None:
                copy.writestr(name, value)
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_documents_are_known_by_their_content(form, four, tmp_path):
    path = tmp_path / "misleading.txt"
    path.write_bytes(four[form])
    document = ingest(path)
    assert isinstance(document, Document) and (document.format, document.pages) == (form, FORMATS[form])
    assert document.content == document.encode()[0] == four[form] and not document.empty
    assert document == Document.open(four[form])
    again = Artifact.from_handle(document.handle(), lambda _: four[form])
    with again.opened() as opened:
        assert opened is not None


def test_a_pdf_may_begin_late_and_end_with_blanks(made):
    content = made.pdf(["a page"])
    assert ingest(b"\xef\xbb\xbf" + content).format == "pdf"
    assert ingest(b"\n\n" + content + b"\r\n\0\0").pages == 1


def test_what_is_near_to_a_document_stays_what_it_is(made):
    assert isinstance(ingest(b"a,b\n1,2\n"), Text)
    assert isinstance(ingest("# Häuser\n".encode()), Text)
    assert isinstance(ingest(b"The mark %PDF-1.7 begins a PDF."), Text)
    cloud = PointCloud.from_points([[1, 2, 3]])
    assert ingest(cloud.encode()[0]).kind == "point_cloud"
    nested = changed(made.pptx([("a", "b")]), ppt__embeddings__a=made.docx(["x"]), word__notes=b"x")
    assert ingest(nested).format == "pptx"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("form", FORMATS)
def test_what_breaks_off_is_refused(form, share, four, tmp_path):
    path = tmp_path / f"report.{form}"
    path.write_bytes(four[form][: int(len(four[form]) * share)])
    with pytest.raises(NotDecodable, match=rf"report.{form}"):
        ingest(path)


@pytest.mark.parametrize("form", FORMATS)
def test_damage_is_refused_or_harmless(form, four):
    content = bytearray(four[form])
    for place in range(40, len(content), max(1, len(content) // 12)):
        content[place : place + 8] = b"\0\xff" * 4
        try:
            with Document.open(bytes(content), name="spoilt").opened():
                pass
        except NotDecodable as error:
            assert "spoilt" in error.message


def test_passwords_are_told(made, tmp_path):
    lock = f"<< /Filter /Standard /V 1 /R 2 /O ({'a' * 32}) /U ({'b' * 32}) /P -44 >>"
    path = tmp_path / "secret.pdf"
    path.write_bytes(made.pdf(["x"], extra=lock, trailer=f"/Encrypt 6 0 R /ID [({'c' * 16}) ({'c' * 16})]"))
    with pytest.raises(NotDecodable, match=r"secret.pdf asks for a password") as caught:
        ingest(path)
    assert caught.value.facts["locked"] and "without one" in caught.value.hint
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    with pytest.raises(NotDecodable, match="asks for a password"):
        ingest(ole + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(NotDecodable, match="old Office") as caught:
        ingest(ole)
    assert "docx" in caught.value.hint
    flagged = bytearray(made.xlsx({"A": [[1]]}))
    end = flagged.rfind(b"PK\x01\x02")
    flagged[end + 8] |= 1
    with pytest.raises(NotDecodable, match="asks for a password"):
        ingest(bytes(flagged))


def test_bombs_are_not_unpacked(made):
    docx = made.docx(["x"])
    bomb = changed(docx, word__media__big=b"\0" * 5_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(TooLarge, match="bytes"):
        Document.open(bomb, Limits(max_bytes=4_000_000))
    with pytest.raises(TooLarge, match="levels of archive"):
        Document.open(docx, Limits(archive_depth=0))
    # A directory that promises too much XML is believed, for nothing of it is unpacked.
    told = bytearray(docx)
    place = told.rfind(b"word/document.xml") - 46
    told[place + 24 : place + 28] = struct.pack("<I", 200 << 20)
    with pytest.raises(TooLarge, match="bytes of XML"):
        Document.open(bytes(told))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(made, encoding):
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><x>&a9;</x>'
    for content, part in ((made.docx(["x"]), "word__document.xml"), (made.xlsx({"A": [[1]]}), "xl__workbook.xml")):
        with pytest.raises(NotDecodable, match="document type in (word|xl)/"):
            ingest(changed(content, **{part: xml.encode(encoding)}))


def test_macros_are_left_alone(made):
    def with_macros(content, main, name):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            types = archive.read("[Content_Types].xml")
        assert main in types
        plain = types.replace(main, name)
        return changed(
            content, **{"[Content_Types].xml": plain, f"{'word' if b'word' in main else 'xl'}__vba.bin": b"\1" * 99}
        )

    word = with_macros(
        made.docx(["Macros here."]),
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    with Document.open(word).opened() as opened:
        assert opened.paragraphs[0].text == "Macros here."
    book = with_macros(
        made.xlsx({"A": [[1]]}),
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
    )
    assert ingest(book).format == "xlsx"


def test_pages_are_limited(made):
    with pytest.raises(TooLarge, match="3 pages, over the limit of 2"):
        ingest(made.pdf(["a", "b", "c"]), Limits(max_pages=2))


def test_what_is_no_document_is_a_typed_error(made, tmp_path):
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("notes.txt", "hello")
    names = {
        "a.pdf": b"<html>not found</html>",
        "b.docx": b"plain words",
        "c.zip": plain.getvalue(),
        "d.xlsx": b"PK\x03\x04",
    }
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NotDecodable, match=name):
            ingest(tmp_path / name)
    for content in (b"words", made.picture(), b""):
        with pytest.raises(NotDecodable):
            Document.open(content)
    with pytest.raises(NotDecodable, match="not a picture"):
        Image.open(made.pdf(["x"]))
    for broken in (
        b"%PDF-1.7\nnothing\n%%EOF",
        changed(made.docx(["x"]), word__document=b"", **{"word__document.xml": None}),
        changed(made.docx(["x"]), **{"word__document.xml": b"<w:document"}),
        changed(made.pptx([("a", "b")]), **{"ppt__presentation.xml": b"\xff\xfe"}),
        changed(made.xlsx({"A": [[1]]}), **{"xl__workbook.xml": zlib.compress(b"x")}),
    ):
        with pytest.raises(NotDecodable, match="damaged"):
            Document.open(broken)
    with pytest.raises(MissingFile):
        Document.open(tmp_path / "absent.pdf")


def test_pdfs_are_opened_one_at_a_time_in_all_threads(made):
    documents = [Document.open(made.pdf([f"page {number}"] * 3)) for number in range(6)]
    told = {}

    def read(number):
        for _ in range(5):
            with documents[number].opened() as pdf:
                told.setdefault(number, set()).add(tuple(page.get_textpage().get_text_bounded() for page in pdf))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert told == {number: {(f"page {number}",) * 3} for number in range(6)}


def test_signatures():
    assert sniff(b"%PDF-1.4\n").mime == "application/pdf"
    assert sniff(b"PK\x03\x04").kind == "archive"
    assert sniff(b"%PDX") is None
