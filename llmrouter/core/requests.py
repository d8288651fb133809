"""A client's request as the pipeline sees it, whichever dialect it came in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from llmrouter.core.records import Record, replace
from llmrouter.core.routing import DialectName, Need

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Turn(Record):
    """One message, reduced to what classification needs.

    ``text`` joins the message's text parts; ``has_media`` says that it carried an image, audio or
    a file; ``calls_tools`` that an assistant asked for tools in it.
    """

    role: Role
    text: str
    has_media: bool = False
    calls_tools: bool = False


class ChatRequest(Record):
    """A validated chat request.

    ``document`` is the parsed body, read-only by convention; ``body`` the bytes as they came.
    ``include_usage`` says that the client asked for the usage chunk of a stream.
    ``conversation_hint`` is a session named inside the body (``prompt_cache_key``, …).
    ``headers`` are the client's headers that a provider of its own dialect must see, names in
    lower case (`llmrouter.dialects.wire.FORWARDED_HEADERS`).
    ``previous_response_id`` is the reply that the client wants continued (Responses), and
    ``state_provider`` the provider that keeps it.  ``request_id`` is our own, where there is one.
    ``form`` is which of its dialect's shapes the
    reply takes, where the address decides it: ``array`` (Gemini), ``generate`` (Ollama).
    """

    dialect: DialectName
    body: bytes
    document: Mapping[str, Any]
    model: str | None
    stream: bool
    include_usage: bool
    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    max_output_tokens: int | None = None
    conversation_hint: str | None = None
    previous_response_id: str | None = None
    state_provider: str | None = None
    form: str | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    request_id: int | None = None

    def of_caller(self, headers: Mapping[str, str], request_id: int) -> ChatRequest:
        """The same request, with what its body does not say."""
        return replace(self, headers=headers, request_id=request_id)
