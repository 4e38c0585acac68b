"""The typed door to tblite: energies and forces of one molecule by one method."""

# tblite's parameters are partly untyped; nothing of that gets past this file.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Callable
from typing import NamedTuple

# The OpenMP runtime reads this once, when tblite is loaded: several threads would only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import numpy.typing as npt
from tblite.exceptions import TBLiteRuntimeError
from tblite.interface import Calculator, Result

from moonloop.lab_adapters.xtb.chemistry_errors import NotConverged
from moonloop.lab_adapters.xtb.molecules import Array

__all__ = ["Hamiltonian", "Point"]

_ANGSTROM_PER_BOHR = 0.529177210903
"""CODATA 2018."""
_CHARGE_TOLERANCE = 1e-3


class Point(NamedTuple):
    """Energy and its slope at one structure."""

    energy: float
    """Hartree."""
    gradient: Array
    """Atoms x 3, in Hartree per Angstrom."""


class Hamiltonian:
    """One molecule under one method, in implicit water (ALPB) or in the gas phase.

    ALPB: Ehlert et al., J. Chem. Theory Comput. 17 (2021) 4250.
    """

    def __init__(
        self,
        method: str,
        solvent: str,
        numbers: npt.NDArray[np.int32],
        charge: int,
        log: Callable[[str], None],
        max_iterations: int = 250,
    ) -> None:
        self._method = method
        self._solvent = solvent
        self._numbers = numbers
        self._charge = charge
        self._log = log
        self._max_iterations = max_iterations
        self._calculator: Calculator | None = None
        self._last: Result | None = None

    def point(self, positions: Array, *, near_last: bool = False) -> Point:
        """Return energy and gradient at atoms x 3 positions in Angstrom.

        `near_last` starts from the wave function of the structure before, which is faster when that is near.
        Raise `NotConverged` when the self-consistent field does not settle.
        """
        calculator = self._prepared(positions / _ANGSTROM_PER_BOHR)
        try:
            result = calculator.singlepoint(self._last if near_last else None)
        except TBLiteRuntimeError as error:
            if "not converged" in str(error):
                raise NotConverged(f"the self-consistent field did not converge: {error}") from error
            raise
        if abs(_values(result, "charges").sum() - self._charge) > _CHARGE_TOLERANCE:
            raise NotConverged(f"the calculation lost its charge of {self._charge}")
        self._last = result
        return Point(_values(result, "energy").item(), _values(result, "gradient") / _ANGSTROM_PER_BOHR)

    def _prepared(self, positions: Array) -> Calculator:
        if self._calculator is None:
            charge = float(self._charge)
            self._calculator = Calculator(
                self._method, self._numbers, positions, charge=charge, color=False, logger=self._write
            )
            self._calculator.set("max-iter", self._max_iterations)
            if self._solvent != "none":
                self._calculator.add("alpb-solvation", self._solvent)
        else:
            self._calculator.update(positions)
        return self._calculator

    def _write(self, line: str) -> None:
        # Times differ from run to run; without them equal calculations leave equal logs.
        if not line.rstrip().endswith("sec"):
            self._log(line)


def _values(result: Result, name: str) -> Array:
    return np.asarray(result.get(name), dtype=np.float64)
