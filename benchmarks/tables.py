"""Tables of results, and their places in a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

Row = tuple[str, ...]


def table(rows: Sequence[Row]) -> str:
    """Markdown; the first row is the head, short rows are filled up."""
    width = max(map(len, rows))
    full = [(*row, *("" for _ in range(width - len(row)))) for row in rows]
    ruled = [full[0], ("---",) * width, *full[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled)


def write(file: Path, place: str, text: str) -> None:
    """Puts a text between the two marks of its place.  Raises ``LookupError`` without them."""
    marks = re.compile(rf"(<!-- {place} -->\n).*?(<!-- /{place} -->)", re.DOTALL)
    document, found = marks.subn(lambda m: f"{m[1]}{text}\n{m[2]}", file.read_text("utf-8"))
    if not found:
        raise LookupError(f"{file} has no place for {place!r}: <!-- {place} --> and its end")
    file.write_text(document, "utf-8")
