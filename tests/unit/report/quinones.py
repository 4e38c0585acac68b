"""A quinone campaign for tests of the report: believable in form, every value in it invented here."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from random import Random
from typing import Any

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Evidence, Hypothesis, Verdict
from moonloop.domain.facts import CampaignFacts, HypothesisFact, IncidentFact
from moonloop.domain.lifecycles import HypothesisState, IncidentState, JobState
from moonloop.domain.plans import Expectation, Purpose, TestArm
from moonloop.domain.reviews import DeciderKind, Resolution
from moonloop.domain.robots import RobotKind
from moonloop.domain.space import Candidate
from moonloop.tools.chemistry import canonical_smiles
from moonloop.tools.inference import counted_effect, evidence
from unit.report.notebook import Entry, Notebook

__all__ = ["PROTOCOL", "campaign", "spec"]

PROTOCOL = "xtb.reduction_potential/1"

SCAFFOLDS = {
    "1,4-benzoquinone": ("O=C1C([*:2])=C([*:3])C(=O)C([*:5])=C1[*:6]", 0.70),
    "1,2-benzoquinone": ("O=C1C(=O)C([*:3])=C([*:4])C([*:5])=C1[*:6]", 0.79),
    "1,4-naphthoquinone": ("O=C1C([*:2])=C([*:3])C(=O)c2c([*:5])ccc([*:8])c21", 0.47),
}
GROUPS = {
    "H": ("[*][H]", 0.0),
    "CH3": ("[*]C", -0.05),
    "OH": ("[*]O", -0.09),
    "OCH3": ("[*]OC", -0.07),
    "Cl": ("[*]Cl", 0.02),
    "CN": ("[*]C#N", 0.10),
    "CF3": ("[*]C(F)(F)F", 0.08),
    "NO2": ("[*][N+](=O)[O-]", 0.13),
    "SO3H": ("[*]S(=O)(=O)O", 0.06),
}
REFERENCES = (
    ("1,4-benzoquinone", "O=C1C=CC(=O)C=C1", 0.70, 0.672),
    ("2-methyl-1,4-benzoquinone", "CC1=CC(=O)C=CC1=O", 0.645, 0.611),
    ("1,2-benzoquinone", "O=C1C=CC=CC1=O", 0.792, 0.801),
    ("1,4-naphthoquinone", "O=C1C=CC(=O)c2ccccc21", 0.47, 0.455),
    ("2-hydroxy-1,4-naphthoquinone", "OC1=CC(=O)c2ccccc2C1=O", 0.356, 0.322),
)


def spec(kind: RobotKind = RobotKind.COMPUTATIONAL, **changes: Any) -> CampaignSpec:
    """Return the campaign file."""
    protocol = {"name": PROTOCOL, "robot": kind, "parameters": {"method": "GFN2-xTB", "conformers": 8}}
    checks = (("fresh conformers", 0.03), ("second opinion", 0.10), ("high fidelity", 0.10))
    given: dict[str, Any] = {
        "moonloop": 1,
        "name": "Quinone catholyte",
        "goal": "A quinone of high reduction potential that dissolves in water and has few bare quinone C-H.",
        "space": {
            "kind": "r_groups",
            "scaffolds": [{"name": name, "smiles": smiles} for name, (smiles, _) in SCAFFOLDS.items()],
            "substituents": [{"name": name, "smiles": smiles} for name, (smiles, _) in GROUPS.items()],
            "max_substituted": 2,
        },
        "constraints": [
            {
                "kind": "substructure",
                "name": "no nitro group",
                "smarts": "[N+](=O)[O-]",
                "why": "It is reduced.",
            },
            {
                "kind": "substructure",
                "name": "at most two free quinone C-H",
                "smarts": "[C;H1;R;$(C=C)]",
                "at_most": 2,
            },
            {"kind": "descriptor", "name": "soluble", "descriptor": "esol_log_s", "at_least": -2},
        ],
        "objective": {
            "name": "reduction_potential",
            "unit": "V",
            "direction": "maximise",
            "range": [0.0, 1.2],
        },
        "protocol": protocol,
        "confirmation": {
            "top": 3,
            "runs": [{"label": label, "tolerance": most, "protocol": protocol} for label, most in checks],
        },
        "references": [
            {
                "name": name,
                "smiles": smiles,
                "value": value,
                "citation": "Invented for a test, doi:10.1000/182",
            }
            for name, smiles, value, _ in REFERENCES
        ],
        "budget": {"experiments": 60, "wall_clock": "1 h"},
        "on_lost": {"rerun": 2},
    }
    return CampaignSpec.model_validate(given | changes)


def molecules() -> tuple[tuple[Candidate, float], ...]:
    """Return the candidates with two groups at most, each with the value that the test world gives it."""
    found: dict[str, tuple[Candidate, float]] = {}
    for scaffold, (smiles, base) in SCAFFOLDS.items():
        locants = [part[0] for part in smiles.split("[*:")[1:]]
        for (one, other), (first, second) in product(pairwise(locants), product(GROUPS, GROUPS)):
            settings = dict.fromkeys(locants, "H") | {one: first, other: second}
            key = canonical_smiles(_assembled(smiles, settings))
            value = base + GROUPS[first][1] + GROUPS[second][1]
            candidate = Candidate(key=key, settings={"scaffold": scaffold, **settings}, smiles=key)
            found.setdefault(key, (candidate, value))
    return tuple(found.values())


def _assembled(smiles: str, settings: Mapping[str, str]) -> str:
    for locant, group in settings.items():
        text = "" if group == "H" else GROUPS[group][0].removeprefix("[*]")
        branch = f"([*:{locant}])"
        smiles = smiles.replace(branch, f"({text})" if text else "").replace(f"[*:{locant}]", text)
    return smiles


def campaign(
    *,
    cycles: int = 12,
    kind: RobotKind = RobotKind.COMPUTATIONAL,
    decider: DeciderKind = DeciderKind.PERSON,
    done: bool = True,
    checked: tuple[int, int, int] = (1, 2, 3),
    **changes: Any,
) -> CampaignFacts:
    """Return a whole campaign: two claims, a failure, two lost jobs, the `checked` of the best checked."""
    notebook = Notebook(spec(kind, **changes), kind, decider)
    world = _World(notebook)
    for number in range(1, cycles + 1):
        notebook.cycle(world.batch(number))
    if done:
        notebook.cycle(world.confirmations(checked), purpose="confirmation")
    return notebook.facts(hypotheses=world.hypotheses(), incidents=world.incidents(), done=done)


class _World:
    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._random = Random(20)
        self._values = molecules()
        self._unseen = [place for place, _ in enumerate(self._values)]
        self._random.shuffle(self._unseen)
        self._claims = (
            ("substituent", "CN", "Cl", "A nitrile in place of a chlorine raises the potential.", 0.9),
            (
                "scaffold",
                "1,2-benzoquinone",
                "1,4-benzoquinone",
                "An ortho-quinone is a stronger oxidant than the para-quinone.",
                0.7,
            ),
        )

    def batch(self, number: int) -> list[Entry]:
        """Two test arms and three picks; in the first cycle the references too."""
        entries = [*self._pair(number), *(self._pick(number) for _ in range(3))]
        if number == 1:
            entries += [self._reference(*reference) for reference in REFERENCES]
        if number == 3:
            entries[3] = entries[3]._replace(
                value=None, failure="The SCF did not converge in 250 iterations."
            )
        if number == 4:
            entries[2] = entries[2]._replace(lost=Resolution.ADOPT)
        if number == 5:
            entries[4] = entries[4]._replace(lost=Resolution.RERUN)
        return entries

    def _pair(self, number: int) -> Iterator[Entry]:
        claim = number % 2
        factor, level_a, level_b, _, _ = self._claims[claim]
        values = [level_a, level_b]
        shared = self._random.choice(["CH3", "OCH3", "H"])
        for arm, level in zip("ab", values, strict=True):
            if factor == "substituent":
                scaffold, settings = "1,4-benzoquinone", {"2": level, "3": shared, "5": "H", "6": "H"}
            else:
                scaffold, settings = (
                    level,
                    {"3": shared, "5": "H", "6": "H", ("4" if "1,2" in level else "2"): "H"},
                )
            smiles = canonical_smiles(_assembled(SCAFFOLDS[scaffold][0], settings))
            candidate = Candidate(key=smiles, settings={"scaffold": scaffold, **settings}, smiles=smiles)
            true = SCAFFOLDS[scaffold][1] + sum(GROUPS[group][1] for group in settings.values())
            hypothesis, block = self._notebook.hypothesis_id(claim + 1), (number - 1) // 2
            yield Entry(
                candidate, Purpose.TEST, true + self._random.gauss(0, 0.02),
                reason=f"Pair {(number + 1) // 2} of H{claim + 1}, drawn at random.",
                test=TestArm(hypothesis_id=hypothesis, block=block, arm=arm),
            )  # fmt: skip

    def _pick(self, number: int) -> Entry:
        if not self._unseen:
            # A long campaign comes back to what it has seen: replicates.
            self._unseen = self._random.sample(range(len(self._values)), len(self._values))
        group = [self._unseen.pop() for _ in range(min(1 + number // 2, max(1, len(self._unseen) // 40)))]
        best = max(group, key=lambda place: self._values[place][1])
        self._unseen[:0] = [place for place in group if place != best]
        candidate, true = self._values[best]
        sd = 0.02 + 0.25 / (number + 2)
        return Entry(
            candidate,
            Purpose.EXPLORE if number == 1 else Purpose.PICK,
            true + self._random.gauss(0, 0.015),
            expected=Expectation(mean=true + self._random.gauss(0, sd), sd=sd),
            reason="It fills the space."
            if number == 1
            else "The designer expects it to come nearer to the goal.",
        )

    def _reference(self, name: str, smiles: str, _published: float, measured: float) -> Entry:
        candidate = Candidate(key=smiles, settings={}, smiles=smiles)
        return Entry(candidate, Purpose.REFERENCE, measured, label=name, reason=f"Reference: {name}.")

    def confirmations(self, checked: tuple[int, int, int]) -> list[Entry]:
        """The first holds, the second loses 0.3 V by the second opinion, the third has a run that fails."""
        best = self._notebook.best(max(checked))
        tops = [best[rank - 1] for rank in checked if rank <= len(best)]
        outcomes = ((0.01, -0.04, -0.02), (-0.01, -0.31, -0.05), (0.0, -0.05, None))
        labels = ("fresh conformers", "second opinion", "high fidelity")
        return [
            Entry(
                candidate, Purpose.CONFIRMATION, None if change is None else value + change, label=label,
                reason=f"{label} for winner {rank}.",
                failure="The bonding changed during the optimisation." if change is None else "",
            )
            for rank, ((candidate, value), changes) in enumerate(zip(tops, outcomes, strict=False), start=1)
            for label, change in zip(labels, changes, strict=True)
        ]  # fmt: skip

    def hypotheses(self) -> tuple[HypothesisFact, ...]:
        """Both claims, with the evidence that the rule makes of the pairs."""
        return tuple(self._hypothesis(number, *claim) for number, claim in enumerate(self._claims, start=1))

    def _hypothesis(
        self, number: int, factor: str, level_a: str, level_b: str, statement: str, probability: float
    ) -> HypothesisFact:
        claim = {"kind": "effect", "factor": factor, "level_a": level_a, "level_b": level_b, "delta": 0.05}
        hypothesis = Hypothesis.model_validate(
            {
                "id": self._notebook.hypothesis_id(number),
                "campaign_id": self._notebook.campaign_id,
                "number": number,
                "proposed": {
                    "claim": claim, "statement": statement, "probability": probability,
                    "proposer": "a chemist",
                    "mechanism": "Invented for a test.",
                },
                "alpha": 0.05, "weight": 0.5, "delta": 0.05, "cap": 0.1, "seed": 11 + number,
                "registered_in": 1,
            }
        )  # fmt: skip
        trail = tuple(self._trail(hypothesis))
        verdict = trail[-1].verdict if trail else Verdict.UNDECIDED
        decided = verdict is not Verdict.UNDECIDED
        state = HypothesisState(verdict) if decided else HypothesisState.TESTING
        return HypothesisFact(
            hypothesis=hypothesis,
            state=state,
            registered_at=self._notebook.began,
            evidence=trail,
            decided_in=2 * len(trail) if decided else None,
        )

    def _trail(self, hypothesis: Hypothesis) -> Iterator[Evidence]:
        pairs = self._notebook.pairs(hypothesis.id)
        for n in range(1, len(pairs) + 1):
            counted = [counted_effect(a - b, hypothesis.cap) for a, b, _ in pairs[:n]]
            ids = [measurement for _, _, both in pairs[:n] for measurement in both]
            found = evidence(hypothesis, counted, ids, verdict=Verdict.UNDECIDED, threshold=40.0)
            if max(found.e_support, found.e_refute) < found.threshold:
                yield found
                continue
            side = Verdict.SUPPORTED if found.e_support >= found.threshold else Verdict.REFUTED
            yield found.model_copy(update={"verdict": side})
            return

    def incidents(self) -> tuple[IncidentFact, ...]:
        """One for each lost job."""
        return tuple(
            IncidentFact(
                id=attempt.id.replace("att", "inc"), kind="lost_job", state=IncidentState.SETTLED,
                campaign_id=self._notebook.campaign_id, job_id=job.id, attempt_id=attempt.id,
                robot_id=attempt.robot_id, opened_at=attempt.offered_at, settled_at=attempt.ended_at,
                resolution=Resolution.ADOPT if len(job.attempts) == 1 else Resolution.RERUN,
                by="policy on_lost" if len(job.attempts) > 1 else "anna", late_result=len(job.attempts) == 1,
                reason="nothing physical can have moved" if len(job.attempts) > 1 else "the log is complete",
            )
            for job in self._notebook.jobs() if job.state is JobState.SUCCEEDED
            for attempt in job.attempts if attempt.state == "reconciled"
        )  # fmt: skip
