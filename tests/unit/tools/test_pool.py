"""The pool: features on known scales, limits, and how it grows."""

import numpy as np
import pytest

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.errors import SpaceImpossible
from moonloop.tools.spaces import Contrast, pool_for, space_sha256, summarise

QUINONES = {
    "kind": "r_groups",
    "scaffolds": [
        {"name": "p-BQ", "smiles": "O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]"},
        {"name": "o-BQ", "smiles": "O=C1C(=O)C([*:3])=C([*:4])C([*:5])=C1[*:6]"},
    ],
    "substituents": [
        {"name": "H", "smiles": "[*][H]"},
        {"name": "CH3", "smiles": "[*]C"},
        {"name": "OH", "smiles": "[*]O"},
        {"name": "NO2", "smiles": "[*][N+](=O)[O-]"},
        {"name": "CN", "smiles": "[*]C#N"},
    ],
    "max_substituted": 2,
}
FACTORS = {
    "kind": "factors",
    "factors": [
        {
            "kind": "categorical",
            "name": "base",
            "levels": ["KOAc", "CsOAc", "KOPiv", "none"],
            "substances": {
                "KOAc": "CC(=O)[O-].[K+]",
                "CsOAc": "CC(=O)[O-].[Cs+]",
                "KOPiv": "CC(C)(C)C(=O)[O-].[K+]",
            },
        },
        {"kind": "discrete", "name": "temperature", "unit": "Cel", "levels": [20, 30, 100]},
    ],
}
NO_NITRO = {"kind": "substructure", "name": "no nitro", "smarts": "[N+](=O)[O-]"}
FEW_FREE = {"kind": "substructure", "name": "few free", "smarts": "[C;H1;R;$(C=C)]", "at_most": 2}


def spec(space: object, **changes: object) -> CampaignSpec:
    """Return a campaign in a space."""
    return CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": "test",
            "space": space,
            "objective": {"name": "y", "unit": "V", "direction": "maximise", "range": [0, 1]},
            "protocol": {"name": "test/1", "robot": "simulated"},
            "budget": {"experiments": 20},
            **changes,
        }
    )


@pytest.mark.parametrize("space", [QUINONES, FACTORS], ids=["molecules", "factors"])
def test_random_candidates_are_at_unit_distance_in_every_block(space: object) -> None:
    """The mean squared distance of two of the pool is 1 in each block, whatever its columns are."""
    features = pool_for(spec(space)).features
    assert features.blocks
    for block in features.blocks:
        columns = features.matrix[:, block]
        differences = columns[:, None, :] - columns[None, :, :]
        assert pytest.approx(1.0) == float((differences**2).sum(axis=2).mean())


def test_a_substance_has_descriptors_beside_its_level() -> None:
    """One-hot columns tell all levels apart; descriptors say which are alike, and caesium does no harm."""
    features = pool_for(spec(FACTORS)).features
    assert len(features.blocks) == 3
    assert bool(np.isfinite(features.matrix).all())
    assert len(np.unique(features.matrix.round(9), axis=0)) == 12


def test_uneven_numbers_keep_their_proportions() -> None:
    """30 is close to 20 and far from 100."""
    pool = pool_for(spec(FACTORS))
    column = pool.features.matrix[:3, pool.features.blocks[-1]].ravel()
    assert pytest.approx(7.0) == (column[2] - column[1]) / (column[1] - column[0])


def test_descriptors_that_repeat_another_are_dropped() -> None:
    """No two columns of a descriptor block are correlated by 0.95 or more."""
    pool = pool_for(spec(QUINONES))
    block = pool.features.matrix[:, pool.features.blocks[2]]
    correlations = np.corrcoef(block, rowvar=False) - np.eye(block.shape[1])
    assert float(np.abs(correlations).max()) < 0.95


def test_limits_mask_and_do_not_remove() -> None:
    """A candidate outside the goal constraints stays in the pool, since a test may need it."""
    pool = pool_for(spec(QUINONES, constraints=[NO_NITRO, FEW_FREE]))
    nitro = np.asarray(["NO2" in candidate.settings.values() for candidate in pool.candidates])
    assert len(pool.candidates) == len(pool_for(spec(QUINONES)).candidates)
    assert (~nitro).tolist() == pool.within[:, 0].tolist()
    assert not pool.feasible[nitro].any()


def test_the_pool_is_made_once() -> None:
    """The same space gives the same object, whatever the seed; another limit or constraint another one."""
    assert pool_for(spec(QUINONES)) is pool_for(spec(QUINONES, design={"seed": 9}))
    assert pool_for(spec(QUINONES)) is not pool_for(spec(QUINONES, constraints=[NO_NITRO]))


def test_a_large_space_is_sampled_by_the_seed() -> None:
    """Above the limit the pool is a random subset, another one for another seed."""
    keys = [
        [c.key for c in pool_for(spec(QUINONES, design={"pool_limit": 20, "seed": seed})).candidates]
        for seed in (1, 2)
    ]
    assert [len(each) for each in keys] == [20, 20]
    assert keys[0] != keys[1]


