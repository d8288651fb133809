"""What one call to a provider needs, and what comes back, whoever carries it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, Protocol

from llmrouter.core.records import Record

Method = Literal["GET", "POST"]

Take = Callable[[bytes], bool]
"""Takes some bytes, at once or not at all; false when it wants no more."""


class UpstreamCall(Record):
    """A call to a provider.  ``headers`` hold the credential and are never logged."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    connect_s: float
    headers_s: float
    ca_file: str | None = None
    max_body_bytes: int = 64 * 2**20
    method: Method = "POST"


class UpstreamReply(Protocol):
    """A provider's answer whose body is still arriving.

    Durations count from the start of the call; ``connect_us`` is None on a reused connection.
    """

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    connect_us: int | None
    headers_us: int
    reconnected: bool
    """The call was sent twice: the provider had closed the pooled connection (``conn_retry``)."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, content encoding undone within ``max_body_bytes``.

        Raises `AttemptError` (reset, truncated, bad_body, too_large); has no clock of its own.
        """

    is_over: bool
    """Nothing of the body is left."""

    def arrived(self) -> bytes | None:
        """What `chunks` would give without waiting, empty at the end; None where it would wait,
        or fail.  A whole body that came with its head needs no clock."""

    async def flow(self, take: Take) -> None:
        """Hands the body to ``take`` as it arrives, without waking the caller in between.

        Returns when ``take`` wants no more, and when something comes that only `chunks` can tell:
        an end, a failure.  Then, or at once where nothing can flow, `chunks` goes on with the
        rest.  Raises what ``take`` raises.
        """

    async def aclose(self) -> None:
        """Gives the connection back, or closes it when the body was not read to its end."""
