"""A small campaign answered from a table in which no two values are the same: nothing can be mixed up."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.space import Candidate

__all__ = ["PROTOCOL", "TABLE", "setting_of", "table_spec", "write_table"]

PROTOCOL = "table.lookup/1"
Setting = tuple[str, float]
"""A solvent and a temperature."""

_SOLVENTS = {"water": 11.0, "ethanol": 37.0, "toluene": 53.0}
_TEMPERATURES = (20.0, 40.0, 60.0, 80.0)

TABLE: Mapping[Setting, float] = {
    (solvent, temperature): round(base + 0.4 * temperature + 0.01 * place, 2)
    for place, (solvent, temperature, base) in enumerate(
        (solvent, temperature, base) for solvent, base in _SOLVENTS.items() for temperature in _TEMPERATURES
    )
}
"""The yield of each setting, in %: from 19 for cold water to 85.11 for hot toluene."""

assert len(set(TABLE.values())) == len(TABLE)


def setting_of(candidate: Candidate) -> Setting:
    """Return the row of the table that a candidate stands for."""
    return str(candidate.settings["solvent"]), float(candidate.settings["temperature"])


def write_table(path: Path) -> Path:
    """Write the table as the `table` robot reads it, and return where."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["solvent", "temperature", "yield"])
        rows.writerows([*setting, value] for setting, value in TABLE.items())
    return path


def table_spec(**changes: Any) -> CampaignSpec:
    """Return a campaign over the table: six experiments in batches of two, no person asked."""
    return CampaignSpec.model_validate(
        {
            "moonloop": 1,
            "name": "A table to be searched",
            "space": {
                "kind": "factors",
                "factors": [
                    {"kind": "categorical", "name": "solvent", "levels": list(_SOLVENTS)},
                    {
                        "kind": "discrete",
                        "name": "temperature",
                        "unit": "Cel",
                        "levels": list(_TEMPERATURES),
                    },
                ],
            },
            "objective": {"name": "yield", "unit": "%", "direction": "maximise", "range": [0, 100]},
            "protocol": {"name": PROTOCOL, "robot": "simulated"},
            "scientist": {"claims_at_most": 0},
            "design": {"batch_size": 2, "seed": 1},
            "budget": {"experiments": 6},
            **changes,
        }
    )
