"""Structure drawings: the one door to RDKit's drawing code."""

# RDKit's stubs leave the types of some parameters out; what this module gives away is fully typed.
# pyright: reportUnknownMemberType=false

from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from moonloop.tools.chemistry import Molecule, parse_smiles

__all__ = ["structure_svg"]

_BOND = 24.0
"""Length of a bond in pixels, the same in every drawing, so that structures compare by eye."""


def structure_svg(smiles: str) -> str:
    """Return a standalone SVG of a molecule in black lines without a background.

    The width and height follow from the molecule. Raise `InvalidInput` when the SMILES cannot be read.
    """
    drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1)
    options = drawer.drawOptions()
    options.useBWAtomPalette()
    options.clearBackground = False
    options.scalingFactor = _BOND
    options.bondLineWidth = 1.5
    options.scaleBondWidth = False
    options.padding = 0.02
    drawer.DrawMolecule(_laid_out(smiles))
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def _laid_out(smiles: str) -> Molecule:
    molecule = parse_smiles(smiles)
    rdDepictor.Compute2DCoords(molecule)
    rdDepictor.StraightenDepiction(molecule)
    return molecule
