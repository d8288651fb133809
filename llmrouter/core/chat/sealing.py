"""Signed or encrypted reasoning, kept in another vendor's slot until it comes home.

A client sends back what it was given, in the slot that its dialect has for such things.  What is
put there names the endpoint that made it, so that it is returned to that endpoint and to no other
(a provider answers a foreign signature with a 400).
"""

from __future__ import annotations

import base64
import binascii
import json

# Base64 through and through, because Gemini's clients decode the slot; 9 bytes are 12 whole
# characters, so that every sealed text begins alike.
_MARK = b"llmrouter"
_PREFIX = base64.b64encode(_MARK).decode()
_FROM_URL_SAFE = str.maketrans("-_", "+/")


def seal(origin: str, value: str) -> str:
    """``value`` with the name of the endpoint that made it, as base64."""
    document = json.dumps([origin, value], separators=(",", ":")).encode()
    return base64.b64encode(_MARK + document).decode()


def is_sealed(text: str) -> bool:
    """Whether ``text`` was made by `seal`."""
    return unseal(text) is not None


def unseal(text: str) -> tuple[str, str] | None:
    """The origin and the value; None when ``text`` is not of our making."""
    if not text.startswith(_PREFIX):
        return None
    padded = text.translate(_FROM_URL_SAFE) + "=" * (-len(text) % 4)
    try:
        document = json.loads(base64.b64decode(padded, validate=True)[len(_MARK) :])
    except (binascii.Error, ValueError):
        return None
    match document:
        case [str(origin), str(value)]:
            return origin, value
        case _:
            return None
