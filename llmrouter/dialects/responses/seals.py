"""What the slot ``encrypted_content`` of a reasoning item holds when it is of our making.

Other vendors sign thoughts, encrypt them, or sign tool calls; the Responses API has one slot for
all of it, so the kind is sealed in with the value.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from llmrouter.core.chat.sealing import seal, unseal

Kind = Literal["thought", "signature", "encrypted", "call"]
"""``thought``: text alone; ``call``: the signature of the tool call that follows."""

_KINDS: tuple[Kind, ...] = ("thought", "signature", "encrypted", "call")


class Seal(NamedTuple):
    """``origin`` is the endpoint that made the value, and alone takes it back."""

    origin: str
    kind: Kind
    value: str


def write_seal(made: Seal) -> str:
    """The text for the slot."""
    return seal(made.origin, f"{made.kind}:{made.value}")


def read_seal(text: str) -> Seal | None:
    """None when the text is a provider's own."""
    sealed = unseal(text)
    if sealed is None:
        return None
    origin, content = sealed
    for kind in _KINDS:
        if content.startswith(f"{kind}:"):
            return Seal(origin, kind, content.removeprefix(f"{kind}:"))
    return Seal(origin, "encrypted", content)
