"""Who carries calls: what `HttpUpstream` asks of our own connections and of httpx's alike."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, Protocol

from llmrouter import __version__
from llmrouter.core.upstream import Take, UpstreamCall
from llmrouter.upstream.progress import Progress

OWN_HEADERS: Final[Mapping[str, str]] = {
    # Compressed event streams come late and in lumps, and inflating costs more than the bytes.
    "accept-encoding": "identity",
    "user-agent": f"llmrouter/{__version__}",
}
"""Sent with each call that has no others of the same names."""


class CarriedReply(Protocol):
    """A reply whose head is there.  The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    is_complete: bool
    """All of the body has arrived."""

    async def take(self) -> bytes:
        """More of the body as it came; empty at its end.  Raises one of `CARRIER_ERRORS`."""

    def arrived(self) -> bytes | None:
        """What `take` would give without waiting; None where it would wait, or raise."""

    async def flow(self, take: Take, limit_bytes: int) -> int:
        """As `llmrouter.core.upstream.UpstreamReply.flow`, for so many bytes at most.  How many
        there were."""

    async def aclose(self) -> None:
        """Gives the connection back, or closes it when the reply was not taken to its end."""


class Carrier(Protocol):
    """Connections to any number of providers."""

    def carry(self, call: UpstreamCall, progress: Progress) -> Awaitable[CarriedReply]:
        """Sends the call, and waits for the reply's head within the time of ``progress``.

        Raises one of `llmrouter.upstream.faults.CARRIER_ERRORS`, and ``UnicodeEncodeError`` for
        headers that HTTP can't hold.
        """

    async def aclose(self) -> None:
        """Closes all connections."""
