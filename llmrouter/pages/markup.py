"""Elements of HTML and SVG; what is no `Markup` yet is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

NOTHING = Markup()


def element(tag: str, *content: str, **attributes: str | float | None) -> Markup:
    """One element.  ``class_`` is its class, ``text_anchor`` becomes ``text-anchor``; an attribute
    that is None is left out."""
    named = (
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{''.join(named)}>{joined(content)}</{tag}>")  # noqa: S704 - all is escaped


def joined(parts: Iterable[str]) -> Markup:
    """The parts one after another."""
    return NOTHING.join(parts)


def _value(value: str | float) -> str:
    """An attribute's value; coordinates need no more than two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(value)
