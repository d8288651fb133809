"""Every library against every vendor: texts, tools, reasons, usage, errors; nothing lost, nothing
invented."""

from __future__ import annotations

import pytest

from tests.clients import table
from tests.clients.matrix import CELLS, Cell, Outcome, measure


@pytest.fixture(scope="module")
def outcomes() -> dict[Cell, Outcome]:
    """Every cell, played once."""
    return measure()


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_the_library_gets_what_the_vendor_said_and_the_vendor_what_was_asked(
    outcomes: dict[Cell, Outcome], cell: Cell
) -> None:
    fault = outcomes[cell].fault
    if fault is not None:
        raise fault


def test_the_page_says_what_was_measured(outcomes: dict[Cell, Outcome]) -> None:
    assert table.in_page() == table.rendered(outcomes), "run `python -m tests.clients`"
