"""The index of a campaign's documents: one SQLite file with full text, written once and then only read."""

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from moonloop.domain.documents import Document
from moonloop.domain.errors import InvalidInput, TooLarge
from moonloop.tools.literature.extracting import Extracted, extract
from moonloop.tools.literature.passages import pieces

__all__ = ["Extractor", "Source", "build_index", "index_key", "opened", "uri_of"]

Extractor = Callable[[Document, bytes], Extracted]
Source = bytes | Callable[[], bytes]
"""The bytes of a document, or what gets them when it is their turn."""

_VERSION = 1
"""Of the file's form and of how passages are cut: another one is another file."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents(sha256 TEXT PRIMARY KEY, name TEXT, problem TEXT, passages INTEGER);
CREATE TABLE IF NOT EXISTS passages(id TEXT PRIMARY KEY, sha256 TEXT, number INTEGER, page TEXT, text TEXT);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    text, id UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TABLE IF NOT EXISTS complete(key TEXT);
"""


def index_key(documents: Iterable[Document]) -> str:
    """Return a name for the index of these documents: the same for the same, in whatever order."""
    told = sorted({f"{one.sha256} {one.media_type} {one.name}" for one in documents})
    return hashlib.sha256("\n".join([str(_VERSION), *told]).encode()).hexdigest()[:32]


def build_index(
    documents: Iterable[tuple[Document, Source]], path: Path, *, extract_text: Extractor = extract
) -> Path:
    """Make the index of documents at `path`, and return that; one that is there already is left as it is.

    Each document is committed by itself in a file beside it, which replaces `path` when all are in: a process
    that dies is continued by the next, and a reader sees a whole index or none. Of documents that come by a
    callable no more than one is held at a time, and one that is in already is not asked for; `TooLarge` from
    it makes its document one that cannot be read.

    Raises:
        InvalidInput: when bytes are not those that the document names.
    """
    listed = list(documents)
    key = index_key(document for document, _ in listed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        if not _is_complete(path, key):
            part = path.with_name(path.name + ".part")
            _fill(part, key, listed, extract_text)
            part.replace(path)
    return path


def opened(path: Path) -> sqlite3.Connection:
    """Open an index for reading; nothing can be written through it."""
    return sqlite3.connect(uri_of(path), uri=True)


def uri_of(path: Path) -> str:
    """Return by which name an index is opened: for reading, and as one that nobody changes."""
    return f"file:{quote(str(path))}?mode=ro&immutable=1"


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Keep other processes from building the same index; the lock goes when its holder does."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_complete(path: Path, key: str) -> bool:
    if not path.is_file():
        return False
    try:
        with closing(opened(path)) as index:
            return index.execute("SELECT 1 FROM complete WHERE key = ?", (key,)).fetchone() is not None
    except sqlite3.DatabaseError:
        return False


def _fill(part: Path, key: str, listed: list[tuple[Document, Source]], extract_text: Extractor) -> None:
    try:
        _add_all(part, key, listed, extract_text)
    except sqlite3.DatabaseError:
        # What a crash left behind may be no database at all.
        for left in part.parent.glob(part.name + "*"):
            left.unlink()
        _add_all(part, key, listed, extract_text)


def _add_all(part: Path, key: str, listed: list[tuple[Document, Source]], extract_text: Extractor) -> None:
    with closing(sqlite3.connect(part, isolation_level=None)) as index:
        index.executescript(_SCHEMA)
        known = {str(row[0]) for row in index.execute("SELECT sha256 FROM documents")}
        for document, source in listed:
            if document.sha256 not in known:
                _add(index, document, _text_of(document, source, extract_text))
                known.add(document.sha256)
        index.execute("DELETE FROM complete")
        index.execute("INSERT INTO complete VALUES (?)", (key,))


def _text_of(document: Document, source: Source, extract_text: Extractor) -> Extracted:
    try:
        body = source if isinstance(source, bytes) else source()
    except TooLarge as error:
        return Extracted(problem=str(error))
    if hashlib.sha256(body).hexdigest() != document.sha256:
        raise InvalidInput(where=document.name, why=f"its bytes do not hash to {document.sha256}")
    return extract_text(document, body)


def _add(index: sqlite3.Connection, document: Document, found: Extracted) -> None:
    cut = [(page.label, text) for page in found.pages for text in pieces(page.text)]
    index.execute("BEGIN")
    for number, (label, text) in enumerate(cut, start=1):
        name = f"lit_{document.sha256[:8]}_{number}"
        # Two documents whose hashes begin alike share ids; the first one keeps them.
        row = (name, document.sha256, number, label, text)
        if index.execute("INSERT OR IGNORE INTO passages VALUES (?, ?, ?, ?, ?)", row).rowcount == 0:
            continue
        index.execute("INSERT INTO words (text, id) VALUES (?, ?)", (text, name))
    index.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?)", (document.sha256, document.name, found.problem, len(cut))
    )
    index.execute("COMMIT")
