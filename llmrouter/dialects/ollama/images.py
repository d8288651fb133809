"""Pictures in Ollama's messages: bare base64, whose kind only its first bytes tell."""

from __future__ import annotations

from llmrouter.core.chat.parts import Inline

_TYPES = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk", "image/bmp"),
)
"""The base64 of the marks with which files of these types begin."""

_LIKELIEST = "image/jpeg"


def read_picture(data: str) -> Inline:
    """The bytes with their type; some clients send a whole ``data:`` address."""
    head, comma, rest = data.partition(",")
    if comma and head.startswith("data:"):
        return Inline(head.removeprefix("data:").partition(";")[0] or _LIKELIEST, rest)
    known = (media_type for mark, media_type in _TYPES if data.startswith(mark))
    return Inline(next(known, _LIKELIEST), data)
