"""What is printed is read by people and by programs; a terminal obeys none of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.client.terminal import explain, print_json, print_table, say, visible
from moonloop.domain.errors import InvalidInput

ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31mred\u202egnp.exe\x7f\r18:00:00  Plan approved by anna."
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e", "\x7f", "\r")


@given(st.text(st.characters(codec="utf-8")))
def test_no_text_holds_what_a_terminal_obeys(text: str) -> None:
    """Neither control characters nor line breaks, unless lines were asked for."""
    assert set() == _odd(visible(text))
    assert _odd(visible(text, lines=True)) <= {"\n"}


def _odd(text: str) -> set[str]:
    return {one for one in text if ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 or one in "\u2028\u2029\u202e"}


def test_plain_text_is_shown_as_it_is() -> None:
    """Letters of any script, units and quotes are what they were."""
    assert "Öl, 漢字, 5 µL ± 0.1 — “so”" == visible("Öl, 漢字, 5 µL ± 0.1 — “so”")


@pytest.mark.parametrize("way", ["sentence", "table", "error"])
def test_nothing_printed_is_obeyed(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a model wrote cannot colour, clear, retitle or write over the screen, however it is shown."""
    if way == "sentence":
        say(ATTACK)
    elif way == "table":
        print_table(("A",), [(ATTACK,)], "none")
    else:
        explain(InvalidInput(where="x", why=ATTACK))

    printed = "".join(capsys.readouterr())
    assert "gnp.exe" in printed
    assert [] == [one for one in OBEYED if one in printed]


def test_json_says_the_same_and_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads every character; a terminal that shows it gets escapes."""
    print_json({"text": ATTACK + "漢"})

    printed = capsys.readouterr().out
    assert ATTACK + "漢" == json.loads(printed)["text"]
    assert "漢" in printed
    assert [] == [one for one in OBEYED if one in printed]
