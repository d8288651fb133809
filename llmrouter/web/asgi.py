"""The shapes that ASGI speaks in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
LINE = "llmrouter.line"
"""The scope's extension under which a server of ours tells more than ASGI does."""


class Line(Protocol):
    """What a lean connection knows of a request, without a task or a clock to find it out."""

    is_read: bool
    """The whole request has arrived."""

    @property
    def is_full(self) -> bool:
        """Whether `send` would wait for the client."""

    def on_gone(self, tell: Callable[[], None]) -> None:
        """Calls ``tell`` when the client leaves before its reply has ended."""


AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Frameworks type the three in ways of their own."""


def header_mapping(scope: Scope) -> dict[str, str]:
    """The request's headers, names in lower case; repeated ones are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
