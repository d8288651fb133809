"""What all charts have around them: title, description, legend, axes, and the table beneath."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.pages.markup import NOTHING, element, joined
from llmrouter.pages.shown import Show

WIDTH: Final = 760.0
"""Of a drawing, in its own units; on a page it is as wide as the page lets it."""

LEFT: Final = 70.0
RIGHT: Final = 30.0
TOP: Final = 12.0


def figure(
    title: str,
    drawing: Markup,
    beneath: Markup,
    *,
    described: str,
    note: str = "",
    legend: Sequence[str] = (),
) -> Markup:
    """A chart with everything that it is read by; ``described`` says in words what it shows."""
    return element(
        "figure",
        element("figcaption", title),
        *([element("p", note, class_="note")] if note else []),
        _legend(legend) if len(legend) > 1 else NOTHING,
        drawing,
        element("details", element("summary", "The figures"), beneath),
        role="group",
        aria_label=f"{title}. {described}",
    )


def drawing(height: float, *marks: str, described: str) -> Markup:
    """An SVG drawing of `WIDTH` by ``height``."""
    return element(
        "svg",
        *marks,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        aria_label=described,
        preserveAspectRatio="xMidYMid meet",
    )


def label(
    text: str, x: float, y: float, *, anchor: str = "start", kind: str | None = None
) -> Markup:
    """A word in a drawing."""
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> Markup:
    """A straight line of a kind that the style knows."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def value_axis(marks: Sequence[float], top: float, bottom: float, show: Show) -> Markup:
    """Horizontal lines across the drawing, each with its value."""
    highest = marks[-1] or 1.0
    lines = []
    for mark in marks:
        y = bottom - (bottom - top) * mark / highest
        lines += [
            line(LEFT, y, WIDTH - RIGHT, y, "axis" if mark == 0 else "grid"),
            label(show(mark), LEFT - 8, y + 4, anchor="end", kind="mark"),
        ]
    return joined(lines)


def shortened(text: str, most: int) -> str:
    """The text, its middle left out when it is longer; models differ at both ends."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[-(most - 1 - head) :]}"


def _legend(names: Sequence[str]) -> Markup:
    entries = (
        element("li", element("span", class_=f"swatch s{place}"), name)
        for place, name in enumerate(names)
    )
    return element("ul", *entries, class_="legend")
