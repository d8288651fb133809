"""How numbers are written for people; ``None`` is unknown, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Show = Callable[[float], str]
"""Writes a known number."""

UNKNOWN: Final = "unknown"


def shown(value: float | None, show: Show) -> str:
    """The number as ``show`` writes it, or that it is not known."""
    return UNKNOWN if value is None else show(value)


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}"


def usd(value: float) -> str:
    """Dollars: cents for what is above a dollar, enough digits to tell small amounts apart."""
    if value == 0:
        return "$0"
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 1:
        return f"{sign}${size:,.2f}"
    return (
        f"{sign}${size:.4f}"
        if size >= 0.01
        else f"{sign}${size:.3g}"
        if size >= 0.0001
        else (f"{sign}${size:.9f}".rstrip("0"))
    )


def ms(value: float) -> str:
    """A duration given in milliseconds, in the unit that reads best."""
    if value < 10:
        return f"{value:.3g} ms"
    if value < 1_000:
        return f"{value:.0f} ms"
    return f"{value / 1_000:.3g} s" if value < 60_000 else f"{value / 60_000:.3g} min"


def percent(share: float) -> str:
    """A share of 1 as a percentage."""
    return f"{100 * share:.1f} %"
