"""A campaign file may give its documents by their paths: their bytes are found, hashed and told apart."""

import hashlib
import os
from pathlib import Path

import pytest

from moonloop.cli import campaign_file
from moonloop.cli.campaign_file import open_campaign_file
from moonloop.domain.errors import CampaignFileInvalid
from support.campaigns import make_spec

BODY = b"Nitriles raise the potential.\n"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a paper in it."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "smith.pdf").write_bytes(BODY)
    return tmp_path


def _file(folder: Path, *documents: str) -> Path:
    path = folder / "campaign.yaml"
    # JSON is YAML; the documents come after it, in lines of their own.
    spec = make_spec().model_dump_json(exclude={"documents"}).removesuffix("}")
    lines = ",\n".join(f"  {document}" for document in documents)
    path.write_text(f'{spec},\n"documents": [\n{lines}\n]}}\n')
    return path


def _refused(folder: Path, *documents: str) -> str:
    with pytest.raises(CampaignFileInvalid) as refused:
        open_campaign_file(_file(folder, *documents))
    return str(refused.value)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_path_becomes_a_hash(folder: Path, absolute: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the campaign file, wherever the command is run; the file is kept for the upload."""
    monkeypatch.chdir("/")
    paper = folder / "papers" / "smith.pdf"
    given = str(paper) if absolute else "papers/smith.pdf"

    found = open_campaign_file(_file(folder, f"{{name: Smith 2019, path: {given}}}"))

    (document,) = found.spec.documents
    assert ("Smith 2019", SHA256, "application/pdf") == (document.name, document.sha256, document.media_type)
    assert {SHA256: paper} == found.documents


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.bib", "application/x-bibtex"),
        ("A.PDF", "application/pdf"),
    ],
)
def test_the_name_tells_the_kind(folder: Path, name: str, media_type: str) -> None:
    """In small letters or large ones."""
    (folder / name).write_bytes(BODY)

    (document,) = open_campaign_file(_file(folder, f"{{name: x, path: {name}}}")).spec.documents
    assert media_type == document.media_type


def test_a_kind_that_is_given_stands(folder: Path) -> None:
    """Whatever the name says."""
    (folder / "notes.log").write_bytes(BODY)

    given = "{name: x, path: notes.log, media_type: text/plain}"
    assert "text/plain" == open_campaign_file(_file(folder, given)).spec.documents[0].media_type


def test_a_document_by_its_hash_is_left_alone(folder: Path) -> None:
    """It is on the server already; there is nothing to bring."""
    given = f"{{name: x, sha256: {SHA256}, media_type: text/plain}}"

    assert {} == open_campaign_file(_file(folder, given)).documents


def test_a_hash_beside_a_path_is_checked(folder: Path) -> None:
    """So that a file that has changed since is not taken for what it was."""
    good = f"{{name: x, path: papers/smith.pdf, sha256: {SHA256}}}"
    assert SHA256 == open_campaign_file(_file(folder, good)).spec.documents[0].sha256

    other = f"{{name: x, path: papers/smith.pdf, sha256: {'0' * 64}}}"
    told = _refused(folder, other)
    assert "campaign.yaml:3: documents[0].path: " in told
    assert "is another file than the sha256 beside it says" in told


def test_every_path_that_will_not_do_is_told_with_its_line(folder: Path) -> None:
    """A file that is missing, a folder, a pipe, and one whose kind is not known."""
    os.mkfifo(folder / "pipe.txt")
    (folder / "secret.key").write_bytes(BODY)
    told = _refused(
        folder,
        "{name: a, path: missing.pdf}",
        "{name: b, path: papers/smith.pdf}",
        "{name: c, path: papers.md}",
        "{name: d, path: pipe.txt}",
        "{name: e, path: secret.key}",
        "{name: f, path: papers, media_type: text/plain}",
    ).splitlines()[1:]

    starts = [f"campaign.yaml:{3 + place}: documents[{place}].path: " for place in (0, 2, 3, 4, 5)]
    assert 5 == len(told)
    assert [] == [start for start, line in zip(starts, told, strict=True) if start not in line]
    assert [True, True, True] == [
        words in line
        for words, line in zip(
            ("is a folder or no file", "is none of .pdf, .txt, .md, .bib", "is a folder or no file"),
            told[2:],
            strict=True,
        )
    ]


def test_a_huge_file_is_refused_before_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory and no time is spent on what no server takes."""
    monkeypatch.setattr(campaign_file, "_LARGEST_DOCUMENT", len(BODY) - 1)

    assert f"is larger than {len(BODY) - 1} bytes" in _refused(folder, "{name: x, path: papers/smith.pdf}")


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read by this user")
def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    """With the system's reason."""
    (folder / "papers" / "smith.pdf").chmod(0)

    assert "cannot be read: Permission denied" in _refused(folder, "{name: x, path: papers/smith.pdf}")


@pytest.mark.parametrize("given", ["documents", "{documents: 3}", "[[path]]", "{path: [a]}"])
def test_documents_of_another_shape_are_told_by_their_field(folder: Path, given: str) -> None:
    """As any other mistake in the file."""
    assert "documents[0]" in _refused(folder, given)
