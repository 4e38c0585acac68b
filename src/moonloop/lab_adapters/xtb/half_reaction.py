"""The energy of Q + H2 -> hydroquinone: conformers, single points, relaxation on request."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from moonloop.lab_adapters.xtb.chemistry_errors import NotConverged, Unsuitable
from moonloop.lab_adapters.xtb.conformers import Conformer, conformers
from moonloop.lab_adapters.xtb.hamiltonian import Hamiltonian
from moonloop.lab_adapters.xtb.messages import Answer, Level, Species
from moonloop.lab_adapters.xtb.molecules import Molecule
from moonloop.lab_adapters.xtb.optimiser import minimum
from moonloop.lab_adapters.xtb.quinones import Couple, couple
from moonloop.lab_adapters.xtb.request import Request

__all__ = ["Reporter", "checked", "half_reaction"]

_H2_BOND = 0.74144
"""Equilibrium distance of H2 in Angstrom: Huber and Herzberg, Constants of Diatomic Molecules (1979)."""


@dataclass(frozen=True)
class Reporter:
    """Where a calculation tells how it goes."""

    progress: Callable[[str, float], None]
    """Takes the step's name and the fraction done."""
    log: Callable[[str], None]


@dataclass(frozen=True)
class _Part:
    name: str
    mol: Molecule
    begins: float
    """Fraction of the calculation done before this species; each takes half."""


def checked(request: Request, max_atoms: int) -> Couple:
    """Return both species with hydrogens; raise `Unsuitable` when the protocol cannot treat them."""
    bare = couple(request.smiles, request.solvent)
    both = Couple(bare.quinone.with_hydrogens(), bare.hydroquinone.with_hydrogens())
    if (atoms := len(both.hydroquinone.atomic_numbers)) > max_atoms:
        raise Unsuitable(f"its hydroquinone has {atoms} atoms; this robot takes {max_atoms}")
    if not (both.quinone.has_force_field and both.hydroquinone.has_force_field):
        raise Unsuitable("it has atoms of a kind that the force field MMFF94 does not know")
    return both


def half_reaction(request: Request, max_atoms: int, reporter: Reporter) -> Answer:
    """Compute the two species and H2; raise `Unsuitable` or `NotConverged` when there is no number."""
    both = checked(request, max_atoms)
    reporter.log(
        f"{request.smiles} by {request.method}, solvent {request.solvent}, charge {both.quinone.charge:+d}"
    )
    return Answer(
        charge=both.quinone.charge,
        quinone=_computed(request, _Part("quinone", both.quinone, 0.0), reporter),
        hydroquinone=_computed(request, _Part("hydroquinone", both.hydroquinone, 0.5), reporter),
        hydrogen=_hydrogen(request.method, reporter),
        versions={name: version(name) for name in ("tblite", "rdkit", "numpy")},
    )


def _computed(request: Request, part: _Part, reporter: Reporter) -> Species:
    reporter.progress(f"conformers of the {part.name}", part.begins)
    found = conformers(part.mol, request.conformers, request.seed, part.name)
    hamiltonian = Hamiltonian(
        request.method, request.solvent, part.mol.atomic_numbers, part.mol.charge, reporter.log
    )
    energies: list[float] = []
    for index, conformer in enumerate(found):
        done = part.begins + 0.5 * (index + 1) / (len(found) + 1)
        reporter.progress(f"energies of the {part.name}", done)
        reporter.log(f"{part.name}: structure {index + 1} of {len(found)}, from {conformer.found} starts")
        energies.append(hamiltonian.point(conformer.positions).energy)
    order = sorted(range(len(found)), key=lambda index: energies[index])
    levels = tuple(Level(energy=energies[index], found=found[index].found) for index in order)
    best = found[order[0]]
    if not request.optimise:
        return _species(part, levels, best, levels[0].energy, 0)
    return _relaxed(part, levels, best, hamiltonian, reporter)


def _relaxed(
    part: _Part, levels: tuple[Level, ...], best: Conformer, hamiltonian: Hamiltonian, reporter: Reporter
) -> Species:
    step = f"relaxation of the {part.name}"
    outcome = minimum(
        lambda positions: hamiltonian.point(positions, near_last=True),
        best.positions,
        each_step=lambda number: reporter.progress(step, part.begins + 0.5 * number / (number + 10)),
    )
    if not part.mol.is_bonded_as_meant(outcome.positions):
        raise NotConverged(
            f"the {part.name} rearranged while it was relaxed: its bonds are no longer those intended"
        )
    relaxed = Conformer(outcome.positions, best.found)
    return _species(part, levels, relaxed, outcome.energy, outcome.steps)


def _species(part: _Part, levels: tuple[Level, ...], best: Conformer, energy: float, steps: int) -> Species:
    title = f"{part.name}, {energy:.8f} Hartree"
    return Species(
        levels=levels,
        energy=energy,
        steps=steps,
        xyz=part.mol.xyz(best.positions, title),
        sdf=part.mol.sdf(best.positions, title),
    )


def _hydrogen(method: str, reporter: Reporter) -> float:
    # A gas in every protocol: the standard hydrogen electrode takes it from the gas phase.
    reporter.log("H2 in the gas phase")
    numbers = np.array([1, 1], dtype=np.int32)
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, _H2_BOND]])
    return Hamiltonian(method, "none", numbers, 0, reporter.log).point(positions).energy
