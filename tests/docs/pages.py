"""The documentation as data: pages, their headings, links and fenced blocks."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "Page", "page"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its attributes (`title="…"`), its text, and the line it begins at."""

    language: str
    attributes: Mapping[str, str]
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """One Markdown file of the repository."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """All of it but the fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Its fenced blocks, in order."""
        return tuple(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        for found in _FENCE.finditer(self.text):
            language, *rest = shlex.split(found["info"]) or [""]
            pairs = dict(word.split("=", 1) for word in rest)
            yield Block(language, pairs, found["text"], self.text[: found.start()].count("\n") + 1)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """The targets of its links, images among them."""
        return tuple(found["target"] for found in _LINK.finditer(_CODE.sub("`code`", self.prose)))

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The names by which its headings can be linked to, as GitHub makes them."""
        return frozenset(_anchor(found["text"]) for found in _HEADING.finditer(self.prose))


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def page(name: str) -> Page:
    """Return the page at a path in the repository."""
    return Page(ROOT / name)


PAGES = tuple(
    Page(path)
    for path in (
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "deploy").rglob("*.md")),
    )
    if path.is_file()
)