def test_a_pool_grows_by_what_it_lacks() -> None:
    """Candidates from elsewhere get features on the pool's scale and a place at the end."""
    whole, part = pool_for(spec(QUINONES)), pool_for(spec(QUINONES, design={"pool_limit": 20}))
    grown = part.extended(whole.candidates)
    assert {candidate.key for candidate in whole.candidates} == set(grown.index)
    assert grown.features.matrix.shape == (len(grown.candidates), part.features.matrix.shape[1])
    assert part.features.matrix.tolist() == grown.features.matrix[:20].tolist()
    assert grown.extended(whole.candidates) is grown


def test_drawing_is_a_function_of_the_seed() -> None:
    """Settings and pairs drawn for a test are the same whenever they are drawn; unseen means unseen."""
    atlas = pool_for(spec(QUINONES)).atlas
    contrast = Contrast("substituent", "CN", "OH")
    assert atlas.draw_pair(contrast, 5) == atlas.draw_pair(contrast, 5)
    seen = frozenset(candidate.key for candidate in atlas.pool.candidates[1:])
    assert atlas.pool.candidates[0] == atlas.draw(3, seen)


def test_nothing_unseen_is_an_error() -> None:
    """When every setting was seen there is none to draw."""
    atlas = pool_for(spec(FACTORS)).atlas
    with pytest.raises(SpaceImpossible, match="seen"):
        atlas.draw(1, frozenset(candidate.key for candidate in atlas.pool.candidates))


def test_the_hash_of_a_space_is_that_of_its_content() -> None:
    """Two equal spaces have the same hash, and it is not that of another one."""
    assert space_sha256(spec(QUINONES).space) == space_sha256(spec(QUINONES).space)
    assert space_sha256(spec(QUINONES).space) != space_sha256(spec(FACTORS).space)


def test_a_survey_counts_what_each_limit_leaves() -> None:
    """Each constraint is counted alone, and all of them together."""
    summary = summarise(spec(QUINONES, constraints=[NO_NITRO, FEW_FREE]))
    pool = pool_for(spec(QUINONES, constraints=[NO_NITRO, FEW_FREE]))
    assert summary.candidates == summary.pool == len(pool.candidates)
    assert [int(n) for n in pool.within.sum(axis=0)] == [count.leaves for count in summary.constraints]
    assert int(pool.within.all(axis=1).sum()) == summary.feasible
    assert summary.complete


def test_a_survey_of_a_large_space_says_that_it_is_a_sample() -> None:
    """Counts of a random subset are not passed off as those of the space."""
    summary = summarise(spec(QUINONES, design={"pool_limit": 20}))
    assert (summary.pool, summary.complete) == (20, False)
    assert summary.candidates == len(pool_for(spec(QUINONES)).candidates)
    assert "pool_limit" in summary.notes[0]


def claim(**changes: object) -> dict[str, object]:
    """Return a claim for a campaign file."""
    effect = {"kind": "effect", "factor": "substituent", "level_a": "CN", "level_b": "OH", **changes}
    return {"claim": effect, "statement": "A beats B.", "probability": 0.7}


def test_a_survey_tells_what_a_claim_can_be_tested_on() -> None:
    """The number of matched pairs is told, and that so small a budget decides little."""
    summary = summarise(spec(QUINONES, claims=[claim()]))
    pairs = pool_for(spec(QUINONES)).atlas.pairs(Contrast("substituent", "CN", "OH"))
    assert pairs is not None
    assert [len(pairs)] == [one.pairs for one in summary.claims]
    assert any("undecided" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"constraints": [{**NO_NITRO, "smarts": "[N+"}]}, "no nitro"),
        ({"constraints": [{**NO_NITRO, "smarts": "[#6]", "name": "no carbon"}]}, "no carbon leaves 0"),
    ],
)
def test_a_goal_that_nothing_can_meet_is_told_by_name(changes: dict[str, object], told: str) -> None:
    """The error names the constraint at fault."""
    with pytest.raises(SpaceImpossible, match=told):
        summarise(spec(QUINONES, **changes))


def test_a_claim_without_a_matched_pair_is_told() -> None:
    """Where two levels never occur in the same context, the claim cannot be tested."""
    table = {
        "kind": "table",
        "factors": FACTORS["factors"],
        "rows": [["KOAc", 20], ["CsOAc", 30], ["KOPiv", 100]],
    }
    with pytest.raises(SpaceImpossible, match="no matched pair of KOAc and CsOAc"):
        summarise(spec(table, claims=[claim(factor="base", level_a="KOAc", level_b="CsOAc")]))


def test_limits_on_molecules_need_molecules() -> None:
    """A table without a sole substance has nothing that a goal constraint could look at."""
    table = {"kind": "table", "factors": FACTORS["factors"], "rows": [["KOAc", 20], ["CsOAc", 30]]}
    with pytest.raises(SpaceImpossible, match="no SMILES"):
        pool_for(spec(table, constraints=[NO_NITRO]))


def test_a_substance_that_cannot_be_read_is_named() -> None:
    """The error says which level of which factor is at fault."""
    base = {
        "kind": "categorical",
        "name": "base",
        "levels": ["a", "b"],
        "substances": {"a": "C1CC", "b": "C"},
    }
    with pytest.raises(SpaceImpossible, match="base a"):
        pool_for(spec({"kind": "factors", "factors": [base]}))
