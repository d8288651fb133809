"""The shapes that ASGI speaks in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order they came in."""


class Line(Protocol):
    """A lean connection's own words for one request and its reply.

    What ASGI says in messages, for which an application needs coroutines, tasks and clocks, is
    asked and told here by plain calls, because nothing has to be waited for.  Where something has
    (a body that still arrives, a client that is behind), ASGI's messages say it.
    """

    method: str
    """``POST`` and the like."""

    path: str
    """As in ASGI: without the query, and without percent signs."""

    query_string: bytes
    """What follows the question mark."""

    headers: Mapping[str, str]
    """The request's headers, as `header_mapping` gives them."""

    is_read: bool
    """The whole request has arrived."""

    @property
    def is_free(self) -> bool:
        """Whether the client is there, and takes what it is sent."""

    def pour(self, data: bytes) -> bool:
        """Sends more of a body that has begun; false where it was not sent, because the client is
        behind or gone."""

    def on_gone(self, tell: Callable[[], None]) -> None:
        """Calls ``tell`` when the client leaves before its reply has ended."""

    def body(self) -> bytes:
        """What has arrived of the body and was not taken yet."""

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole reply, however free the line is; its length is told for it.

        Raises ``ValueError`` for headers that HTTP cannot carry.
        """

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Settles status and headers, whose names are in lower case; they go out with the first
        part of the body.

        Raises ``ValueError`` for headers that HTTP cannot carry.
        """

    def write(self, data: bytes, *, is_last: bool) -> None:
        """A part of the reply's body, however free the line is."""

    async def receive(self) -> Message:
        """ASGI's next message from the client."""

    async def send(self, message: Message) -> None:
        """ASGI's next message to the client."""


LineAnswer = Callable[[Line], Awaitable[None] | None]
"""How an application answers a line; None for a request that it wants to be told by ASGI."""

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Frameworks type the three in ways of their own."""


def header_mapping(headers: Headers) -> dict[str, str]:
    """The headers by name; repeated ones are joined by commas."""
    mapping = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    if len(mapping) == len(headers):
        return mapping
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
