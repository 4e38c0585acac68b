"""What commands print: tables for people, JSON for programs, and errors with the exit code they mean."""

import json
import re
import sys
import unicodedata
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from moonloop.domain.errors import InvalidInput, MoonloopError

__all__ = [
    "EXIT_CODES",
    "JsonFlag",
    "ago",
    "as_given",
    "console",
    "explain",
    "print_json",
    "print_table",
    "say",
    "say_aside",
    "visible",
]

EXIT_CODES = (
    "Exit codes: 0 done; 1 a fault of Moonloop's own, or in how it is set up here; 2 the command was misspelt"
    "; 3 invalid input, such as a bad campaign file; 4 not found; 5 refused: the state, a hold, a budget or"
    " your rights do not allow it; 6 the server, its ledger or its disk cannot just now; 130 interrupted, or"
    " answered with no."
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)

_BY_STATUS = {
    401: 5,
    403: 5,
    404: 4,
    408: 6,
    409: 5,
    410: 5,
    413: 3,
    422: 3,
    429: 6,
    501: 6,
    502: 6,
    503: 6,
    507: 6,
}


def visible(text: str, *, lines: bool = False) -> str:
    """Return a text that no terminal obeys and in which nothing hides: it may come from a model or a robot.

    Control characters and those that turn the direction of writing are replaced, line breaks and tabs by
    spaces; with `lines` line breaks stay.
    """
    return "".join(_shown(character, lines) for character in text.replace("\r\n", "\n"))


def _shown(character: str, lines: bool) -> str:
    if character in _BREAKS:
        return "\n" if lines and character == "\n" else " "
    return "\ufffd" if unicodedata.category(character) in _OBEYED else character


_BREAKS = frozenset("\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_OBEYED = frozenset({"Cc", "Cf", "Cs"})
"""Control characters, invisible ones that format, and halves of characters."""


def explain(error: MoonloopError) -> int:
    """Print an error as a sentence; return the exit code that it means."""
    words = visible(str(error), lines=True)
    _errors.print(Text.assemble(("moonloop: ", "bold red"), words))
    return _BY_STATUS.get(error.status, 1)


@contextmanager
def as_given() -> Generator[None]:
    """Tell of a value that a person gave, and that cannot be one, as `InvalidInput`."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(where=".".join(map(str, first["loc"])), why=first["msg"]) from error


def say(sentence: str) -> None:
    """Print a sentence, or several in lines; its words are never taken for markup, nor obeyed."""
    console.print(Text(visible(sentence, lines=True)))


def say_aside(sentence: str) -> None:
    """Print a sentence where it does not get between the lines that a program reads."""
    _errors.print(Text(visible(sentence, lines=True)))


def print_json(value: Any, *, in_one_line: bool = False) -> None:
    """Print a value, or a list of them, as JSON; `in_one_line` where more lines follow."""
    text = json.dumps(_plain(value), indent=None if in_one_line else 2, ensure_ascii=False)
    # Between the texts JSON has no such characters, and in a text an escape says the same.
    sys.stdout.write(_NOT_PLAIN.sub(_escaped, text) + "\n")
    sys.stdout.flush()


_NOT_PLAIN = re.compile(r"[^\n -~]")


def _escaped(found: re.Match[str]) -> str:
    obeyed = unicodedata.category(found[0]) in _OBEYED or found[0] in _BREAKS
    return f"\\u{ord(found[0]):04x}" if obeyed and ord(found[0]) < 0x10000 else found[0]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- any JSON
    return value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under headings, or a sentence that says what to do when there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [["" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        # The first column holds what people copy: it stays in one piece, whatever the others must do.
        kept = max((len(row[0]) for row in cells), default=0) if place == 0 else None
        table.add_column(column, overflow="fold", min_width=kept)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    if table.row_count:
        console.print(table)
    else:
        say(empty)


def ago(moment: datetime | None) -> str:
    """Return how long ago something was, in the largest sensible unit."""
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
