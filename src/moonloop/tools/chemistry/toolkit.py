"""The one door to RDKit: parsing, writing and matching, with types that the rest of the house can rely on.

RDKit's own signatures are partly unknown to a type checker, so its modules are `Any` here and nowhere else.
"""

from collections.abc import Callable
from typing import Any

from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import (
    Crippen,
    Descriptors,
    EState,
    rdFingerprintGenerator,
    rdMolDescriptors,
    rdPartialCharges,
)

from moonloop.domain.errors import InvalidInput

__all__ = [
    "CHEM",
    "CRIPPEN",
    "DATA_STRUCTS",
    "DESCRIPTORS",
    "ESTATE",
    "FINGERPRINTS",
    "MOL_DESCRIPTORS",
    "PARTIAL_CHARGES",
    "Molecule",
    "quietly",
]

Molecule = Chem.Mol

CHEM: Any = Chem
CRIPPEN: Any = Crippen
DATA_STRUCTS: Any = DataStructs
DESCRIPTORS: Any = Descriptors
ESTATE: Any = EState
FINGERPRINTS: Any = rdFingerprintGenerator
MOL_DESCRIPTORS: Any = rdMolDescriptors
PARTIAL_CHARGES: Any = rdPartialCharges


def quietly(call: Callable[[str], Any], text: str, where: str) -> Any:
    """Return `call(text)` without RDKit's writing to stderr; None and exceptions become `InvalidInput`."""
    with rdBase.BlockLogs():
        try:
            made = call(text)
        except (RuntimeError, ValueError) as error:
            raise InvalidInput(where=where, why=f"{text!r} cannot be read: {error}") from error
    if made is None:
        raise InvalidInput(where=where, why=f"{text!r} is not valid")
    return made
