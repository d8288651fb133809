"""What a dialect contributes to translation: an interpreter between its words and the core's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from llmrouter.core.chat.deltas import Delta, Reply
from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import ChatPrompt, Tool
from llmrouter.core.configuration import Quirk
from llmrouter.core.records import Record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.framing import Frame, Framing
from llmrouter.dialects.refrain import Refrain
from llmrouter.dialects.tool_adapter import ToolRules
from llmrouter.dialects.wire import UNKNOWN_TARGET, TargetFacts


class WriteTarget(Record):
    """Whom a request is written for.

    ``origin`` is the endpoint's name: reasoning that it signed or encrypted goes back to it.
    """

    model: str
    origin: str
    quirks: Sequence[Quirk] = ()
    facts: TargetFacts = UNKNOWN_TARGET


class ReplyContext(Record):
    """What a reply needs to know of its request and its endpoint.

    ``model``, ``fallback_id`` and ``created_s`` stand in where the provider says none.
    ``seals`` is whether signatures are another vendor's to the client
    (`llmrouter.core.chat.sealing`).  ``request`` is what the client asked, for dialects whose
    replies repeat it.
    """

    origin: str
    model: str
    fallback_id: str
    created_s: int
    stream: bool
    include_usage: bool
    seals: bool = True
    request: ChatRequest | None = None


class ReplyDecoder(Protocol):
    """Reads one provider's reply, streamed or whole, as deltas.

    Deltas of tool calls may be interleaved, and calls be left open; `Finished` and
    `UsageReported` may come in any order and more than once (the last one counts).  Both methods
    raise `AttemptError` (error_body, bad_body) at an error or at what is no reply.
    """

    is_over: bool
    """The provider said that nothing follows: ``[DONE]``, ``message_stop``, ``done``."""
    dropped: list[str]
    """What this reply held that no delta can say: short words for the ledger."""

    def read_event(self, name: str | None, data: bytes) -> Iterable[Delta]:
        """One event of a stream.  Raises ``ValueError`` when its data can't be read."""

    def read_whole(self, document: Mapping[str, Any]) -> Iterable[Delta]:
        """A reply that came in one piece."""

    def refrain_of(self, frame: Frame) -> Refrain | None:
        """What an event that says one text has in common with those that say another; None where
        they have nothing, or nobody has looked."""


class ReplyEncoder(Protocol):
    """Writes one reply in the client's dialect.  Deltas come in order, one part at a time."""

    content_type: str
    """Of a stream."""
    dropped: list[str]
    """What the client's dialect has no word for: short words for the ledger."""

    def write(self, delta: Delta) -> bytes:
        """The stream's bytes for one delta."""

    def finish(self) -> tuple[bytes, bytes]:
        """The stream's last content, and its terminator."""

    def whole(self, reply: Reply) -> Mapping[str, Any]:
        """The body of a reply that is not streamed."""


class Interpreter(Protocol):
    """What one dialect contributes to translation."""

    name: DialectName
    framing: Framing
    tool_rules: ToolRules
    field_names: Mapping[str, str]
    """The dialect's names for the settings of `ChatPrompt`, where they differ."""

    def read_request(self, document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
        """A validated request; what the core has no word for is a loss."""

    def read_tools(self, document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
        """The request's tools alone."""

    def write_request(
        self, prompt: ChatPrompt, target: WriteTarget, losses: Losses
    ) -> Mapping[str, Any]:
        """The body for the provider; streams ask for their usage."""

    def path(self, model: str, *, stream: bool) -> str:
        """Where it is sent, below the provider's base URL."""

    def headers(self) -> Mapping[str, str]:
        """Request headers that the dialect calls for, credentials aside."""

    def decoder(self, context: ReplyContext) -> ReplyDecoder:
        """For one reply of a provider."""

    def encoder(self, context: ReplyContext) -> ReplyEncoder:
        """For one reply to a client."""


def origin_name(dialect: DialectName, facts: TargetFacts) -> str:
    """The name of an endpoint, as `Reasoning.origin` and `seal` have it."""
    return f"{dialect}:{facts.provider or ''}"
