"""What people are told to type finds the home of the stack, wherever it is."""

import os
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from moonloop.embedded.up import at_home

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1)


@given(_NAMES.filter(lambda name: name not in {".", ".."}))
def test_a_shell_reads_the_home_that_was_meant(name: str) -> None:
    """Blanks, quotes and dollars in a folder's name are a shell's own business, and so are relative paths."""
    home = Path("a b") / name
    asks = f"{at_home(home)}; exec printenv MOONLOOP_HOME"

    told = subprocess.run(["/bin/sh", "-c", asks], capture_output=True, text=True, check=True).stdout

    assert f"{Path.cwd() / home}{os.linesep}" == told
