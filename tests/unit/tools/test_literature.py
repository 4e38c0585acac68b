"""The index of documents: what goes in, what is found, and what a crash leaves."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.documents import Document
from moonloop.domain.errors import InvalidInput, TooLarge, ToolRefused
from moonloop.tools.asking import Snapshot
from moonloop.tools.asking.arguments import Literature, Online, Read
from moonloop.tools.literature import LARGEST, Extracted, build_index, extract, index_key, read, search
from moonloop.tools.literature.indexing import opened
from moonloop.tools.literature.online import inquiry, understood
from moonloop.tools.literature.passages import cleaned, pieces
from support.attacks import pdf_of

_NOTES = ("Quinones take up two electrons. " * 60 + "Methyl groups lower the reduction potential.").encode()
_BIBTEX = b"""@article{lee2020, title={Redox of {Q}uinones}, author={Lee, A.}, year={2020},
  abstract={Sulfonates help.}}"""


def document(name: str, media: str, body: bytes) -> tuple[Document, bytes]:
    """Return a document with its bytes."""
    sha256 = hashlib.sha256(body).hexdigest()
    return Document.model_validate({"name": name, "sha256": sha256, "media_type": media}), body


_DOCUMENTS = (
    document("Notes", "text/plain", _NOTES),
    document("Reading list", "application/x-bibtex", _BIBTEX),
    document("A page", "application/pdf", pdf_of("Naphthoquinone dissolves slowly.")),
    document("Broken", "application/pdf", b"%PDF-1.7 nothing"),
)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Return a view of an index of four documents."""
    return Snapshot(library=str(build_index(_DOCUMENTS, tmp_path / "index.sqlite")))


@pytest.mark.parametrize(
    ("query", "source", "page"),
    [
        ("methyl potential", "Notes", None),
        ("sulfonate", "Reading list", "lee2020"),
        ("naphthoquinone", "A page", "1"),
        ('"dissolves slowly"', "A page", "1"),
        ("dissolve AND slow", "A page", "1"),
    ],
)
def test_a_passage_comes_with_its_source_and_page(
    snapshot: Snapshot, query: str, source: str, page: str | None
) -> None:
    """Text, bibliographies and PDF are found by words and their stems, and say where they stand."""
    first = search(Literature(query=query), snapshot).passages[0]
    assert (source, page) == (first.source, first.page)
    assert first.id.startswith("lit_")


def test_what_cannot_be_read_is_said(snapshot: Snapshot) -> None:
    """A broken document is named, and the others are searched all the same."""
    found = search(Literature(query="quinones"), snapshot)
    assert found.unreadable is not None
    assert found.unreadable[0].startswith("Broken: it cannot be read")


@pytest.mark.parametrize(
    "query", ['"', "(((", "AND OR NOT", "text:", "a NEAR(", "*", "\x00", "'; DROP TABLE", "^", "-"]
)
def test_no_query_is_an_error(snapshot: Snapshot, query: str) -> None:
    """What is no query of the index is taken as words."""
    assert len(search(Literature(query=query), snapshot).passages) <= 4


def test_a_query_with_too_many_words_still_finds_some(snapshot: Snapshot) -> None:
    """Where not all words occur together, any of them counts."""
    assert search(Literature(query="zebra methyl unicorn"), snapshot).passages[0].source == "Notes"


def test_passages_are_read_with_their_neighbours(snapshot: Snapshot) -> None:
    """From a passage one reads on, in the order of the document."""
    last = search(Literature(query="methyl"), snapshot).passages[0]
    found = read(Read(passage=last.id, before=1, after=3), snapshot).passages
    assert 2 == len(found)
    assert last == found[-1]


@pytest.mark.parametrize("passage", ["lit_00000000_1", "../../etc/passwd", "lit_%", "' OR 1 = 1 --"])
def test_an_id_that_is_none_reads_nothing(snapshot: Snapshot, passage: str) -> None:
    """Only ids of passages are read."""
    with pytest.raises(InvalidInput, match="no passage"):
        read(Read(passage=passage), snapshot)


def test_without_an_index_there_is_nothing_to_search() -> None:
    """A campaign without documents has no literature, and it is of no use to ask again."""
    with pytest.raises(ToolRefused, match="no documents"):
        search(Literature(query="x"), Snapshot())


def test_an_index_cannot_be_written_through_its_readers(tmp_path: Path) -> None:
    """Whoever opens an index to read it cannot change it."""
    with (
        closing(opened(build_index(_DOCUMENTS, tmp_path / "index.sqlite"))) as index,
        pytest.raises(sqlite3.OperationalError),
    ):
        index.execute("DELETE FROM passages")


