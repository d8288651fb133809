"""``python -m tests.clients``: plays everything and writes the table into docs/dialects.md."""

from __future__ import annotations

import sys

from tests.clients import table
from tests.clients.matrix import measure


def main() -> int:
    outcomes = measure()
    failed = {cell: outcome.fault for cell, outcome in outcomes.items() if outcome.fault}
    for cell, fault in failed.items():
        sys.stderr.write(f"{' / '.join(cell)}: {fault!r}\n")
    if not failed:
        table.write(outcomes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
