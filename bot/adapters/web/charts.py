"""Charts: small SVG drawings that take their colours from the page's style sheet.

Drawn by hand rather than by a library: each is a few rectangles or lines, and plotting libraries bring inline styles and
colours, which a strict Content-Security-Policy forbids and a dark theme clashes with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

FEWEST_BARS = 21
"""Bars of a chart of days at least, so that the few days of a new installation are not thin bars at its end."""
_HEIGHT = 60
_STEP = 10
_GAP = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart with what stands below it: its title, and the first and the last day."""

    drawing: Markup
    title: str
    first_day: str
    last_day: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar: its value, its tooltip, and the address that it links to; `marked` highlights it."""

    value: int
    label: str
    href: str | None = None
    marked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line of a plot: its name and a value for each step."""

    name: str
    values: tuple[int, ...]


def bars(values: Sequence[Bar], *, title: str) -> Markup:
    """A bar chart as wide as the page; a bar with an address is a link."""
    top = max((bar.value for bar in values), default=0) or 1
    drawn = Markup("").join(_bar(number, bar, top) for number, bar in enumerate(values))
    linked = any(bar.href for bar in values)
    role = Markup(' role="group"') if linked else Markup(' role="img"')
    return Markup(
        '<svg class="bars" viewBox="0 0 {width} {height}" preserveAspectRatio="none"{role} aria-label="{title}">{drawn}</svg>'
    ).format(
        width=max(len(values), 1) * _STEP, height=_HEIGHT, role=role, title=title, drawn=drawn
    )  # fmt: skip


def _bar(number: int, bar: Bar, top: int) -> Markup:
    height = round(bar.value / top * (_HEIGHT - 4), 1) + 2 if bar.value else 1
    left = number * _STEP
    kind = ("bar marked" if bar.marked else "bar") if bar.value else "none"
    shape = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>').format(
        kind=kind, x=left + _GAP / 2, y=round(_HEIGHT - height, 1), width=_STEP - _GAP, height=height
    )
    named = Markup("<title>{label}</title>").format(label=bar.label)
    if bar.href is None:
        return Markup("<g>{named}{shape}</g>").format(named=named, shape=shape)
    area = Markup('<rect class="area" x="{x}" y="0" width="{width}" height="{height}"/>').format(
        x=left, width=_STEP, height=_HEIGHT
    )
    return Markup('<a href="{href}" aria-label="{label}">{named}{area}{shape}</a>').format(
        href=bar.href, label=bar.label, named=named, area=area, shape=shape
    )


_PLOT_HEIGHT = 180


def lines(plotted: Sequence[Series], *, title: str) -> Markup:
    """A line chart of series with the same steps; the n-th line has the class `sN`."""
    top = max((value for line in plotted for value in line.values), default=0) or 1
    steps = max((len(line.values) for line in plotted), default=0)
    width = max(steps - 1, 1) * _STEP
    grid = Markup("").join(
        Markup('<line class="grid" x1="0" x2="{width}" y1="{y}" y2="{y}"/>').format(width=width, y=y)
        for y in (1, _PLOT_HEIGHT // 2, _PLOT_HEIGHT - 1)
    )
    drawn = Markup("").join(
        Markup('<polyline class="s{number}" points="{points}"><title>{name}</title></polyline>').format(
            number=number,
            name=line.name,
            points=" ".join(
                f"{at * _STEP},{round(_PLOT_HEIGHT - 2 - value / top * (_PLOT_HEIGHT - 6), 1)}"
                for at, value in enumerate(line.values)
            ),
        )
        for number, line in enumerate(plotted, start=1)
    )
    return Markup(
        '<svg class="plot" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}">{grid}{drawn}</svg>'
    ).format(
        width=width, height=_PLOT_HEIGHT, title=title, grid=grid, drawn=drawn
    )  # fmt: skip
