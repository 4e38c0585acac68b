"""What a report is made of, before it is HTML or Markdown: both are written from these blocks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Block",
    "Bullets",
    "Card",
    "Code",
    "Document",
    "Doi",
    "Figure",
    "Gallery",
    "Heading",
    "Headline",
    "Headlines",
    "Inline",
    "Link",
    "Mark",
    "Notice",
    "Paragraph",
    "Prose",
    "Row",
    "Section",
    "Strong",
    "Table",
    "Terms",
    "Words",
    "joined",
    "say",
]


@dataclass(frozen=True, slots=True)
class Words:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Text that stands out."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """An id, a hash, a SMILES: to be copied as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word that qualifies what stands beside it, such as `simulated`."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to an anchor of the same document."""

    text: str
    anchor: str
    title: str = ""
    """The whole name of what is linked, when `text` is short for it."""


@dataclass(frozen=True, slots=True)
class Doi:
    """A reference to a published work by its digital object identifier."""

    name: str


Inline = Words | Strong | Code | Mark | Link | Doi
Prose = tuple[Inline, ...]


def say(*parts: str | Inline | Prose) -> Prose:
    """Put texts and inline pieces together."""
    said: list[Inline] = []
    for part in parts:
        if isinstance(part, str):
            said += [Words(part)] if part else []
        elif isinstance(part, tuple):
            said += part
        else:
            said.append(part)
    return tuple(said)


def joined(pieces: Iterable[Prose], between: str = ", ") -> Prose:
    """Put pieces of prose one after the other with a text between them."""
    said: list[Inline] = []
    for piece in pieces:
        if said:
            said.append(Words(between))
        said += piece
    return tuple(said)


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a part of a section."""

    prose: Prose
    anchor: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `quiet` ones are notes."""

    prose: Prose
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader must know before anything else is believed."""

    title: str
    prose: Prose


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[Prose, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Names with what they stand for."""

    items: tuple[tuple[str, Prose], ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure that the campaign is known by."""

    label: str
    value: Prose
    note: Prose = ()


@dataclass(frozen=True, slots=True)
class Headlines:
    """The figures that the campaign is known by."""

    items: tuple[Headline, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, with what would not fit into its columns below it."""

    cells: tuple[Prose, ...]
    anchor: str = ""
    below: Prose = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; `numeric` columns are set flush right."""

    caption: Prose
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()
    dense: bool = False
    """Long, for reference rather than for reading."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption."""

    anchor: str
    label: str
    """Such as `Figure 2`."""
    alternative: str
    """What it shows, for those who cannot see it."""
    svg: str
    """Made by `moonloop.report.vector.embed`: safe as it stands."""
    caption: Prose


@dataclass(frozen=True, slots=True)
class Gallery:
    """Figures that may stand side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A candidate: its drawing beside what is known of it."""

    anchor: str
    title: Prose
    status: str
    tone: Literal["good", "bad", "open"]
    svg: str
    """As in `Figure`; empty when there is nothing to draw."""
    alternative: str
    blocks: "tuple[Block, ...]"


Block = Heading | Paragraph | Notice | Bullets | Terms | Headlines | Table | Gallery | Card


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the report."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: Prose
    byline: tuple[Prose, ...]
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]
    colophon: Prose
