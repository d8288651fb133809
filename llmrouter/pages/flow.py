"""What went from where to where: a sankey diagram of two columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from llmrouter.core.records import Record
from llmrouter.pages.figure import TOP, WIDTH, drawing, figure, label, shortened
from llmrouter.pages.markup import element, joined
from llmrouter.pages.series import COLOURS
from llmrouter.pages.shown import Show, count
from llmrouter.pages.table import table

_NAME: Final = 200.0
_NODE: Final = 12.0
_GAP: Final = 10.0
_ROOM: Final = 260.0
_LEAST_ROW: Final = 18.0


class Link(Record):
    """How much went from one to the other."""

    source: str
    target: str
    value: float


@dataclass(slots=True)
class _Node:
    """A bar at one side; ``used`` is how much of it has a band already."""

    y: float
    height: float
    value: float
    used: float = 0.0

    def take(self, value: float) -> tuple[float, float]:
        """The next stretch of the bar, from top to bottom."""
        size = self.height * value / self.value
        self.used += size
        return self.y + self.used - size, self.y + self.used


def flow(
    title: str,
    links: Sequence[Link],
    *,
    before: str = "before",
    after: str = "after",
    show: Show = count,
    note: str = "",
) -> Markup:
    """Bands from the sources at the left to the targets at the right, as thick as their values.

    The same name may stand on both sides.  A band has its source's colour.
    """
    links = [link for link in links if link.value > 0]
    sources = _nodes((link.source, link.value) for link in links)
    targets = _nodes((link.target, link.value) for link in links)
    colours = {name: place % COLOURS for place, name in enumerate(sources)}
    order = {name: place for place, name in enumerate(targets)}
    links = sorted(links, key=lambda link: (colours[link.source], order[link.target]))
    bands = [
        _band(link, sources[link.source], targets[link.target], colours[link.source], show)
        for link in links
    ]
    height = max((n.y + n.height for n in (*sources.values(), *targets.values())), default=0) + TOP
    described = f"Flow of {len(links)} bands from {len(sources)} to {len(targets)}"
    return figure(
        title,
        drawing(
            height + 8,
            *bands,
            _side(sources, _NAME, show, left=True, colours=colours),
            _side(targets, WIDTH - _NAME - _NODE, show, left=False, colours=colours),
            described=described,
        ),
        table(
            (before, after, "how much"),
            [(link.source, link.target, show(link.value)) for link in links],
        ),
        described=described,
        note=note or f"Left: {before}. Right: {after}.",
    )


def _nodes(parts: Iterable[tuple[str, float]]) -> dict[str, _Node]:
    """The bars of one side, the largest first."""
    totals: dict[str, float] = {}
    for name, value in parts:
        totals[name] = totals.get(name, 0.0) + value
    total = sum(totals.values()) or 1.0
    nodes: dict[str, _Node] = {}
    y = TOP
    for name, value in sorted(totals.items(), key=lambda item: -item[1]):
        height = max(2.0, _ROOM * value / total)
        nodes[name] = _Node(y, height, value)
        y += max(height + _GAP, _LEAST_ROW)
    return nodes


def _band(link: Link, source: _Node, target: _Node, colour: int, show: Show) -> Markup:
    x1, x2 = _NAME + _NODE, WIDTH - _NAME - _NODE
    middle = (x1 + x2) / 2
    (a, b), (c, d) = source.take(link.value), target.take(link.value)
    outline = (
        f"M{x1:.1f},{a:.2f} C{middle:.1f},{a:.2f} {middle:.1f},{c:.2f} {x2:.1f},{c:.2f} "
        f"L{x2:.1f},{d:.2f} C{middle:.1f},{d:.2f} {middle:.1f},{b:.2f} {x1:.1f},{b:.2f} Z"
    )
    words = f"{link.source} → {link.target}: {show(link.value)}"
    return element("path", element("title", words), d=outline, class_=f"band s{colour}")


def _side(
    nodes: dict[str, _Node], x: float, show: Show, *, left: bool, colours: dict[str, int]
) -> Markup:
    marks = []
    for name, node in nodes.items():
        colour = f"s{colours[name]}" if name in colours else "other"
        words = f"{shortened(name, 22)} {show(node.value)}"
        at, anchor = (x - 6, "end") if left else (x + _NODE + 6, "start")
        marks += [
            element("rect", element("title", f"{name}: {show(node.value)}"), x=x, y=node.y,
                    width=_NODE, height=node.height, class_=colour),
            label(words, at, node.y + min(node.height, _LEAST_ROW) / 2 + 4, anchor=anchor),
        ]  # fmt: skip
    return joined(marks)
