"""Numbers, times and durations as people read them."""

import math
from datetime import UTC, datetime

__all__ = [
    "amount",
    "clock",
    "day",
    "evidence",
    "figure",
    "fixed",
    "places",
    "plain_amount",
    "span",
    "with_unit",
]

_CLOCKWORK = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def places(width: float, digits: int = 3) -> int:
    """Return the decimals, at most nine, that show `width` to so many digits below its size: a thousandth."""
    if width == 0:
        return 9
    # Logarithms, not quotients: a quotient of a very small width would be zero.
    return min(9, max(0, math.ceil(digits - math.log10(abs(width)) - 1e-9)))


def fixed(value: float, decimals: int) -> str:
    """Write a number with so many decimals."""
    # Adding zero turns a negative zero, as rounding leaves it, into a plain one.
    return _minus(f"{round(value, decimals) + 0.0:.{decimals}f}") if abs(value) < 1e9 else figure(value, 7)


def figure(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits, very large and small ones as powers of ten."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -5 or exponent > 6:
        mantissa = f"{value:.{digits - 1}e}".partition("e")[0]
        return f"{_minus(mantissa)} × 10{str(exponent).translate(_SUPERSCRIPT)}"
    text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def evidence(value: float) -> str:
    """Write an e-value or a threshold with three digits."""
    return figure(value, 3) if value >= 0.001 or value == 0 else "< 0.001"


def with_unit(text: str, unit: str) -> str:
    """Put a UCUM unit behind a number; a pure number, unit `1`, stays bare."""
    if unit == "1":
        return text
    # A line must not break between a number and its unit.
    return f"{text}\N{NO-BREAK SPACE}{unit}"


def amount(value: float, sd: float | None, unit: str, *, decimals: int) -> str:
    """Write a value with so many decimals, with its standard uncertainty."""
    text = fixed(value, decimals)
    if sd is not None:
        small = 0 < sd < 10.0**-decimals
        text += f" ± {figure(sd, 2) if small else fixed(sd, decimals)}"
    return with_unit(text, unit)


def plain_amount(value: float, sd: float | None, unit: str) -> str:
    """Write a value with as many digits as its uncertainty bears."""
    if not sd:
        return with_unit(figure(value, 5), unit)
    decimals = places(sd, 0) + 1
    return with_unit(f"{fixed(value, decimals)} ± {fixed(sd, decimals)}", unit)


def clock(at: datetime | None) -> str:
    """Write a moment to the second, in UTC."""
    return "" if at is None else _utc(at).strftime("%Y-%m-%d %H:%M:%S")


def day(at: datetime) -> str:
    """Write a moment for a sentence, in UTC."""
    moment = _utc(at)
    return f"{moment.day} {moment:%B %Y}, {moment:%H:%M} UTC"


def span(seconds: float) -> str:
    """Write a duration in its two largest units."""
    if seconds < 60:
        return f"{figure(seconds, 3)} s"
    rest = round(seconds)
    for unit, size, part, smaller in _CLOCKWORK:
        if rest >= size:
            more = rest % size // smaller
            return f"{rest // size} {unit}" + (f" {more} {part}" if more else "")
    raise AssertionError("a minute is the smallest of them")


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
