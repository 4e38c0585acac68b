"""Verdicts on the registered claims, by the registered rule and nothing else."""

from dataclasses import dataclass

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.claims import Effect, Evidence, Hypothesis, Verdict
from moonloop.domain.history import History, Observation
from moonloop.domain.plans import Purpose
from moonloop.tools.inference import Counted, counted_effect, counted_error, evidence, standings

__all__ = ["decided", "judge", "next_blocks"]


@dataclass(frozen=True, slots=True)
class _Block:
    cycle: int
    number: int
    counted: Counted
    measurements: tuple[str, ...]


def judge(spec: CampaignSpec, history: History) -> tuple[Evidence, ...]:
    """Return the evidence of every registered hypothesis.

    Blocks count in the order of (cycle, block, hypothesis); a block that is not settled holds back those
    after it. A claim that the history has as decided keeps its evidence.
    """
    blocks = {hypothesis.id: _blocks(spec, history, hypothesis) for hypothesis in history.hypotheses}
    order = sorted(
        (block.cycle, block.number, hypothesis.number, hypothesis.id)
        for hypothesis in history.hypotheses
        for block in blocks[hypothesis.id]
    )
    standing = standings(
        history.hypotheses, [(name, blocks[name][number].counted) for _, number, _, name in order]
    )
    known = {one.hypothesis_id: one for one in history.evidence if one.verdict is not Verdict.UNDECIDED}
    return tuple(
        known.get(hypothesis.id)
        or evidence(
            hypothesis,
            [block.counted for block in blocks[hypothesis.id][: standing[hypothesis.id].n]],
            [
                measurement
                for block in blocks[hypothesis.id][: standing[hypothesis.id].n]
                for measurement in block.measurements
            ],
            verdict=standing[hypothesis.id].verdict,
            threshold=standing[hypothesis.id].threshold,
        )
        for hypothesis in history.hypotheses
    )


def decided(history: History) -> frozenset[str]:
    """Return the ids of the hypotheses that have a verdict."""
    return frozenset(one.hypothesis_id for one in history.evidence if one.verdict is not Verdict.UNDECIDED)


def next_blocks(history: History, hypothesis: Hypothesis, count: int) -> tuple[int, ...]:
    """Return the numbers of the next `count` blocks: the lowest of which nothing was observed.

    A block that was planned and never run is drawn again as it was, so that nobody can wish for another.
    """
    used = {
        seen.test.block
        for seen in history.observations
        if seen.test is not None and seen.test.hypothesis_id == hypothesis.id
    }
    free = (number for number in range(len(used) + count) if number not in used)
    return tuple(number for number, _ in zip(free, range(count), strict=False))


def _blocks(spec: CampaignSpec, history: History, hypothesis: Hypothesis) -> list[_Block]:
    """Return the settled blocks up to the first that is not, each with the cycle in which it could count."""
    arms: dict[int, dict[str, Observation]] = {}
    for seen in history.observations:
        test = seen.test
        if (
            seen.purpose is Purpose.TEST
            and test is not None
            and test.hypothesis_id == hypothesis.id
            and seen.cycle >= hypothesis.registered_in
        ):
            arms.setdefault(test.block, {}).setdefault(test.arm, seen)
    wanted = ("a", "b") if isinstance(hypothesis.proposed.claim, Effect) else ("single",)
    blocks: list[_Block] = []
    cycle = 0
    for number in range(len(arms)):
        runs = [arms[number][arm] for arm in wanted if arm in arms.get(number, {})]
        if len(runs) < len(wanted):
            break
        cycle = max(cycle, *(run.cycle for run in runs))
        ids = tuple(run.measurement_id for run in runs if run.measurement_id is not None)
        blocks.append(_Block(cycle, number, _counted(spec, hypothesis, runs), ids))
    return blocks


def _counted(spec: CampaignSpec, hypothesis: Hypothesis, runs: list[Observation]) -> Counted:
    # A cancelled run counts as a failed one: whoever cancels it may have seen how the other arm went.
    values = [run.value for run in runs if run.outcome == "measured" and run.value is not None]
    whole = len(values) == len(runs)
    if isinstance(hypothesis.proposed.claim, Effect):
        advantage = spec.objective.sign * (values[0] - values[1]) if whole else None
        return counted_effect(advantage, hypothesis.cap)
    predicted = runs[0].test.predicted if runs[0].test is not None else None
    if not whole or predicted is None:
        return counted_error(None, hypothesis.cap)
    return counted_error(values[0] - predicted, hypothesis.cap)
