"""What a reply in one piece had said when it broke off.

The provider made it and bills it, so its tokens are estimated.  JSON that ends early is read as far
as it goes; all dialects put what a model says under a few names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import from_json

from llmrouter.dialects.wire import Observed

KEPT_BYTES: Final = 2**20
"""Of a longer body the beginning is counted."""

_REPLIES: Final = ("candidates", "choices", "content", "message", "output")
"""Where a reply holds what was said; around it stand ids, echoes of the request, usage."""

_WORDS: Final = frozenset(
    (
        "arguments",
        "content",
        "name",
        "reasoning",
        "reasoning_content",
        "refusal",
        "text",
        "thinking",
    )
)
_ARGUMENTS: Final = frozenset(("args", "input"))
"""Of a tool call, as a document."""


class BrokenBody:
    """Keeps what arrives, in case that it breaks off."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def keep(self, data: bytes) -> None:
        """Takes the next bytes."""
        if self._size < KEPT_BYTES:
            self._parts.append(data)
            self._size += len(data)

    def tell(self, observed: Observed) -> None:
        """Adds what was said to what was seen; nothing, where nothing can be read."""
        try:
            document = from_json(b"".join(self._parts), allow_partial="trailing-strings")
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        for member in _REPLIES:
            for text in _said(document.get(member)):
                observed.add_text(text)
                observed.first_token = True


def _said(value: Any) -> Iterator[str]:
    """The texts in a document under the names that models speak by."""
    match value:
        case list():
            for item in value:
                yield from _said(item)
        case dict():
            for name, member in value.items():
                if name in _ARGUMENTS:
                    yield str(member)
                elif isinstance(member, str):
                    if name in _WORDS and member:
                        yield member
                else:
                    yield from _said(member)
        case _:
            pass
