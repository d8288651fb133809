"""What `doctor` finds: one statement each, and what to do about it."""

from __future__ import annotations

from typing import Any, Literal

from llmrouter.core.records import Record, as_mapping

Status = Literal["ok", "note", "warning", "failed", "held", "not held"]
"""``failed`` stops routing; ``held`` and ``not held`` are said of rules of safety."""


class Finding(Record):
    """One statement about one subject; ``remedy`` says what to do."""

    subject: str
    status: Status
    statement: str
    remedy: str | None = None

    def document(self) -> dict[str, Any]:
        """The finding as JSON."""
        return as_mapping(self)


def held(subject: str, statement: str) -> Finding:
    """A rule of safety that is held."""
    return Finding(subject, "held", statement)


def not_held(subject: str, statement: str, remedy: str) -> Finding:
    """A rule of safety that is not."""
    return Finding(subject, "not held", statement, remedy)
