"""What a brief says, read back from its text: for the doubles, who know nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, cast

from moonloop.agents.roles.fences import unfenced

__all__ = ["Known", "Seen", "brief_in", "has_level", "known_from", "pull"]

_WITHDRAWING = (
    "NO2", "CN", "CF3", "SO3H", "COOCH3", "Cl", "F", "H", "CH3", "OCH3", "OH", "NH2", "N(CH3)2",
)  # fmt: skip
"""Substituents, the most electron-withdrawing first, about by Hammett's sigma-para (C. Hansch, A. Leo and
R. W. Taft, Chem. Rev. 91, 165-195, 1991)."""
_SEARCH = frozenset({"test", "explore", "pick"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A measured run."""

    measurement: str
    settings: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Known:
    """What a brief says."""

    blocks: Mapping[str, list[Any]]

    @property
    def sign(self) -> int:
        """+1 when more is better."""
        return 1 if self._objective["direction"] == "maximise" else -1

    @property
    def width(self) -> float:
        """Of the objective's range."""
        low, high = self._objective["range"]
        return float(high) - float(low)

    @property
    def scaffolds(self) -> tuple[str, ...]:
        """Of a space of molecules."""
        return tuple(row["scaffold"] for row in self._rules if "scaffold" in row)

    @property
    def groups(self) -> tuple[str, ...]:
        """Substituents of a space of molecules that the goal's constraints do not name."""
        limits = [str(row["limits"]) for row in self.blocks.get("constraints", []) if row.get("at_most") == 0]
        rows = [row for row in self._rules if "substituent" in row]
        return tuple(row["substituent"] for row in rows if not any(one in row["smiles"] for one in limits))

    @property
    def levels(self) -> Mapping[str, tuple[str, ...]]:
        """The levels that claims may be about, by factor."""
        if self.scaffolds:
            every = tuple(row["substituent"] for row in self._rules if "substituent" in row)
            return {"substituent": tuple(sorted(every, key=pull)), "scaffold": self.scaffolds}
        return {row["factor"]: _levels_of(row) for row in self._rules if "factor" in row}

    @property
    def claimed(self) -> frozenset[tuple[str, frozenset[str]]]:
        """Pairs of levels that a claim is about."""
        rows = [row for row in self.blocks.get("claims", []) if "level_a" in row]
        return frozenset((row["factor"], frozenset((row["level_a"], row["level_b"]))) for row in rows)

    @property
    def seen(self) -> tuple[Seen, ...]:
        """The measured runs, the best first."""
        found = [Seen(row[0], row[3], float(row[4])) for row in self._runs if row[4] is not None]
        return tuple(sorted(found, key=lambda one: -self.sign * one.value))

    @property
    def tried(self) -> list[dict[str, str]]:
        """The settings that were run, whatever came of it."""
        return [row[3] for row in self._runs]

    @property
    def allowed(self) -> Iterator[dict[str, str]]:
        """Settings of the space that were not run, near to the best first."""
        done = self.tried
        if self._table:
            names = list(self.levels)
            listed = (dict(zip(names, row, strict=True)) for row in self._table)
            yield from (one for one in listed if one not in done)
            return
        first = {name: levels[0] for name, levels in self.levels.items()}
        best = dict(self.seen[0].settings) if self.seen else first
        steps = [best, *({**best, name: level} for name, levels in self.levels.items() for level in levels)]
        for place, one in enumerate(steps):
            if one not in done and one not in steps[:place] and not self._left_out(one):
                yield one

    @property
    def _runs(self) -> list[list[Any]]:
        return [row for row in self.blocks.get("measurements", [])[1:] if row[2] in _SEARCH]

    @property
    def _objective(self) -> dict[str, Any]:
        return self.blocks["objective"][0]

    @property
    def _rules(self) -> list[dict[str, Any]]:
        return [cast("dict[str, Any]", row) for row in self.blocks["space"] if isinstance(row, dict)]

    @property
    def _table(self) -> list[list[str]]:
        return [cast("list[str]", row) for row in self.blocks["space"] if isinstance(row, list)]

    def _left_out(self, settings: Mapping[str, str]) -> bool:
        return any(_breaks(rule, settings) for rule in self._rules)

    def mean(self, factor: str, level: str) -> float | None:
        """Return the mean value of the runs with a level."""
        values = [one.value for one in self.seen if has_level(one, factor, level)]
        return fmean(values) if values else None


def known_from(messages: Sequence[Mapping[str, Any]]) -> Known:
    """Return what the brief of a thread says."""
    return Known(dict(unfenced(brief_in(messages))))


def brief_in(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the brief of a thread: the first message of the user."""
    content = next(message["content"] for message in messages if message.get("role") == "user")
    if isinstance(content, str):
        return content
    parts = cast("list[dict[str, Any]]", content)
    return "".join(str(part.get("text", "")) for part in parts)


def _levels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    if "levels" in row:
        return tuple(row["levels"])
    low, high, step = (float(row[key]) for key in ("low", "high", "step"))
    count = int((high - low) / step + 1e-9)
    middle = round(low + (count // 2) * step, 12)
    top = round(low + count * step, 12)
    return tuple(f"{level:.12g}" for level in dict.fromkeys((low, middle, top)))


def _breaks(rule: Mapping[str, Any], settings: Mapping[str, str]) -> bool:
    if "never_together" in rule:
        return all(settings.get(name) == level for name, level in rule["never_together"].items())
    if "weighted_sum" in rule:
        weights: dict[str, float] = rule["weighted_sum"]
        total = sum(weight * float(settings[name]) for name, weight in weights.items())
        return total > rule.get("at_most", total) or total < rule.get("at_least", total)
    return False


def has_level(one: Seen, factor: str, level: str) -> bool:
    """Say whether a run is at a level; of a substituent, at any one position."""
    if factor == "substituent":
        return any(group == level for place, group in one.settings.items() if place != "scaffold")
    return one.settings.get(factor) == level


def pull(group: str) -> tuple[int, str]:
    """Return a key that sorts substituents, the most electron-withdrawing first."""
    return (_WITHDRAWING.index(group) if group in _WITHDRAWING else len(_WITHDRAWING), group)
