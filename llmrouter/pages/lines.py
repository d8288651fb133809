"""Lines: how something went over days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from llmrouter.pages.bars import series_table
from llmrouter.pages.figure import LEFT, RIGHT, TOP, WIDTH, drawing, figure, label, value_axis
from llmrouter.pages.markup import element
from llmrouter.pages.scale import round_marks, thinned
from llmrouter.pages.series import COLOURS, Series
from llmrouter.pages.shown import Show, count, shown

_HEIGHT = 240.0
_BENEATH = 26.0

Point = tuple[float, float]


def lines(
    title: str,
    days: Sequence[str],
    series: Sequence[Series],
    *,
    show: Show = count,
    note: str = "",
    heading: str = "day",
) -> Markup:
    """One line per series, broken where a value is unknown.

    The first eight series are drawn, since more cannot be told apart; the table has them all.
    """
    seen = series[:COLOURS]
    known = [value for one in seen for value in one.values if value is not None]
    marks = round_marks(max(known, default=0.0))
    bottom, step = TOP + _HEIGHT, (WIDTH - LEFT - RIGHT) / max(1, len(days))
    places = [LEFT + (n + 0.5) * step for n in range(len(days))]

    def height(value: float) -> float:
        return bottom - _HEIGHT * value / marks[-1]

    drawn = [value_axis(marks, TOP, bottom, show)]
    drawn += [
        label(days[n], places[n], bottom + 18, anchor="middle", kind="mark")
        for n in sorted(thinned(days, WIDTH - LEFT - RIGHT))
    ]
    for place, one in enumerate(seen):
        points = [
            None if value is None else (x, height(value))
            for x, value in zip(places, one.values, strict=True)
        ]
        drawn += [_path(run, place) for run in unbroken(points)]
        drawn += [
            element(
                "circle",
                element("title", f"{days[n]}, {one.name}: {shown(one.values[n], show)}"),
                cx=point[0],
                cy=point[1],
                r=3.0,
                class_=f"s{place}",
            )
            for n, point in enumerate(points)
            if point is not None
        ]
    described = f"Lines of {len(seen)} series over {len(days)} days"
    return figure(
        title,
        drawing(bottom + _BENEATH, *drawn, described=described),
        series_table(heading, days, series, show),
        described=described,
        note=note,
        legend=[one.name for one in seen],
    )


def unbroken(points: Sequence[Point | None]) -> Iterator[list[Point]]:
    """The stretches without a gap."""
    run: list[Point] = []
    for point in points:
        if point is not None:
            run.append(point)
            continue
        if run:
            yield run
        run = []
    if run:
        yield run


def _path(points: Sequence[Point], place: int) -> Markup:
    corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return element("polyline", points=corners, class_=f"line l{place}")