def test_an_index_is_made_once(tmp_path: Path) -> None:
    """The same documents in any order are the same index: the file is left as it is."""
    path = build_index(_DOCUMENTS, tmp_path / "index.sqlite")
    before = path.stat().st_mtime_ns
    assert path == build_index(tuple(reversed(_DOCUMENTS)), path, extract_text=_never)
    assert before == path.stat().st_mtime_ns
    assert index_key(one for one, _ in _DOCUMENTS) == index_key(one for one, _ in reversed(_DOCUMENTS))


def _never(document: Document, body: bytes) -> Extracted:
    raise AssertionError((document, body))


def test_a_build_that_died_is_continued(tmp_path: Path) -> None:
    """What was read before the crash is not read again, and no reader sees half an index."""
    path = tmp_path / "index.sqlite"
    seen: list[str] = []

    def dying(one: Document, body: bytes) -> Extracted:
        seen.append(one.name)
        if one.name == "A page" and seen.count("A page") == 1:
            raise KeyboardInterrupt
        return extract(one, body)

    with pytest.raises(KeyboardInterrupt):
        build_index(_DOCUMENTS, path, extract_text=dying)
    assert not path.exists()
    build_index(_DOCUMENTS, path, extract_text=dying)
    assert ["Notes", "Reading list", "A page", "A page", "Broken"] == seen
    assert search(Literature(query="naphthoquinone"), Snapshot(library=str(path))).passages


def test_a_document_is_asked_for_when_its_turn_comes(tmp_path: Path) -> None:
    """The one before it is in by then, and one that is in already is asked for no more."""
    path, acts = tmp_path / "index.sqlite", list[str]()

    def listed(missing: str) -> list[tuple[Document, Callable[[], bytes]]]:
        return [(one, partial(fetched, one, body, missing)) for one, body in _DOCUMENTS]

    def fetched(one: Document, body: bytes, missing: str) -> bytes:
        acts.append(f"fetch {one.name}")
        if one.name == missing:
            raise InvalidInput(where=one.name, why="its bytes are gone")
        return body

    def extracted(one: Document, body: bytes) -> Extracted:
        acts.append(f"read {one.name}")
        return extract(one, body)

    with pytest.raises(InvalidInput):
        build_index(listed("Reading list"), path, extract_text=extracted)
    assert ["fetch Notes", "read Notes", "fetch Reading list"] == acts
    build_index(listed("nothing"), path, extract_text=extracted)
    assert 1 == acts.count("fetch Notes")


def test_a_document_that_is_too_large_to_be_fetched_is_one_without_text(tmp_path: Path) -> None:
    """The others are found."""

    def fetched() -> bytes:
        raise TooLarge(what="artifact", limit=LARGEST)

    (one, _), *others = _DOCUMENTS
    path = build_index([(one, fetched), *others], tmp_path / "index.sqlite")
    found = search(Literature(query="sulfonate"), Snapshot(library=str(path)))
    assert found.passages
    with closing(opened(path)) as index:
        query = "SELECT problem FROM documents WHERE sha256 = ?"
        assert f"larger than the {LARGEST} bytes" in index.execute(query, (one.sha256,)).fetchone()[0]


_KILLED = """
import os, sys
from pathlib import Path
from moonloop.tools.literature import build_index, extract
from test_literature import _DOCUMENTS

def dying(one, body):
    if one.name == "A page":
        os.kill(os.getpid(), 9)
    return extract(one, body)

build_index(_DOCUMENTS, Path(sys.argv[1]), extract_text=dying)
"""


def test_a_killed_build_leaves_no_index_and_is_finished_by_the_next(tmp_path: Path) -> None:
    """After kill -9 there is no index; the next build takes over what was committed, and the lock is free."""
    path = tmp_path / "index.sqlite"
    here = Path(__file__)
    environment = {**os.environ, "PYTHONPATH": f"{here.parent}:{here.parents[2]}"}
    run = subprocess.run([sys.executable, "-c", _KILLED, str(path)], env=environment, check=False)
    assert -9 == run.returncode
    assert not path.exists()
    again: list[str] = []
    build_index(
        _DOCUMENTS, path, extract_text=lambda one, body: (again.append(one.name), extract(one, body))[1]
    )
    assert ["A page", "Broken"] == again
    assert search(Literature(query="methyl"), Snapshot(library=str(path))).passages


