"""Chemistry: one typed door to RDKit."""

from moonloop.tools.chemistry.assembly import assemble, check_scaffold, check_substituent, symmetries
from moonloop.tools.chemistry.constraints import constraint_value, satisfies
from moonloop.tools.chemistry.descriptors import (
    DESCRIPTOR_NAMES,
    descriptor,
    descriptor_vector,
    environment_counts,
    esol_log_s,
)
from moonloop.tools.chemistry.molecules import canonical_smiles, count_matches, parse_smarts, parse_smiles
from moonloop.tools.chemistry.toolkit import Molecule

__all__ = [
    "DESCRIPTOR_NAMES",
    "Molecule",
    "assemble",
    "canonical_smiles",
    "check_scaffold",
    "check_substituent",
    "constraint_value",
    "count_matches",
    "descriptor",
    "descriptor_vector",
    "environment_counts",
    "esol_log_s",
    "parse_smarts",
    "parse_smiles",
    "satisfies",
    "symmetries",
]
