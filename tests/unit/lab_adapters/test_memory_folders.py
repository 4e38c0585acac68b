"""Where a robot keeps what it knows of itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.client.session import home_folder
from moonloop.lab_adapters.commands import folder_of


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../x", "a\\b", "~"])
def test_no_name_leads_out_of_the_folder_of_robots(name: str) -> None:
    """Each is a folder of its own, directly below."""
    assert home_folder() / "robots" == folder_of(name).parent
    assert folder_of(name).name not in ("", ".", "..")


@given(st.text(min_size=1, max_size=120), st.text(min_size=1, max_size=120))
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    """Two robots in one folder would be one robot."""
    assert (folder_of(one) == folder_of(other)) == (one == other)


@given(st.text(min_size=1, max_size=120))
def test_the_folder_can_be_made(name: str) -> None:
    """File systems take names of up to 255 bytes."""
    assert len(Path(folder_of(name)).name.encode()) <= 255
