"""UCUM units: a closed list, grouped by the quantity they measure.

Only commensurability is known here; conversion needs a library and is the server's business.
Source of the codes: the Unified Code for Units of Measure, version 2.2, https://ucum.org/ucum.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from moonloop.domain.errors import UnitUnknown

__all__ = ["UNITS", "Duration", "Unit", "commensurable", "parse_duration"]

_BY_QUANTITY: dict[str, tuple[str, ...]] = {
    "dimensionless": ("1", "%", "[ppm]"),
    "acidity": ("[pH]",),
    "amount concentration": ("mol/L", "mmol/L", "umol/L"),
    "amount of substance": ("mol", "mmol", "umol"),
    "angle": ("deg", "rad"),
    "area per mass": ("m2/g",),
    "current density": ("A/m2", "mA/cm2"),
    "electric conductivity": ("S/m", "S/cm", "mS/cm"),
    "electric current": ("A", "mA", "uA"),
    "electric potential": ("V", "mV"),
    "energy": ("J", "kJ", "eV"),
    "force": ("N", "kN"),
    "frequency": ("Hz", "kHz", "1/s"),
    "length": ("m", "cm", "mm", "um", "nm"),
    "mass": ("kg", "g", "mg", "ug"),
    "mass concentration": ("g/L", "mg/mL", "ug/mL"),
    "molar energy": ("kJ/mol", "kcal/mol"),
    "power": ("W", "mW"),
    "pressure": ("Pa", "kPa", "MPa", "GPa", "bar", "mbar"),
    "temperature": ("K", "Cel"),
    "time": ("s", "ms", "min", "h", "d"),
    "volume": ("L", "mL", "uL"),
    "volume flow": ("mL/min", "uL/min", "L/h"),
}

UNITS: dict[str, str] = {code: quantity for quantity, codes in _BY_QUANTITY.items() for code in codes}
"""The quantity that each known UCUM code measures."""


def _known(code: str) -> str:
    if code not in UNITS:
        # A ValueError, so that pydantic reports the field; the sentence is the error's own.
        raise ValueError(str(UnitUnknown(unit=code, known=", ".join(sorted(UNITS)))))
    return code


Unit = Annotated[str, AfterValidator(_known)]
"""A UCUM code from the closed list."""


def commensurable(one: str, other: str) -> bool:
    """Say whether two known codes measure the same quantity."""
    return UNITS[one] == UNITS[other]


_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*(ms|s|min|h|d)?\s*$")


def parse_duration(given: object) -> float:
    """Return seconds from a number of seconds or a text such as "90 min", "2 h" or "7 d"."""
    if isinstance(given, bool):
        raise ValueError('a duration is a number of seconds or a text such as "90 min"')
    if isinstance(given, (int, float)):
        return float(given)
    match = _DURATION.match(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError('a duration is a number of seconds or a text such as "90 min", "2 h" or "7 d"')
    return float(match[1]) * _SECONDS[match[2] or "s"]


_LONGEST_S = 100 * 365.25 * 86400.0


def _in_range(seconds: float) -> float:
    if not seconds > 0:
        raise ValueError("a duration is longer than zero")
    if seconds > _LONGEST_S:
        raise ValueError("a duration is not longer than a hundred years")
    return seconds


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    AfterValidator(_in_range),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\s*[0-9]*\.?[0-9]+\s*(ms|s|min|h|d)?\s*$"},
            ],
            "description": 'Seconds, or a text such as "90 min", "2 h" or "7 d".',
        }
    ),
]
"""Seconds; taken in as a number or as a text with a UCUM time code."""
