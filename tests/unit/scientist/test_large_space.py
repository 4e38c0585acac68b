"""A space too large to be built is searched all the same."""

from collections.abc import Callable

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.history import History
from moonloop.domain.plans import Run
from moonloop.tools.spaces import pool_for

ANTHRAQUINONE = "O=C1c2c([*:1])c([*:2])c([*:3])c([*:4])c2C(=O)c2c([*:5])c([*:6])c([*:7])c([*:8])c21"
GROUPS = {"H": "[*][H]", "CH3": "[*]C", "OH": "[*]O", "F": "[*]F", "CN": "[*]C#N", "NH2": "[*]N"}
CLAIM = {"kind": "effect", "factor": "substituent", "level_a": "CN", "level_b": "F", "delta": 0.1}
WORTH = {"H": 0.0, "CH3": -0.1, "OH": -0.2, "F": 0.1, "CN": 0.3, "NH2": -0.25}


def outcome(run: Run) -> float:
    """Return the sum of the substituents' worth, with a bonus for a pair of neighbours."""
    groups = [str(group) for locant, group in run.candidate.settings.items() if locant != "scaffold"]
    return sum(WORTH[group] for group in groups) + (0.2 if groups.count("F") == 1 else 0.0)


def test_a_random_subset_and_the_neighbours_of_the_best_find_the_best(
    campaign: Callable[..., CampaignSpec], play: Callable[..., History]
) -> None:
    """In 60 runs on a pool of 100 of some 70,000 molecules the search goes far beyond the pool's best."""
    spec = campaign(
        space={
            "kind": "r_groups",
            "scaffolds": [{"name": "AQ", "smiles": ANTHRAQUINONE}],
            "substituents": [{"name": name, "smiles": smiles} for name, smiles in GROUPS.items()],
            "max_substituted": 5,
        },
        claims=[{"claim": CLAIM, "statement": "CN beats F.", "probability": 0.5}],
        objective={"name": "y", "unit": "1", "direction": "maximise", "range": [-1, 2]},
        design={"batch_size": 10, "seed": 1, "pool_limit": 100},
        budget={"experiments": 60},
        scientist={"claims_at_most": 1},
    )
    pool = pool_for(spec)
    size = pool.atlas.source.size()
    assert size is not None
    assert size > 50_000
    assert len(pool.candidates) == 100
    history = play(spec, outcome=outcome)
    values = {seen.candidate.key: seen.value for seen in history.observations}
    outside = [value for key, value in values.items() if key not in pool.index and value is not None]
    # Four CN and one F beside them are the best there is: 1.5.
    assert max(outside) >= 1.2
    assert "supported" == history.evidence[0].verdict
