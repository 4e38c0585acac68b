"""Synthetic accessibility: how hard a molecule looks to make, from 1 (easy) to 10 (hard)."""

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from rdkit import RDConfig

from moonloop.domain.errors import SetupProblem
from moonloop.tools.chemistry.toolkit import Molecule

__all__ = ["synthetic_accessibility"]


def synthetic_accessibility(molecule: Molecule) -> float:
    """Return the score of Ertl and Schuffenhauer, J. Cheminform. 1, 8 (2009), as RDKit's contribution has it.

    Fragments that are frequent in PubChem lower it; size, stereocentres, spiro and bridgehead atoms and
    macrocycles raise it.

    Raises:
        SetupProblem: where RDKit was installed without its contributions.
    """
    return float(_scorer().calculateScore(molecule))


@cache
def _scorer() -> Any:
    # The wheels carry RDKit's contributions as files beside the package, not as modules of it.
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = spec_from_file_location("_rdkit_sascorer", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise SetupProblem(
            problem="RDKit was installed without its SA_Score contribution.",
            remedy="Install the wheel from PyPI, which has it.",
        )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
