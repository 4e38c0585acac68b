"""A reader can follow every link."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, Page, page

_ELSEWHERE = ("https://", "mailto:")


def _local_links(one: Page) -> Iterator[tuple[str, Path, str]]:
    for target in one.links:
        if not target.startswith(_ELSEWHERE):
            path, _, anchor = target.partition("#")
            yield target, (one.path.parent / path).resolve() if path else one.path, anchor


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(one: Page) -> None:
    """Every link to a file or folder names one that is there, in the repository."""
    broken = [
        target
        for target, path, _ in _local_links(one)
        if not path.exists() or not path.is_relative_to(ROOT.resolve())
    ]
    assert [] == broken


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_anchors_are_headings(one: Page) -> None:
    """Every link into a page names one of its headings."""
    broken = [
        target
        for target, path, anchor in _local_links(one)
        if anchor and path.suffix == ".md" and anchor not in Page(path).anchors
    ]
    assert [] == broken


def test_the_index_names_every_page() -> None:
    """Nothing is written that nobody finds: each page under docs, but for the decisions, is in the index."""
    index = page("docs/README.md")
    linked = {path for _, path, _ in _local_links(index)}
    documented = {one.path.resolve() for one in PAGES if one.name.startswith("docs/")}
    decisions = {path for path in documented if path.parent.name == "adr"}
    assert set() == documented - decisions - linked - {index.path.resolve()}


def test_pictures_are_small_and_say_what_they_show() -> None:
    """Pictures have a text for those who do not see them, and weigh under 250 KB."""
    for one in PAGES:
        assert "![](" not in one.prose
    assert [] == [file for file in (ROOT / "docs/images").iterdir() if file.stat().st_size > 250_000]
