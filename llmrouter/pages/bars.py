"""Bars: how much of each, and of what parts."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from llmrouter.pages.figure import LEFT, RIGHT, TOP, WIDTH, drawing, figure, label, shortened
from llmrouter.pages.figure import value_axis as axis
from llmrouter.pages.markup import element
from llmrouter.pages.scale import round_marks, thinned
from llmrouter.pages.series import Series, largest
from llmrouter.pages.shown import Show, count, shown
from llmrouter.pages.table import table

_ROW = 26.0
_NAME = 230.0
_VALUE = 90.0
_COLUMNS_HEIGHT = 240.0
_BENEATH = 26.0


def bars(
    title: str,
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    show: Show = count,
    note: str = "",
    heading: str = "",
) -> Markup:
    """One horizontal bar per label, its value beside it.  ``heading`` says what the labels are."""
    highest = max((value for value in values if value is not None), default=0.0) or 1.0
    room = WIDTH - _NAME - _VALUE
    marks: list[Markup] = []
    for place, (name, value) in enumerate(zip(labels, values, strict=True)):
        y = TOP + place * _ROW
        width = max(0.0, room * (value or 0.0) / highest)
        marks += [
            label(shortened(name, 32), _NAME - 8, y + 15, anchor="end"),
            element(
                "rect",
                element("title", f"{name}: {shown(value, show)}"),
                x=_NAME,
                y=y + 3,
                width=width,
                height=_ROW - 8,
                rx=2.0,
                class_="s0",
            ),
            label(shown(value, show), _NAME + width + 6, y + 15, kind="mark"),
        ]
    described = f"Bar chart of {len(labels)} bars"
    return figure(
        title,
        drawing(2 * TOP + _ROW * max(1, len(labels)), *marks, described=described),
        table(
            (heading or "name", "value"),
            [(n, shown(v, show)) for n, v in zip(labels, values, strict=True)],
        ),
        described=described,
        note=note,
    )


def stacked_columns(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    show: Show = count,
    note: str = "",
    heading: str = "day",
) -> Markup:
    """One column per label, built of the series' values; the smallest series become one.

    Values below zero are not drawn: parts of a whole have none.
    """
    parts = largest(series)
    totals = [sum(one.values[n] or 0.0 for one in parts) for n in range(len(labels))]
    marks = round_marks(max(totals, default=0.0))
    bottom = TOP + _COLUMNS_HEIGHT
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    seen = thinned(labels, WIDTH - LEFT - RIGHT)
    drawn = [axis(marks, TOP, bottom, show)]
    for n, name in enumerate(labels):
        x, y = LEFT + n * step, bottom
        for place, one in enumerate(parts):
            height = _COLUMNS_HEIGHT * max(0.0, one.values[n] or 0.0) / marks[-1]
            if height <= 0:
                continue
            y -= height
            drawn.append(
                element(
                    "rect",
                    element("title", f"{name}, {one.name}: {shown(one.values[n], show)}"),
                    x=x + step * 0.1,
                    y=y,
                    width=min(step * 0.8, 48.0),
                    height=height,
                    class_=f"s{place}",
                )
            )
        if n in seen:
            drawn.append(
                label(name, x + step * 0.1 + min(step * 0.8, 48.0) / 2, bottom + 18,
                      anchor="middle", kind="mark")
            )  # fmt: skip
    described = f"Stacked columns of {len(series)} series over {len(labels)} labels"
    return figure(
        title,
        drawing(bottom + _BENEATH, *drawn, described=described),
        series_table(heading, labels, series, show),
        described=described,
        note=note,
        legend=[one.name for one in parts],
    )


def series_table(
    heading: str, labels: Sequence[str], series: Sequence[Series], show: Show
) -> Markup:
    """Every value of every series, a row per label."""
    rows = (
        (name, *(shown(one.values[n], show) for one in series)) for n, name in enumerate(labels)
    )
    return table((heading, *(one.name for one in series)), rows)
