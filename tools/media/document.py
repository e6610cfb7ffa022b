"""Documents: PDF, Word, PowerPoint and Excel files, kept as they came and opened by whoever reads them."""

import io
import re
import threading
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, cast

from ..errors import InputError, NotDecodable, PanmodalError, TooLarge
from .artifact import Artifact
from .limits import Limits
from .sniff import OLD_OFFICE, sniff
from .source import read_source

Format = Literal["pdf", "docx", "pptx", "xlsx"]

UNITS = MappingProxyType({"pdf": "page", "docx": "", "pptx": "slide", "xlsx": "sheet"})
"""What the parts of a format are called; a Word file has pages only once it is laid out."""

_PDFIUM = threading.RLock()  # PDFium must not be called from two threads at once
_MOST_XML = 128 << 20  # bytes of XML in an Office file; the parsers take several times as much memory
_XML = (".xml", ".rels", ".vml")
# What Office writes has no document type, whose entities could grow without bound.
_DOCTYPE = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_MACROS = b"application/vnd.ms-word.document.macroEnabled.main+xml"
_PLAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_TYPES = "[Content_Types].xml"
_END_OF_PDF = 2048  # bytes at the end in which the end mark stands


class Document(Artifact):
    """A file of ``format`` with ``pages``: those of a PDF, slides, sheets; None for a Word file, which has none yet."""

    kind: ClassVar[str] = "document"
    format: Format
    pages: int | None = None

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The document of a file, which is opened to see that it can be. Macros do not run, links are not followed.

        Raises MissingFile, TooLarge (from its directory, before anything is unpacked), or NotDecodable for what is
        damaged, breaks off, asks for a password or is in an old format; each names the file.
        """
        limits = limits or Limits()
        name, content = read_source(source, limits, name)
        form = _format(content, name)
        if form != "pdf":
            _check_archive(content, name, limits)
        with opened(content, form, name) as document:
            pages = _count(document, form)
        limits.check_pages(pages or 0, name)
        signature = sniff(content)
        return cls._read(content, content, mime=signature.mime if signature else "", format=form, pages=pages)

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        found: bytes = self._loaded()
        return found

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The document as its library gives it: of pypdfium2, python-docx, python-pptx or openpyxl.

        Whatever goes wrong within becomes NotDecodable. Only one PDF is open at a time, in all threads.
        """
        with opened(self.content, self.format, self._name) as document:
            yield document

    def _decode(self, content: bytes) -> bytes:
        return content


@contextmanager
def opened(content: bytes, form: Format, name: str) -> Iterator[Any]:
    """The library's document of a file's bytes; errors within name the file."""
    try:
        with _pdf(content) if form == "pdf" else _office(content, form) as document:
            yield document
    except PanmodalError:
        raise
    except MemoryError as error:
        raise TooLarge(f"{name} does not fit in memory", name=name) from error
    except Exception as error:  # damaged bytes make the parsers raise nearly every type there is
        raise _refused(error, form, name) from error


@contextmanager
def _pdf(content: bytes) -> Iterator[Any]:
    import pypdfium2

    with _PDFIUM:
        document = pypdfium2.PdfDocument(content)
        try:
            yield document
        finally:
            document.close()


@contextmanager
def _office(content: bytes, form: Format) -> Iterator[Any]:
    stream = io.BytesIO(content)
    if form == "docx":
        import docx

        yield docx.Document(_without_macros(stream))
    elif form == "pptx":
        import pptx

        yield pptx.Presentation(stream)
    else:
        import openpyxl

        # It tells of every extension that it leaves out, such as rules for what may be typed into a cell.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()


def _count(document: Any, form: Format) -> int | None:
    if form == "docx":
        return None
    return len(document.slides if form == "pptx" else document.sheetnames if form == "xlsx" else document)


def _format(content: bytes, name: str) -> Format:
    """The format of the bytes. Raises NotDecodable for other files, old formats, and a PDF that breaks off."""
    signature = sniff(content)
    if signature == OLD_OFFICE:
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise _locked(name)
        raise NotDecodable(
            f"{name} is a file of an old Office (doc, xls or ppt)", hint="save it as docx, xlsx, pptx or PDF", name=name
        )
    if signature is None or signature.kind != "document":
        raise NotDecodable(f"{name} is no document", hint=f"documents are {', '.join(UNITS)}", name=name)
    # PDFium mends what breaks off and shows what is left, which would pass for the whole.
    if signature.format == "PDF" and b"%%EOF" not in content[-_END_OF_PDF:]:
        raise NotDecodable(f"{name} is incomplete: a PDF ends with %%EOF", hint="get the whole file", name=name)
    return cast(Format, signature.format.lower())


def _check_archive(content: bytes, name: str, limits: Limits) -> None:
    """Look through an Office file, which is a zip archive, before a parser does. Raises TooLarge or NotDecodable."""
    limits.check_depth(1, name)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            limits.check_bytes(sum(member.file_size for member in members), name)
            parts = [member for member in members if member.filename.lower().endswith(_XML)]
            _check_xml(sum(member.file_size for member in parts), name)
            if any(member.flag_bits & 1 for member in members):
                raise _locked(name)
            for member in parts:
                xml = archive.read(member)
                if any(mark in xml for mark in _DOCTYPE):
                    raise NotDecodable(
                        f"{name} holds a document type in {member.filename}, as no Office writes it",
                        hint="save it anew with an Office program",
                        name=name,
                    )
    except InputError:
        raise
    except Exception as error:  # damaged bytes make zipfile and zlib raise nearly every type there is
        raise NotDecodable(f"{name} is damaged or incomplete: {error}", hint="get the whole file", name=name) from error


def _check_xml(size: int, name: str) -> None:
    if size > _MOST_XML:
        raise TooLarge(
            f"{name} holds {size} bytes of XML, over the limit of {_MOST_XML}",
            hint="give a part of it",
            name=name,
            limit="xml",
            value=size,
            allowed=_MOST_XML,
        )


def _without_macros(stream: io.BytesIO) -> io.BytesIO:
    """A Word file as one that has no macros by its own account, since python-docx opens no other."""
    with zipfile.ZipFile(stream) as archive:
        types = archive.read(_TYPES)
        if _MACROS not in types:
            stream.seek(0)
            return stream
        plain = io.BytesIO()
        with zipfile.ZipFile(plain, "w") as copy:
            for member in archive.infolist():
                content = types.replace(_MACROS, _PLAIN) if member.filename == _TYPES else archive.read(member)
                copy.writestr(member.filename, content)
    plain.seek(0)
    return plain


def _locked(name: str) -> NotDecodable:
    return NotDecodable(f"{name} asks for a password", hint="open it and save it without one", name=name, locked=True)


def _refused(error: Exception, form: Format, name: str) -> NotDecodable:
    import pypdfium2

    if isinstance(error, pypdfium2.PdfiumError) and error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
        return _locked(name)
    told = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return NotDecodable(f"{name} is a damaged {form} file: {told}", hint="open or download it again", name=name)
