"""What follows the pages notices when they are wrong."""

from pathlib import Path

import pytest

from docs.console import Console, Step
from docs.pages import Page


def _page(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text)
    return Page(path)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("a",), "b"),
        (("a",), "a\\nb"),
        (("a", "b"), "a"),
        (("a …",), "b c"),
        (("...", "b"), "b\\na"),
        (("cmp_aaaa1 and cmp_aaaa1",), "cmp_bbbb1 and cmp_bbbb2"),
    ],
)
def test_what_is_printed_must_be_what_is_shown(
    console: Console, shown: tuple[str, ...], printed: str
) -> None:
    """Another text, a line too many or too few, an id that is two: each fails."""
    with pytest.raises(AssertionError, match="shown:"):
        console.do(Step(f"printf '{printed}\\n'", shown))


@pytest.mark.parametrize(
    "shown", [("a b", "c"), ("a …", "..."), ("...", "c"), ("...",), ("a b", "...", "c"), ()]
)
def test_what_is_left_out_may_be_anything(console: Console, shown: tuple[str, ...]) -> None:
    """`…` stands for some text and `...` for some lines, none among them; nothing shown asks for nothing."""
    console.do(Step("printf 'a b\\nc\\n'", shown))


def test_a_command_that_fails_is_noticed(console: Console) -> None:
    """A command must succeed, whatever is shown."""
    with pytest.raises(AssertionError, match="false"):
        console.do(Step("false", ()))


def test_ids_stand_for_those_of_this_run(console: Console, tmp_path: Path) -> None:
    """An id that was printed for the page's own is put into later commands in its place."""
    text = "```console\n$ echo made cmp_here1\nmade cmp_page1\n$ echo cmp_page1 > kept\n```\n"
    console.follow(_page(tmp_path, text))
    console.do(Step("grep -c here kept", ("1",)))


def test_folder_and_exports_carry_over(console: Console, tmp_path: Path) -> None:
    """A page may change the folder, export variables, and have its files written where it is."""
    text = (
        "```console\n$ mkdir inner\n$ cd inner\n$ export TOLD=yes\n```\n"
        '```yaml title="it.yaml"\na: 1\n```\n'
        "```console\n$ cat it.yaml; echo $TOLD\na: 1\nyes\n```\n"
        '```console skip="it would fail"\n$ false\n```\n'
    )
    console.follow(_page(tmp_path, text))
