"""Structures: conformers by seed, minimisation, energies and forces."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tblite")

from moonloop.lab_adapters.xtb.chemistry_errors import NotConverged
from moonloop.lab_adapters.xtb.conformers import conformers
from moonloop.lab_adapters.xtb.hamiltonian import Hamiltonian
from moonloop.lab_adapters.xtb.molecules import Array, Molecule, distance_matrix
from moonloop.lab_adapters.xtb.optimiser import minimum

CATECHOL = Molecule.from_smiles("COc1c(O)c(O)ccc1").with_hydrogens()
"""Flexible: the hydroxyl groups and the methoxy group turn."""


def hamiltonian(log: list[str], max_iterations: int = 250) -> tuple[Hamiltonian, Array]:
    """Return a method for catechol, with a structure to use it on."""
    start = conformers(CATECHOL, 2, 1, "hydroquinone")[0].positions
    made = Hamiltonian("GFN2-xTB", "water", CATECHOL.atomic_numbers, 0, log.append, max_iterations)
    return made, start


def test_equal_seeds_give_equal_conformers() -> None:
    """A job can be repeated exactly."""
    one, other = (conformers(CATECHOL, 6, 42, "hydroquinone") for _ in range(2))
    assert [each.found for each in one] == [each.found for each in other]
    assert np.array_equal(one[0].positions, other[0].positions)


def test_seed_and_species_both_change_the_starts() -> None:
    """Replicates are independent, and so are the two species of a couple."""
    reference = conformers(CATECHOL, 2, 42, "hydroquinone")[0].positions
    for seed, species in ((43, "hydroquinone"), (42, "quinone")):
        assert not np.array_equal(reference, conformers(CATECHOL, 2, seed, species)[0].positions)


@settings(max_examples=15)  # each takes 50 ms
@given(seed=st.integers(0, 2**53 - 1))
def test_every_start_is_counted_once(seed: int) -> None:
    """However large the seed, the counts of the distinct structures add up to the starts asked for."""
    assert sum(each.found for each in conformers(CATECHOL, 4, seed, "hydroquinone")) == 4


def test_a_rigid_molecule_has_one_conformer() -> None:
    """Mirror images and exchanged equal atoms are one structure, computed once."""
    quinone = Molecule.from_smiles("O=C1C=CC(=O)C=C1").with_hydrogens()
    assert [each.found for each in conformers(quinone, 8, 3, "quinone")] == [8]


def lennard_jones(positions: Array) -> tuple[float, Array]:
    """Return energy and gradient in units of the well's depth and width."""
    apart = positions[:, None] - positions[None]
    squares = (apart**2).sum(axis=-1)
    np.fill_diagonal(squares, np.inf)
    sixth = squares**-3
    slope = (4 * (6 * sixth - 12 * sixth**2) / squares)[:, :, None] * apart
    return float(2 * (sixth**2 - sixth).sum()), slope.sum(axis=1)


@given(
    start=st.lists(st.floats(-0.15, 0.15), min_size=12, max_size=12).map(
        lambda each: np.reshape(each, (4, 3))
    )
)
def test_four_atoms_relax_to_the_tetrahedron(start: Array) -> None:
    """From any distorted start, the minimum of the Lennard-Jones tetramer is found: -6 well depths."""
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.42
    found = minimum(lennard_jones, corners + start, tolerance=1e-6)
    assert pytest.approx(-6.0) == found.energy
    assert pytest.approx(2 ** (1 / 6), abs=1e-5) == distance_matrix(found.positions)[0, 1]


def test_a_minimisation_that_does_not_end_is_no_result() -> None:
    """There is an error where the steps run out, never a half-relaxed energy."""
    with pytest.raises(NotConverged, match="within 2 steps"):
        minimum(lennard_jones, np.array([[0.0, 0, 0], [1.6, 0, 0]]), max_steps=2)


def test_the_energy_never_rises_along_a_relaxation() -> None:
    """Every structure kept on the way is lower than the one before."""
    calculator, start = hamiltonian([])
    ends = [minimum(calculator.point, start, tolerance=tolerance).energy for tolerance in (0.1, 0.01, 0.003)]
    assert all(later <= earlier for earlier, later in pairwise(ends))


def test_the_gradient_is_the_slope_of_the_energy() -> None:
    """Units and signs agree: the gradient is the central difference, in Hartree per Angstrom."""
    calculator, start = hamiltonian([])
    step = np.zeros_like(start)
    step[3, 1] = 1e-3
    rise = calculator.point(start + step).energy - calculator.point(start - step).energy
    assert pytest.approx(rise / 2e-3, abs=1e-5) == calculator.point(start).gradient[3, 1]


def test_starting_from_a_near_wave_function_changes_nothing() -> None:
    """A restart is faster, not different."""
    calculator, start = hamiltonian([])
    alone = calculator.point(start).energy
    calculator.point(start * 1.01)
    assert pytest.approx(alone, abs=1e-6) == calculator.point(start, near_last=True).energy


def test_an_unconverged_field_is_an_error_with_its_log() -> None:
    """When the iterations run out there is no energy, and the log shows them."""
    log: list[str] = []
    calculator, start = hamiltonian(log, max_iterations=2)
    with pytest.raises(NotConverged, match="not converge"):
        calculator.point(start)
    assert any("energy error" in line for line in log)


def test_equal_calculations_leave_equal_logs() -> None:
    """Nothing in the log depends on the clock."""
    one, other = list[str](), list[str]()
    for log in (one, other):
        calculator, start = hamiltonian(log)
        calculator.point(start)
    assert one == other


def test_a_moved_proton_is_noticed() -> None:
    """A structure in which a hydrogen atom sits on another oxygen is not the molecule that was meant."""
    positions = conformers(CATECHOL, 2, 1, "hydroquinone")[0].positions.copy()
    assert CATECHOL.is_bonded_as_meant(positions)
    numbers = CATECHOL.atomic_numbers
    oxygens = np.flatnonzero(numbers == 8)
    hydrogen = next(
        int(index)
        for index in np.flatnonzero(numbers == 1)
        if distance_matrix(positions)[index, oxygens].min() < 1.1
    )
    far = max(oxygens, key=lambda index: distance_matrix(positions)[index, hydrogen])
    positions[hydrogen] = positions[far] + np.array([0.0, 0.0, 0.97])
    assert not CATECHOL.is_bonded_as_meant(positions)
