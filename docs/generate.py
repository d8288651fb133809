"""Writes the parts of the documents that come from the code: ``python -m docs.generate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from docs.pages import ROOT, Pages, part_names, with_parts
from docs.reference.configuration import key_reference
from docs.reference.environment import provider_variable_reference, setting_reference
from docs.reference.events import event_reference
from docs.reference.faults import failure_reference
from docs.reference.tables import table_reference, view_reference

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "configuration-keys": key_reference,
    "environment-variables": setting_reference,
    "provider-variables": provider_variable_reference,
    "events": event_reference,
    "failures": failure_reference,
    "views": view_reference,
    "tables": table_reference,
}
"""What can stand between ``<!-- generated: NAME -->`` and ``<!-- end -->``."""


def generated(text: str) -> str:
    """The text with its generated parts as the code has them now."""
    return with_parts(text, {name: PARTS[name]() for name in part_names(text)})


def main() -> None:
    """Writes what has changed, and says so."""
    pages = Pages(ROOT)
    for name in pages.documents():
        text = pages.read(name)
        wanted = generated(text)
        if wanted != text:
            (ROOT / name).write_text(wanted, "utf-8")
            sys.stdout.write(f"{name} written\n")


if __name__ == "__main__":
    main()
