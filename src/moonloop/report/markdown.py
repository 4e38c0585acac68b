"""The report as Markdown (CommonMark with tables); figures are left out, their numbers are in tables."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from moonloop.report.blocks import (
    Block,
    Bullets,
    Card,
    Code,
    Document,
    Doi,
    Gallery,
    Heading,
    Headlines,
    Inline,
    Link,
    Mark,
    Notice,
    Paragraph,
    Prose,
    Row,
    Strong,
    Table,
    Terms,
    Words,
)
from moonloop.report.html import visible

__all__ = ["write"]

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MEANINGFUL = re.compile(r"([\\`*_{}\[\]#|~$!])|([&<>])")
_AT_START = re.compile(r"^([-+=]|\d+[.)])")
_TICKS = re.compile(r"`+")


def write(document: Document) -> str:
    """Return the whole text."""
    return "\n\n".join(part for part in _parts(document) if part) + "\n"


def _parts(document: Document) -> Iterator[str]:
    yield f"# {_escaped(document.title)}"
    yield _paragraph(document.subtitle)
    yield " · ".join(_prose(piece) for piece in document.byline)
    for block in document.opening:
        yield from _block(block)
    yield "\n".join(f"- [{section.title}](#{section.anchor})" for section in document.sections)
    for section in document.sections:
        yield f'<a id="{section.anchor}"></a>\n\n## {section.title}'
        for block in section.blocks:
            yield from _block(block)
    yield f"---\n\n{_prose(document.colophon)}"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Table():
            yield _table(block)
        case Gallery(figures):
            for figure in figures:
                where = f'<a id="{figure.anchor}"></a>**{figure.label}** (drawn in the HTML report).'
                yield f"{where} {_prose(figure.caption)}"
        case Card():
            yield f'<a id="{block.anchor}"></a>\n\n### {_prose(block.title)} ({block.status})'
            for inner in block.blocks:
                yield from _block(inner)
        case _:
            yield _plain(block)


def _plain(block: Heading | Paragraph | Notice | Bullets | Terms | Headlines) -> str:
    match block:
        case Heading(prose, anchor):
            return f'<a id="{anchor}"></a>\n\n### {_prose(prose)}'
        case Paragraph(prose):
            return _paragraph(prose)
        case Notice(title, prose):
            return f"> **{_escaped(title)}.** {_prose(prose)}"
        case Bullets(items):
            return "\n".join(f"- {_prose(item)}" for item in items)
        case Terms(items):
            return "\n".join(f"- **{_escaped(name)}**: {_prose(prose)}" for name, prose in items)
        case Headlines(items):
            lines = (f"- **{item.label}**: {_prose(item.value)} {_prose(item.note)}" for item in items)
            return "\n".join(line.rstrip() for line in lines)


def _table(table: Table) -> str:
    below = any(row.below for row in table.rows)
    head = [_escaped(name) or " " for name in table.head] + (["Notes"] if below else [])
    rule = ["--:" if place in table.numeric else "---" for place in range(len(head))]
    rows = [_cells(row, below) for row in table.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    return f"**{_prose(table.caption)}**\n\n" + "\n".join(lines)


def _cells(row: Row, below: bool) -> list[str]:
    cells = [_prose(cell, in_table=True) or " " for cell in row.cells]
    if row.anchor:
        cells[0] = f'<a id="{row.anchor}"></a>{cells[0]}'
    return [*cells, _prose(row.below, in_table=True) or " "] if below else cells


def _paragraph(prose: Prose) -> str:
    # At the start of a line these would begin a list or underline a heading.
    return _AT_START.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", _prose(prose).strip())


def _prose(prose: Prose, *, in_table: bool = False) -> str:
    return "".join(_inline(piece, in_table=in_table) for piece in prose)


def _inline(piece: Inline, *, in_table: bool) -> str:
    match piece:
        case Words(text):
            return _escaped(text)
        case Strong(text):
            return f"**{_escaped(text.strip())}**"
        case Code(text):
            return _code(text, in_table=in_table)
        case Mark(text):
            return f"*{_escaped(text)}*"
        case Link(text, anchor):
            return f"[{_escaped(text)}](#{anchor})"
        case Doi(name):
            return f"[doi:{_escaped(name)}](https://doi.org/{quote(name, safe='/')})"


def _escaped(text: str) -> str:
    # A hyphen-minus and plain spaces, so that numbers can be copied into a program.
    plain = visible(text).replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
    return _MEANINGFUL.sub(lambda match: f"\\{match[1]}" if match[1] else _ENTITIES[match[2]], plain)


def _code(text: str, *, in_table: bool) -> str:
    plain = visible(text)
    if not plain.strip():
        return ""
    fence = "`" * (1 + max((len(ticks) for ticks in _TICKS.findall(plain)), default=0))
    inner = f" {plain} " if plain[0] == "`" or plain[-1] == "`" else plain
    return f"{fence}{inner.replace('|', chr(92) + '|') if in_table else inner}{fence}"
