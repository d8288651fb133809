"""The tour's page: text for a terminal of 80 columns or more, without colours elsewhere."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Final, Literal

Write = Callable[[str], None]
Colour = Literal["bold", "dim", "red", "green", "yellow", "cyan"]

WIDEST: Final = 100
_CODES: Final[dict[Colour, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


class Page:
    """Prints lines as they come."""

    def __init__(self, write: Write, *, coloured: bool) -> None:
        self._write = write
        self._coloured = coloured
        self.width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)

    def line(self, text: str = "") -> None:
        """One line, as it is."""
        self._write(text + "\n")

    def title(self, text: str) -> None:
        """A heading."""
        self.line()
        self.line(self.paint(f"── {text} ".ljust(self.width, "─"), "bold"))

    def prose(self, text: str, indent: int = 0) -> None:
        """A paragraph."""
        margin = " " * indent
        self.line(textwrap.fill(text, self.width, initial_indent=margin, subsequent_indent=margin))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under their headings; a column of figures is set right."""
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        figures = [all(_is_figure(row[n]) for row in rows) for n in range(len(columns))]

        def set_row(cells: Sequence[str]) -> str:
            placed = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(cells, widths, figures, strict=True)
            )
            return ("  " + "  ".join(placed)).rstrip()

        self.line(self.paint(set_row(columns), "dim"))
        for row in rows:
            self.line(set_row(row))

    def paint(self, text: str, *colours: Colour) -> str:
        """The text in a colour, where there are colours."""
        if not self._coloured:
            return text
        return f"\x1b[{';'.join(_CODES[colour] for colour in colours)}m{text}\x1b[0m"


def _is_figure(cell: str) -> bool:
    return cell.lstrip("$").replace(".", "", 1).replace(",", "").isdigit()
