"""A whole page, and its parts that are no charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from llmrouter.pages.markup import NOTHING, element
from llmrouter.pages.style import stylesheet

# A browser holds the page to its promise: whatever a ledger's words contain, nothing is loaded.
_HEAD: Final = Markup(
    '<meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'none'; style-src 'unsafe-inline'">"""
)


def page(title: str, *parts: str, subtitle: str = "", language: str = "en") -> str:
    """A complete HTML document."""
    style = Markup(stylesheet())  # noqa: S704 - a constant of our own
    head = element("head", _HEAD, element("title", title), element("style", style))
    header = element(
        "header",
        element("h1", title),
        element("p", subtitle, class_="subtitle") if subtitle else NOTHING,
    )
    body = element("body", header, element("main", *parts))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang=language)}\n"


def section(heading: str, *parts: str) -> Markup:
    """Parts under a heading."""
    return element("section", element("h2", heading), *parts)


def paragraph(text: str) -> Markup:
    """Running text."""
    return element("p", text)


def tiles(figures: Mapping[str, str]) -> Markup:
    """Key figures by their names, beside each other."""
    entries = (
        element("div", element("dt", name), element("dd", value)) for name, value in figures.items()
    )
    return element("dl", *entries, class_="tiles")
