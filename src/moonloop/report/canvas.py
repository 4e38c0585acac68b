"""Figures: the one typed door to matplotlib."""

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from threading import Lock
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Sheet
from matplotlib.ticker import FuncFormatter, MaxNLocator

from moonloop.domain.numbers import evidence
from moonloop.report.vector import embed

__all__ = ["Canvas", "Points", "Stroke", "draw", "label"]

_INK = "#16202b"
_MUTED = "#5b6875"
_SHADE = "#1f5c99"
_STROKES: Mapping[str, Any] = {"solid": "-", "dashed": (0, (5, 3)), "dotted": (0, (1, 1.5))}

Stroke = Literal["solid", "dashed", "dotted"]
Points = Sequence[tuple[float, float, str]]
"""x, y and the anchor of the measurement that the point stands for."""

_MATPLOTLIB: Any = mpl
"""Its stubs leave many keyword arguments unknown."""

_LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": _MUTED,
    "axes.facecolor": "none",
    "axes.labelcolor": _INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 9.0,
    "grid.color": "#d9dfe5",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "moonloop",
    "text.parse_math": False,
    "xtick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.color": _MUTED,
    "ytick.labelcolor": _INK,
}

_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))

_NOT_IN_XML = dict.fromkeys([*range(0x20), 0xFFFE, 0xFFFF], " ")

_ONE_AT_A_TIME = Lock()
"""Matplotlib's settings belong to the process."""


class Canvas:
    """A pair of axes with the few marks that a report needs, told apart by form and not by colour alone."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet: Any = sheet
        self._axes: Any = sheet.subplots()
        self._axes.grid(visible=True)

    def points(self, points: Points, marker: str, name: str, *, full: bool = True) -> None:
        """Draw points that are links to their measurements; an empty name stays out of the legend."""
        if points:
            self._scatter(
                points, s=26, marker=marker, label=name, linewidths=0.9,
                facecolors=_SHADE if full else "none", edgecolors=_SHADE if full else _MUTED,
                urls=[f"#{anchor}" for _, _, anchor in points],
            )  # fmt: skip

    def rings(self, points: Points, name: str) -> None:
        """Draw a ring round each point."""
        if points:
            self._scatter(points, s=110, label=name, linewidths=1.2, facecolors="none", edgecolors=_INK)

    def crosses(self, places: Sequence[float], name: str) -> None:
        """Draw a cross at the foot of the figure for each place along it."""
        if places:
            foot = self._axes.get_xaxis_transform()
            self._axes.scatter(
                places, [0.02] * len(places), marker="x", s=26, color=_INK, lw=1, label=name, transform=foot
            )

    def _scatter(self, points: Points, **how: Any) -> None:
        self._axes.scatter([x for x, _, _ in points], [y for _, y, _ in points], zorder=3, **how)

    def line(
        self, xs: Sequence[float], ys: Sequence[float], name: str, stroke: Stroke = "solid", marker: str = ""
    ) -> None:
        """Join points; those of a dotted line have open markers."""
        colour = _SHADE if marker and stroke == "solid" else _MUTED if marker else _INK
        fill = "white" if stroke == "dotted" else colour
        self._axes.plot(
            xs, ys, label=name, color=colour, lw=1.2, ls=_STROKES[stroke], marker=marker, ms=4, mfc=fill
        )

    def steps(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        name: str,
        stroke: Stroke = "solid",
        where: Literal["pre", "post"] = "post",
    ) -> None:
        """Draw a line that changes in steps."""
        self._axes.step(xs, ys, where=where, color=_INK, lw=1.3, ls=_STROKES[stroke], label=name)

    def bars(self, bars: Sequence[tuple[float, float, float, float]]) -> None:
        """Draw error bars: x, y, and half their lengths across and upright."""
        xs, ys, across, upright = zip(*bars, strict=True)
        self._axes.errorbar(xs, ys, xerr=across, yerr=upright, fmt="none", ecolor=_MUTED, elinewidth=0.7)

    def equality(self, name: str) -> None:
        """Draw the line on which both axes agree."""
        low = min(self._axes.get_xlim()[0], self._axes.get_ylim()[0])
        high = max(self._axes.get_xlim()[1], self._axes.get_ylim()[1])
        self._axes.axline((low, low), (high, high), color=_INK, lw=1, label=name)

    def level(self, y: float, name: str) -> None:
        """Draw a dashed line across."""
        self._axes.axhline(y, color=_INK, lw=1, ls=_STROKES["dashed"], label=name)

    def bound(self, x: float, name: str) -> None:
        """Draw a dashed line upright."""
        self._axes.axvline(x, color=_INK, lw=1, ls=_STROKES["dashed"], label=name)

    def finish(
        self, across: str, upright: str, *, whole: bool = False, log: bool = False, columns: int = 2
    ) -> None:
        """Name the axes and add the legend; `whole` numbers across, `log` upright."""
        if log:
            self._axes.set_yscale("log")
            self._axes.yaxis.set_major_formatter(FuncFormatter(_tick))
        if whole:
            self._axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        self._axes.set_xlabel(label(across))
        self._axes.set_ylabel(label(upright))
        if self._axes.get_legend_handles_labels()[0]:
            self._sheet.legend(
                loc="outside upper left",
                ncols=columns,
                borderaxespad=0.2,
                columnspacing=1.2,
                handletextpad=0.5,
            )


def draw(
    name: str,
    paint: Callable[[Canvas], None],
    titles: Mapping[str, str] | None = None,
    size: tuple[float, float] = (4.7, 3.6),
) -> str:
    """Return a figure as SVG markup for the page, the same for the same painting.

    `size` is in inches; `titles` describes the points that are links, by anchor.
    """
    with _ONE_AT_A_TIME, _look():
        sheet = Sheet(figsize=size, layout="constrained")
        paint(Canvas(sheet))
        written = StringIO()
        canvas: Any = FigureCanvasSVG(sheet)
        canvas.print_svg(written, metadata=_NO_METADATA)
    return embed(written.getvalue(), name, titles)


def _tick(value: float, _place: float | None) -> str:
    return evidence(value)


@contextmanager
def _look() -> Generator[None]:
    with _MATPLOTLIB.rc_context(), warnings.catch_warnings():
        # A name in a script that the measuring font lacks is drawn by the reader's browser all the same.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        _MATPLOTLIB.rcdefaults()
        _MATPLOTLIB.rcParams.update(_LOOK)
        yield


def label(text: str, longest: int = 60) -> str:
    """Return a name as an axis can bear it: one line, not too long, nothing that XML refuses."""
    clean = " ".join(text.translate(_NOT_IN_XML).split())
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