def test_rubbish_left_by_a_crash_is_swept_away(tmp_path: Path) -> None:
    """A file that is no database does not stop the next build."""
    (tmp_path / "index.sqlite").write_bytes(b"torn")
    (tmp_path / "index.sqlite.part").write_bytes(b"torn" * 1000)
    path = build_index(_DOCUMENTS, tmp_path / "index.sqlite")
    assert search(Literature(query="methyl"), Snapshot(library=str(path))).passages


def test_other_bytes_than_those_named_are_refused(tmp_path: Path) -> None:
    """A document is its hash: other bytes are not indexed under its name."""
    one, _ = _DOCUMENTS[0]
    with pytest.raises(InvalidInput, match="do not hash"):
        build_index([(one, b"other")], tmp_path / "index.sqlite")


@given(st.text(max_size=5000))
def test_passages_lose_nothing(text: str) -> None:
    """The passages of a text, put together, are the text; none is longer than 800 characters."""
    whole = cleaned(text)
    cut = list(pieces(whole))
    assert whole.replace(" ", "") == "".join(cut).replace(" ", "")
    assert all(0 < len(piece) <= 800 for piece in cut)


@given(
    st.binary(max_size=2000),
    st.sampled_from(["application/pdf", "text/plain", "text/markdown", "application/x-bibtex"]),
)
def test_any_bytes_are_read_or_said_to_be_unreadable(body: bytes, media: str) -> None:
    """No bytes, whatever they claim to be, are an error."""
    for given_body in (body, b"%PDF-1.4\n" + body, b"@article{a, title={" + body + b"}}"):
        found = extract(document("Anything", media, given_body)[0], given_body)
        assert found.pages or found.problem


_OPENALEX = {
    "meta": {"count": 1},
    "results": [
        {
            "id": "https://openalex.org/W1",
            "doi": "https://doi.org/10.1000/q",
            "display_name": "A <i>quinone</i>\u202e story",
            "publication_year": 2021,
            "authorships": [{"author": {"display_name": "A. Lee"}}, {"author": {"display_name": "B. Roy"}}],
            "primary_location": {"source": {"display_name": "J. Tests"}},
            "abstract_inverted_index": {"dissolve": [1], "Quinones": [0], "slowly.": [2]},
        }
    ],
}
_EUROPE_PMC = {
    "hitCount": 1,
    "resultList": {
        "result": [
            {
                "id": "1",
                "source": "MED",
                "doi": "10.1000/p",
                "title": "A quinone",
                "authorString": "Lee A, Roy B.",
                "pubYear": "2019",
                "journalInfo": {"journal": {"title": "J. Tests"}},
                "abstractText": "<h4>Aim</h4>Quinones again.",
            }
        ]
    },
}


def test_an_answer_of_openalex_is_understood() -> None:
    """Title, authors, year, venue, DOI and the abstract in the order of its words."""
    asked = Online(source="openalex", query="quinone")
    (found,) = understood(asked, json.dumps(_OPENALEX).encode()).publications
    assert ("A quinone story", "A. Lee, B. Roy", 2021) == (found.title, found.authors, found.year)
    assert ("10.1000/q", "Quinones dissolve slowly.") == (found.doi, found.abstract)


def test_an_answer_of_europe_pmc_is_understood() -> None:
    """The same of the other index."""
    asked = Online(source="europe_pmc", query="quinone")
    (found,) = understood(asked, json.dumps(_EUROPE_PMC).encode()).publications
    assert ("MED:1", "A quinone", 2019, "J. Tests") == (found.id, found.title, found.year, found.venue)
    assert "Aim Quinones again." == found.abstract


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"results": 1}', b"<html>", b"[" * 100_000, b'{"results":[1]}']
)
def test_an_answer_of_another_shape_is_refused(body: bytes) -> None:
    """What is not of the documented shape is no answer."""
    with pytest.raises(ToolRefused, match="something else"):
        understood(Online(source="openalex", query="q"), body)


def test_only_the_documented_parameters_are_sent() -> None:
    """A query travels as a parameter; who asks is said, a key only to whom it belongs."""
    one = inquiry(Online(source="openalex", query="a&b=c"), "a@b.example", "key")
    assert ("api.openalex.org", "/works") == (one.host, one.path)
    assert ("a&b=c", "a@b.example", "key") == tuple(
        one.parameters[name] for name in ("search", "mailto", "api_key")
    )
    other = inquiry(Online(source="europe_pmc", query="x"), "a@b.example", "key")
    assert "key" not in other.parameters.values()
