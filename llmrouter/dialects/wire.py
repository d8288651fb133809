"""What a dialect must be able to do: read a client's request, ask a provider, relay the reply.

A `Dialect` speaks one wire format.  A `Codec` joins the client's dialect with the provider's; when
both are the same, bytes pass through it untouched but for what routing must set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, TypeGuard, runtime_checkable

from msgspec import field

from llmrouter.core.capabilities import ModelFacts
from llmrouter.core.configuration import Quirk
from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.ledger import ResponseState
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.core.upstream import Method
from llmrouter.core.usage import Usage

CostOf = Callable[[Usage], int | None]
"""Prices a usage in nano-dollars; None when the price is not known."""


class OutgoingRequest(Record):
    """What is sent to a provider, credentials aside.

    ``path`` is joined to the provider's base URL.  ``losses`` names request fields that the
    provider's dialect cannot say (empty when nothing was lost); ``notes`` say why, and what was
    assumed in their place, in words for a person.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class TargetFacts(Record):
    """What a codec may know of the target it writes for, beyond its model's name.

    ``provider`` says whose signed or encrypted reasoning may be sent back there.  ``reasons`` is
    whether the model takes a reasoning effort at all.  ``None`` is not known.
    """

    provider: str | None = None
    max_output_tokens: int | None = None
    reasons: bool | None = None


UNKNOWN_TARGET = TargetFacts()

FORWARDED_HEADERS: Mapping[DialectName, frozenset[str]] = {
    "anthropic": frozenset({"anthropic-beta", "anthropic-version"}),
}
"""Which of a client's headers, in lower case, reach `ChatRequest.headers`, by its dialect."""


@dataclasses.dataclass(slots=True)
class Observed:
    """What a reader has seen of a reply so far.

    ``first_token`` turns true with the first semantic delta (text, reasoning, refusal, a tool
    call); comments, roles and empty deltas are none.  ``reported_cost_nusd`` is the provider's
    own figure.  ``notes`` are short words for the ledger: ``bad_event``, ``no_done``, ….
    """

    first_token: bool = False
    finish_reason: str | None = None
    response_model: str | None = None
    usage: Usage | None = None
    raw_usage: Mapping[str, Any] | None = None
    reported_cost_nusd: int | None = None
    service_tier: str | None = None
    """At which service the reply was made, as `llmrouter.dialects.service_tiers` calls it; None
    where the provider does not say."""
    output_characters: int = 0
    output_extra_bytes: int = 0
    """By how much the UTF-8 form of what was said is longer: it tells scripts apart."""
    done: bool = False
    """The provider's terminator was seen: nothing that may follow matters."""
    skipped_events: int = 0
    """Events that could not be read and were left out."""
    notes: list[str] = dataclasses.field(default_factory=list)

    def add_text(self, text: str) -> None:
        """Takes in a piece of what was said."""
        self.output_characters += len(text)
        if not text.isascii():
            self.output_extra_bytes += len(text.encode("utf-8", "surrogatepass")) - len(text)


class ReplyReader(Protocol):
    """Turns one provider's reply, as it arrives, into the client's bytes, and watches it.

    Feed it every chunk, then call `finish` once when the body ended cleanly.  A non-streamed
    reply comes out of `finish` whole.  Any split of the same bytes gives the same output.
    """

    observed: Observed
    content_type: str
    """Of the reply to the client."""

    def feed(self, data: bytes) -> bytes:
        """The bytes that the client may have now.

        Raises `AttemptError` (error_body, bad_body, too_large) when the reply turns out bad.
        """

    def finish(self) -> tuple[bytes, bytes]:
        """The last bytes of the content, and the terminator, which is sent only once the ledger
        has the request (for a non-streamed reply: nothing, and the whole body).

        Raises `AttemptError` (empty, truncated, bad_body) when the reply was not complete.
        """


