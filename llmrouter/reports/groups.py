"""Adds sums up into the groups of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from llmrouter.store.queries.usage import Sums

Group = tuple[str | None, ...]
Amounts = Counter[str]


def by_group(sums: Iterable[Sums], width: int) -> dict[Group, Amounts]:
    """The sums by the first ``width`` of the values that they were grouped by."""
    groups: dict[Group, Amounts] = {}
    for one in sums:
        _add(groups.setdefault(one.by[:width], Counter()), one.amounts)
    return groups


def split_by(
    sums: Iterable[Sums], width: int, at: int | None = None
) -> dict[Group, dict[str, Amounts]]:
    """The sums by the first ``width`` of their values, then by the one at a place: the next one
    unless said otherwise."""
    place = width if at is None else at
    groups: dict[Group, dict[str, Amounts]] = {}
    for one in sums:
        parts = groups.setdefault(one.by[:width], {})
        _add(parts.setdefault(one.by[place] or "", Counter()), one.amounts)
    return groups


def all_of(groups: Iterable[Amounts]) -> Amounts:
    """Everything together."""
    total: Amounts = Counter()
    for amounts in groups:
        _add(total, amounts)
    return total


def known(amount: int, unknown: int, of: int) -> int | None:
    """A sum of what is known, or None when nothing is: a cost that nobody knows is not 0."""
    return None if of and unknown >= of else amount


def _add(amounts: Amounts, more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        amounts[name] += amount
