"""Conversion of units: the one typed door to pint, opened only when a robot reports in another unit."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from moonloop.domain.units import UNITS, commensurable

if TYPE_CHECKING:
    from pint import UnitRegistry

__all__ = ["LARGEST", "convert", "convert_interval"]

LARGEST = 1e100
"""No number of a result is larger: its square, and sums of a campaign's squares, must be numbers too."""

_PINT = {
    "1": "dimensionless",
    "%": "percent",
    "[ppm]": "ppm",
    "[pH]": "dimensionless",
    "Cel": "degC",
    "deg": "degree",
    "um": "micrometer",
    "uL": "microliter",
    "uL/min": "microliter/minute",
    "ug": "microgram",
    "ug/mL": "microgram/milliliter",
    "umol": "micromole",
    "umol/L": "micromole/liter",
    "uA": "microampere",
    "A/m2": "ampere/meter**2",
    "mA/cm2": "milliampere/centimeter**2",
    "m2/g": "meter**2/gram",
    "d": "day",
    "h": "hour",
    "min": "minute",
    "L/h": "liter/hour",
    "mL/min": "milliliter/minute",
    "kcal/mol": "kilocalorie/mole",
}
"""UCUM codes whose name in pint is another; the rest are spelt alike."""


@cache
def _registry() -> "UnitRegistry[float]":
    import pint  # noqa: PLC0415 -- slow to load, and rarely needed

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True)


def convert(value: float, given: str, wanted: str) -> float:
    """Return a value in another unit of the same quantity; both are known UCUM codes.

    What is too large for a float comes back as infinity.
    """
    if given == wanted:
        return value
    if not commensurable(given, wanted):
        raise ValueError(f"{given} measures {UNITS[given]}, {wanted} measures {UNITS[wanted]}")
    registry = cast("Any", _registry())
    quantity = registry.Quantity(value, _PINT.get(given, given))
    return float(quantity.to(_PINT.get(wanted, wanted)).magnitude)


def convert_interval(width: float, given: str, wanted: str) -> float:
    """Return a difference, such as an uncertainty, in another unit: offsets of scales play no part."""
    return width if given == wanted else abs(convert(width, given, wanted) - convert(0.0, given, wanted))
