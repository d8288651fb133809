"""The outcomes as a table for docs/dialects.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path

from docs.reference.markdown import code, table
from tests.clients.matrix import LIBRARY_NAMES, Cell, Outcome
from tests.clients.scene import SCENARIOS
from tests.clients.vendors import VENDORS

PAGE = Path(__file__).parent.parent.parent / "docs" / "dialects.md"
BEGIN = "<!-- Measured by `python -m tests.clients`; do not edit. -->"
END = "<!-- End of what is measured. -->"


def rendered(outcomes: Mapping[Cell, Outcome]) -> str:
    """The table, with the marks that stand around it in the page."""
    rows = []
    for library, vendor in product(LIBRARY_NAMES, VENDORS):
        cells = [_shown(outcomes[Cell(library, vendor, scenario)]) for scenario in SCENARIOS]
        rows.append([library, vendor, *cells])
    return f"{BEGIN}\n\n{table(['client', 'provider', *SCENARIOS], rows)}\n\n{END}"


def in_page() -> str:
    """The table as the page has it."""
    return BEGIN + PAGE.read_text().partition(BEGIN)[2].partition(END)[0] + END


def write(outcomes: Mapping[Cell, Outcome]) -> None:
    """Puts the table into the page."""
    PAGE.write_text(PAGE.read_text().replace(in_page(), rendered(outcomes)))


def _shown(outcome: Outcome) -> str:
    if outcome.fault is not None:
        return "fails"
    if outcome.dropped is None:
        return "native"
    if not outcome.dropped:
        return "whole"
    shapes = dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.|$)", "*", field) for field in outcome.dropped)
    return "without " + ", ".join(code(shape) for shape in shapes)
