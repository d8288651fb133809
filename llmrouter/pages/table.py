"""Tables in HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.pages.markup import element, joined
from llmrouter.pages.shown import UNKNOWN

_FIGURE: Final = re.compile(r"[-+]?\$?\d[\d,.]*(?:e[-+]?\d+)?(?: (?:ms|s|min|%))?")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str | None = None
) -> Markup:
    """Rows under their headings; the first column names the row, a column of figures is set
    right."""
    found = [list(row) for row in rows]
    numbers = [bool(found) and all(_is_figure(row[place]) for row in found)
               for place in range(len(columns))]  # fmt: skip
    head = (
        element("th", name, scope="col", class_="figure" if right else None)
        for name, right in zip(columns, numbers, strict=True)
    )
    body = (
        element("tr", *(_cell(place, text, numbers[place]) for place, text in enumerate(row)))
        for row in found
    )
    return element(
        "div",
        element(
            "table",
            *([element("caption", caption)] if caption else []),
            element("thead", element("tr", *head)),
            element("tbody", joined(body)),
        ),
        class_="scrolls",
        tabindex="0",
    )


def _cell(place: int, text: str, right: bool) -> Markup:
    kind = "figure" if right else None
    return (
        element("th", text, scope="row", class_=kind)
        if place == 0
        else element("td", text, class_=kind)
    )


def _is_figure(text: str) -> bool:
    """Whether the text is a number with a unit at most, or that it is not known."""
    return text in ("", "-", UNKNOWN) or _FIGURE.fullmatch(text) is not None
