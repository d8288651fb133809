"""What the pipeline needs from the outside; `llmrouter.bootstrap` fits the adapters to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from llmrouter.core.events import Event
from llmrouter.core.finished import FinishedRequest, TraceContext
from llmrouter.core.ledger import (
    BreakerRow,
    ConfigurationVersion,
    RequestRecord,
    ResponseState,
)
from llmrouter.core.prices import PriceCard
from llmrouter.core.upstream import Take, UpstreamCall, UpstreamReply
from llmrouter.policy.price_book import PriceBook


class Upstream(Protocol):
    """Carries one call to a provider."""

    async def send(self, call: UpstreamCall) -> UpstreamReply:
        """Opens the reply, which is the caller's to close.

        Raises `AttemptError` (connect, dns, tls, reset, timeout, bad_body) and never follows a
        redirect.
        """


class Ledger(Protocol):
    """Keeps what happened."""

    @property
    def healthy(self) -> bool:
        """Whether rows are being written at the moment."""

    def admit(self) -> None:
        """Raises `Overloaded` when the ledger can take no further request."""

    def open(self, request_id: int, events: Sequence[Event], first_seq: int = 0) -> None:
        """Queues what is known before a call upstream; returns at once.

        ``first_seq`` is the number of the request's events that were queued before.
        """

    async def close(self, record: RequestRecord) -> None:
        """Returns when the record is safe: committed, or in the spill file.

        May be cancelled by its caller without losing the record.
        """

    def note(self, events: Sequence[Event], breakers: Sequence[BreakerRow] = ()) -> None:
        """Queues events that belong to no request, and breakers that were moved by hand."""


class Telemetry(Protocol):
    """Tells others of requests, in their terms.  Neither method waits, or raises."""

    def begin(self, headers: Mapping[str, str]) -> TraceContext | None:
        """By what a request will be known, given what its client says of a trace; header names
        are in lower case.  None where nobody traces."""

    def request_over(self, finished: FinishedRequest) -> None:
        """Takes up a request whose record is safe."""


class ResponseStates(Protocol):
    """Where replies are kept that a client may go on from."""

    async def response_chain(self, response_id: str) -> Sequence[ResponseState]:
        """Everything that led to a reply, and the reply, oldest first; empty when it is not
        known, or no longer whole."""


class Keyring(Protocol):
    """Where providers' keys are found.  Nothing else ever holds one."""

    def key(self, variable: str) -> str | None:
        """The secret in an environment variable, or None when it is not set or empty."""

    def secrets(self) -> Collection[str]:
        """Every secret that must not appear anywhere, for redaction."""


class ClientGone(Exception):
    """The client closed the connection, or stopped reading for too long."""


class Client(Protocol):
    """The one who asked, at the other end of the connection."""

    started: bool
    """Whether the status and headers have been sent."""

    @property
    def pour(self) -> Take | None:
        """Sends a part of a body that has begun, at once; false where it was not sent, because the
        client is behind or gone.  None where every part has to be waited for."""

    async def body(self, limit_bytes: int) -> bytes:
        """The whole request body.

        Raises `BodyTooLarge`, `RequestTimeout`, or `ClientGone`.
        """

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Sends a whole reply; ``headers`` need not tell how long it is."""

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends the status and headers of a reply that goes on."""

    async def send(self, data: bytes) -> None:
        """Sends a part of the body; waits while the client reads slowly.

        Raises `ClientGone` when the client makes no progress.
        """

    async def end(self, data: bytes = b"") -> None:
        """Sends the last part and ends the reply."""


class Versions(Protocol):
    """Keeps the configuration's versions."""

    async def latest(self) -> ConfigurationVersion | None:
        """The newest version, None in an empty ledger."""

    async def get(self, number: int) -> ConfigurationVersion | None:
        """One version."""

    async def add(
        self,
        document: Mapping[str, Any],
        *,
        parent: int | None,
        author: str,
        note: str | None = None,
    ) -> ConfigurationVersion:
        """A new version on top of ``parent``.

        Raises `Conflict` when ``parent`` is no longer the newest.
        """

    async def last_imported(self, note: str) -> ConfigurationVersion | None:
        """The newest version by author ``file`` with this note."""

    async def list(
        self, *, before: int | None = None, limit: int = 100
    ) -> Sequence[ConfigurationVersion]:
        """Versions from the newest on, or from below ``before`` on."""


class Prices(Protocol):
    """Keeps what models charge."""

    async def book(self) -> PriceBook:
        """Every price card."""

    async def add(self, cards: Sequence[PriceCard]) -> PriceBook:
        """The book with some more cards; one that it has already is not added again."""

    async def configure(self, cards: Sequence[PriceCard]) -> PriceBook:
        """The book once these, from now on, are all that the configuration says of prices."""
