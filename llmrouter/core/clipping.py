"""Cuts what a client may make as long as it likes, for records and messages that live longer."""

from __future__ import annotations

from typing import Final

MAX_CHARACTERS: Final = 256


def clipped(text: str) -> str:
    """The text, or its beginning with a mark that it went on."""
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
