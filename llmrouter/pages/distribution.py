"""How values are spread: a histogram, and the share that lies below each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.pages.bars import series_table
from llmrouter.pages.figure import LEFT, RIGHT, TOP, WIDTH, drawing, figure, label, line, value_axis
from llmrouter.pages.markup import element
from llmrouter.pages.scale import Logarithmic, round_marks, thinned
from llmrouter.pages.series import COLOURS, Series
from llmrouter.pages.shown import Show, count, percent
from llmrouter.pages.table import table

_HEIGHT: Final = 220.0
_BENEATH: Final = 28.0
_SHARES: Final = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


def histogram(
    title: str,
    upper_edges: Sequence[float],
    counts: Sequence[int],
    *,
    show: Show,
    note: str = "",
    heading: str = "up to",
) -> Markup:
    """How many lie in each bucket.  A bucket is named for its upper edge; empty ones at either end
    are left out."""
    first, after = _span([counts])
    edges, found = upper_edges[first:after], counts[first:after]
    marks = round_marks(float(max(found, default=0)))
    bottom, step = TOP + _HEIGHT, (WIDTH - LEFT - RIGHT) / max(1, len(edges))
    names = [show(edge) for edge in edges]
    drawn = [value_axis(marks, TOP, bottom, count)]
    for n, (name, size) in enumerate(zip(names, found, strict=True)):
        height = _HEIGHT * size / marks[-1]
        drawn.append(
            element(
                "rect",
                element("title", f"up to {name}: {size:,}"),
                x=LEFT + n * step + 0.5,
                y=bottom - height,
                width=step - 1,
                height=height,
                class_="s0",
            )
        )
    drawn += [
        label(names[n], LEFT + (n + 1) * step, bottom + 18, anchor="middle", kind="mark")
        for n in sorted(thinned(names, WIDTH - LEFT - RIGHT))
    ]
    described = f"Histogram of {sum(found):,} values in {len(edges)} buckets"
    return figure(
        title,
        drawing(bottom + _BENEATH, *drawn, described=described),
        table((heading, "how many"), [(n, count(c)) for n, c in zip(names, found, strict=True)]),
        described=described,
        note=note,
    )


def cumulative(
    title: str,
    upper_edges: Sequence[float],
    counts: Sequence[tuple[str, Sequence[int]]],
    *,
    show: Show,
    note: str = "",
    heading: str = "up to",
) -> Markup:
    """For each named histogram, the share of its values that lies below each edge.

    The edges stand on a logarithmic axis and are above 0.  The first eight are drawn.
    """
    counts = [(name, found) for name, found in counts if sum(found)]
    first, after = _span([found for _, found in counts])
    edges = upper_edges[first:after]
    shares = [Series(name, _shares(found)[first:after]) for name, found in counts]
    low = upper_edges[max(0, first - 1)] if first else edges[0] / 2 if edges else 1.0
    across = Logarithmic(low, edges[-1] if edges else 2.0, LEFT, WIDTH - RIGHT)
    bottom = TOP + _HEIGHT
    drawn = [_share_axis(bottom)]
    names = [show(edge) for edge in edges]
    drawn += [
        label(names[n], across.place(edges[n]), bottom + 18, anchor="middle", kind="mark")
        for n in sorted(thinned(names, WIDTH - LEFT - RIGHT))
    ]
    for place, one in enumerate(shares[:COLOURS]):
        corners = [(LEFT, bottom)] + [
            (across.place(edge), bottom - _HEIGHT * (share or 0.0))
            for edge, share in zip(edges, one.values, strict=True)
        ]
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
        drawn.append(
            element("polyline", element("title", one.name), points=path, class_=f"line l{place}")
        )
    described = f"Cumulative shares of {len(shares)} distributions"
    return figure(
        title,
        drawing(bottom + _BENEATH, *drawn, described=described),
        series_table(heading, names, shares, percent),
        described=described,
        note=note,
        legend=[one.name for one in shares[:COLOURS]],
    )


def _share_axis(bottom: float) -> Markup:
    marks = []
    for share in _SHARES:
        y = bottom - _HEIGHT * share
        marks += [
            line(LEFT, y, WIDTH - RIGHT, y, "axis" if share == 0 else "grid"),
            label(f"{share:.0%}", LEFT - 8, y + 4, anchor="end", kind="mark"),
        ]
    return Markup().join(marks)


def _shares(counts: Sequence[int]) -> list[float]:
    total, below, shares = sum(counts), 0, []
    for size in counts:
        below += size
        shares.append(below / total)
    return shares


def _span(histograms: Sequence[Sequence[int]]) -> tuple[int, int]:
    """From the first bucket in which something lies to behind the last."""
    filled = [n for counts in histograms for n, size in enumerate(counts) if size]
    return (min(filled), max(filled) + 1) if filled else (0, 0)
