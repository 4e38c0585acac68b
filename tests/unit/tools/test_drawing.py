"""Structure drawings."""

from xml.etree import ElementTree as ET

import pytest

from moonloop.domain.errors import InvalidInput
from moonloop.tools.drawing import structure_svg

_QUINONE = "N#CC1=CC(=O)C=CC1=O"


def _size(svg: str) -> tuple[float, float]:
    root = ET.fromstring(svg)
    return float(root.get("width", "").removesuffix("px")), float(root.get("height", "").removesuffix("px"))


def test_a_molecule_is_drawn_in_black_without_a_background() -> None:
    """The drawing prints, and reads without colour."""
    svg = structure_svg(_QUINONE)
    colours = {
        part[:7] for part in svg.upper().replace("STROKE:#", "FILL:#").split("FILL:")[1:] if part[0] == "#"
    }
    assert colours == {"#000000"}
    assert "<rect" not in svg


def test_the_same_molecule_is_drawn_the_same() -> None:
    """A report can be compared byte by byte."""
    assert structure_svg(_QUINONE) == structure_svg(_QUINONE)


def test_bonds_are_equally_long_in_every_drawing() -> None:
    """A larger molecule has a larger drawing, not shorter bonds."""
    width, _ = _size(structure_svg("CCCCCC"))
    longer, _ = _size(structure_svg("CCCCCCCCCCCC"))
    assert longer / width == pytest.approx(11 / 5, rel=0.15)


@pytest.mark.parametrize("text", ["", "C1CC(", "C name", "not a molecule"])
def test_what_is_no_molecule_is_refused(text: str) -> None:
    """Nothing is drawn of a text that RDKit cannot read whole."""
    with pytest.raises(InvalidInput):
        structure_svg(text)
