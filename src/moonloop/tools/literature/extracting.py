"""Text out of documents, within bounds: what a document claims to hold is never believed.

A document that cannot be read is an empty one with a reason, not an error: the campaign goes on without it. A
process of its own with a limit of memory is the last line, for what no bound here foresees.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, cast

from moonloop.domain.documents import Document
from moonloop.domain.values import Value
from moonloop.tools.literature.passages import cleaned

__all__ = ["LARGEST", "Extracted", "Page", "extract"]

LARGEST = 50_000_000
"""Bytes of a document; a larger one is not read."""
_PAGES = 500
_CHARACTERS = 2_000_000
"""Of the whole document."""
_SECONDS = 90.0
_UNPACKED = 20_000_000
"""Bytes that one stream of a PDF may unfold to."""
_ENTRIES = 2_000


class Page(Value):
    """One page, or one entry of a bibliography."""

    label: str
    """The page's number, the entry's key, or nothing."""
    text: str


class Extracted(Value):
    """The text of a document."""

    pages: tuple[Page, ...] = ()
    problem: str = ""
    """Why it, or some of it, could not be read."""


def extract(document: Document, body: bytes) -> Extracted:
    """Return the text of a document; what goes wrong is said in it."""
    if len(body) > LARGEST:
        return Extracted(problem=f"it has {len(body)} bytes, {LARGEST} are allowed")
    kept: list[Page] = []
    room, until = _CHARACTERS, time.monotonic() + _SECONDS
    try:
        for page in _READERS[document.media_type](body):
            text = cleaned(page.text)[:room]
            room -= len(text)
            kept += [Page(label=cleaned(page.label)[:60], text=text)] if text else []
            if room <= 0 or time.monotonic() > until:
                return Extracted(pages=tuple(kept), problem="it is too long; only its beginning was read")
    except Exception as error:  # noqa: BLE001 -- parsers of foreign files fail in every way there is
        return Extracted(pages=tuple(kept), problem=f"it cannot be read: {type(error).__name__}"[:200])
    return Extracted(pages=tuple(kept), problem="" if kept else "there is no text in it")


def _plain(body: bytes) -> Iterator[Page]:
    yield Page(label="", text=body.decode("utf-8", errors="replace"))


def _pdf(body: bytes) -> Iterator[Page]:
    import pypdf  # noqa: PLC0415 -- few campaigns bring a PDF

    bounds: dict[str, Any] = {
        "zlib_maximum_output_length": _UNPACKED,
        "lzw_maximum_output_length": _UNPACKED,
        "run_length_maximum_output_length": _UNPACKED,
        "array_based_stream_maximum_output_length": _UNPACKED,
        "stream_decoding_work_maximum_length": 4 * _UNPACKED,
        "jbig2dec_binary": None,  # no program is started for an image
    }
    with pypdf.apply_configuration(**bounds):
        pages = cast("Iterable[Any]", pypdf.PdfReader(io.BytesIO(body)).pages)
        for number, page in enumerate(islice(pages, _PAGES), start=1):
            yield Page(label=str(number), text=str(page.extract_text()))


def _bibliography(body: bytes) -> Iterator[Page]:
    from bibtexparser.entrypoint import parse_string  # noqa: PLC0415 -- as above

    library: Any = parse_string(body.decode("utf-8", errors="replace")[:_CHARACTERS])
    for entry in islice(library.entries, _ENTRIES):
        fields = {str(field.key).lower(): str(field.value) for field in entry.fields}
        told = [fields.pop(name, "") for name in ("title", "author", "journal", "year", "doi", "abstract")]
        rest = [
            f"{name}: {value}" for name, value in fields.items() if name in ("note", "keywords", "booktitle")
        ]
        yield Page(label=str(entry.key), text=". ".join(part for part in [*told, *rest] if part))


_READERS: dict[str, Callable[[bytes], Iterator[Page]]] = {
    "application/pdf": _pdf,
    "application/x-bibtex": _bibliography,
    "text/markdown": _plain,
    "text/plain": _plain,
}
