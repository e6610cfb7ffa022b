"""What a file is, told from its bytes, as a rule the first ones; its name is never trusted."""

import io
import re
import zipfile
from typing import NamedTuple


class Signature(NamedTuple):
    """A kind (``av`` where sound and pictures share a container), the format's name, and its mime type."""

    kind: str
    format: str
    mime: str


OLD_OFFICE = Signature("document", "OLE", "application/x-ole-storage")
"""Office files of before 2007, and new ones with a password, which are wrapped in the old form."""

_PREFIXES: tuple[tuple[bytes, Signature], ...] = (
    (b"\x89PNG\r\n\x1a\n", Signature("image", "PNG", "image/png")),
    (b"\xff\xd8\xff", Signature("image", "JPEG", "image/jpeg")),
    (b"GIF8", Signature("image", "GIF", "image/gif")),
    (b"II*\0", Signature("image", "TIFF", "image/tiff")),
    (b"MM\0*", Signature("image", "TIFF", "image/tiff")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Signature("image", "JPEG2000", "image/jp2")),
    (b"\xff\x4f\xff\x51", Signature("image", "JPEG2000", "image/jp2")),
    (b"fLaC", Signature("audio", "FLAC", "audio/flac")),
    (b"RF64", Signature("audio", "WAV", "audio/wav")),
    (b"ID3", Signature("audio", "MP3", "audio/mpeg")),
    (b".snd", Signature("audio", "AU", "audio/basic")),
    (b"caff", Signature("audio", "CAF", "audio/x-caf")),
    (b"OggS", Signature("av", "OGG", "video/ogg")),
    (b"\x1aE\xdf\xa3", Signature("av", "MATROSKA", "video/webm")),
    (b"FLV\x01", Signature("av", "FLV", "video/x-flv")),
    (b"\0\0\x01\xba", Signature("av", "MPEG", "video/mpeg")),
    (b"0&\xb2u\x8ef\xcf\x11", Signature("av", "ASF", "video/x-ms-asf")),
    (b"ply\n", Signature("point_cloud", "PLY", "application/x-ply")),
    (b"ply\r", Signature("point_cloud", "PLY", "application/x-ply")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_OFFICE),
)
_FORMS = {
    b"WEBP": Signature("image", "WEBP", "image/webp"),
    b"WAVE": Signature("audio", "WAV", "audio/wav"),
    b"AIFF": Signature("audio", "AIFF", "audio/aiff"),
    b"AIFC": Signature("audio", "AIFF", "audio/aiff"),
    b"AVI ": Signature("av", "AVI", "video/x-msvideo"),
}
_BRANDS = {
    b"avif": Signature("image", "AVIF", "image/avif"),
    b"avis": Signature("image", "AVIF", "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1"), Signature("image", "HEIC", "image/heic")),
    b"M4A ": Signature("audio", "M4A", "audio/mp4"),
    b"M4B ": Signature("audio", "M4A", "audio/mp4"),
}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_PARTS = {
    "word/": Signature("document", "DOCX", f"{_OFFICE}.wordprocessingml.document"),
    "ppt/": Signature("document", "PPTX", f"{_OFFICE}.presentationml.presentation"),
    "xl/": Signature("document", "XLSX", f"{_OFFICE}.spreadsheetml.sheet"),
}
"""Folders in which Office files keep their parts."""
_PDF = re.compile(rb"(?:\xef\xbb\xbf)?[\s\0]{0,1024}%PDF-\d")
_MEMBER = re.compile(rb"PK\x03\x04.{26}([\w\[\]./-]+)", re.DOTALL)
_LOOKED_AT = 1 << 16  # bytes in which the members of a broken archive are looked for


def sniff(content: bytes) -> Signature | None:
    """What the bytes are, or None where they begin like no medium that is known (they may be text)."""
    for prefix, signature in _PREFIXES:
        if content.startswith(prefix):
            return signature
    if content.startswith(b"PK\x03\x04"):
        return _archive(content)
    if _PDF.match(content):
        return Signature("document", "PDF", "application/pdf")
    if content[:4] in (b"RIFF", b"FORM"):
        return _FORMS.get(content[8:12])
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], Signature("av", "MP4", "video/mp4"))
    if content[:2] == b"BM" and content[6:10] == b"\0\0\0\0":  # the reserved bytes tell it from text
        return Signature("image", "BMP", "image/bmp")
    if content[:1] == b"P" and content[1:2] in b"123456" and content[2:3].isspace():
        return Signature("image", "PPM", "image/x-portable-anymap")
    if len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2:  # MPEG sync bits, layer III
        return Signature("audio", "MP3", "audio/mpeg")
    if content[:1] == b"G" and content[188:189] == b"G" and b"\0" in content[:188]:
        return Signature("av", "MPEGTS", "video/mp2t")
    return None


def _archive(content: bytes) -> Signature:
    """What a zip archive is by its members' names, which can be read even where its end is missing."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
        office = "[Content_Types].xml" in names
    except Exception:  # damaged bytes make zipfile raise nearly every type there is
        office = True  # as far as one can see: some write that member last
        names = [name.decode("ascii", "replace") for name in _MEMBER.findall(content[:_LOOKED_AT])]
    if any(name.endswith(".npy") for name in names):
        return Signature("point_cloud", "NPZ", "application/x-npz")
    for name in names if office else ():
        found = next((signature for folder, signature in _PARTS.items() if name.startswith(folder)), None)
        if found is not None:
            return found
    return Signature("archive", "ZIP", "application/zip")