class Codec(Protocol):
    """Carries requests of one client dialect to providers of one dialect, and replies back."""

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        """The request for this provider's ``model``; a stream always asks for its usage."""

    def reader(
        self,
        request: ChatRequest,
        *,
        content_type: str,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> ReplyReader:
        """A reader for a 2xx reply.  With ``cost_of``, ``usage.cost`` in USD is added where the
        provider sent none."""


class Dialect(Protocol):
    """One wire format, on either side of the router."""

    name: DialectName

    def parse(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        """The client's request.

        Raises `MalformedRequest` (no JSON, no object, too deep, NaN) or `InvalidRequest` with
        every wrong field.
        """

    def error_body(self, error: RouterError) -> bytes:
        """An error as the whole body of a reply."""

    def error_event(self, error: RouterError) -> bytes:
        """An error inside a stream that has begun; no success terminator follows."""

    def credentials(self, key: str) -> Mapping[str, str]:
        """The request headers that carry a provider's key."""

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        """A provider's reply with a status other than 2xx, as the facts of a failed attempt."""


class RequestAddress(Record):
    """Where a client sent its request.

    ``path`` is the URL's, percent-decoded, with whatever prefix it had; ``query`` holds each
    parameter's last value.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class AddressedDialect(Protocol):
    """A dialect whose requests say in their URL what others say in their body.

    Gemini names the model, the operation and the stream's form there, Ollama the operation.
    """

    def at(self, address: RequestAddress) -> Dialect:
        """The dialect as it is spoken at this address: use it for the whole exchange.

        Raises `NotFound` where it is not spoken.
        """


@runtime_checkable
class CountingDialect(Protocol):
    """A dialect in which clients ask how many tokens a request has."""

    def parse_count(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        """A request to count; raises as `Dialect.parse` does."""

    def encode_count(self, request: ChatRequest, model: str) -> OutgoingRequest:
        """The request that asks a provider of this dialect to count."""

    def read_count(self, body: bytes) -> int | None:
        """The provider's count; None when its reply holds none."""

    def count_body(self, input_tokens: int) -> bytes:
        """The reply to the client."""


class FactsQuestion(Record):
    """What is sent to learn what models can do; ``model`` where it is about one alone."""

    method: Method
    path: str
    body: bytes = b""
    model: str | None = None


@runtime_checkable
class AcknowledgingDialect(Protocol):
    """A dialect with requests by which nothing is generated: Ollama's to load a model."""

    def acknowledge(self, body: bytes, created_s: int) -> bytes | None:
        """The whole reply to such a request; None for every other one."""


@runtime_checkable
class DescribingDialect(Protocol):
    """A dialect in which providers can be asked what their models can do."""

    def facts_questions(self, models: Sequence[str]) -> Sequence[FactsQuestion]:
        """What to ask, to learn about these models at least."""

    def read_facts(self, question: FactsQuestion, body: bytes) -> Mapping[str, ModelFacts]:
        """The answer, by models' ids.  Raises ``ValueError`` when it is none."""


@runtime_checkable
class ContinuingDialect(Protocol):
    """A dialect in which clients go on from a reply's id."""

    def continue_from(self, request: ChatRequest, chain: Sequence[ResponseState]) -> ChatRequest:
        """The request with everything that led to the reply that it goes on from, oldest first.

        Raises `NotFound` for an empty chain.
        """

    def keep(self, request: ChatRequest, last: bytes, *, provider: str) -> ResponseState | None:
        """What is to be kept of a reply, so that clients can go on from it; None for nothing.

        ``last`` is the end of what the client gets: a whole body, or a stream's terminator.
        """


def is_acknowledging(dialect: Dialect) -> TypeGuard[AcknowledgingDialect]:
    """Whether this dialect has requests by which nothing is generated."""
    return _follows(type(dialect), AcknowledgingDialect)


def is_continuing(dialect: Dialect) -> TypeGuard[ContinuingDialect]:
    """Whether clients of this dialect go on from a reply's id."""
    return _follows(type(dialect), ContinuingDialect)


@cache
def _follows(kind: type, protocol: type) -> bool:
    """Asked once of each class: Python takes as long to say as reading a body."""
    return issubclass(kind, protocol)
