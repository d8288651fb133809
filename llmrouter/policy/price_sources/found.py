"""What a source says of prices, and what of it cannot be taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmrouter.core.records import Record
from llmrouter.policy.stated_prices import StatedPrice

Catalogue = Mapping[str, Iterable[str]]
"""Model ids by provider: those that a person uses, whatever the source calls them."""


class Skipped(Record):
    """A model whose price was not taken over, and why."""

    model: str
    reason: str


class Found(Record):
    """Everything that a source says."""

    prices: tuple[StatedPrice, ...]
    skipped: tuple[Skipped, ...] = ()


class SourceInvalid(Exception):
    """The source cannot be read; the message says which part of it, and what was expected."""
