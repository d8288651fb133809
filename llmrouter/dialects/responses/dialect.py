"""OpenAI's Responses API as a dialect: a `Dialect` and a `ContinuingDialect`
(`llmrouter.dialects.wire`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.ledger import ResponseState
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.openai.errors import error_body, read_error
from llmrouter.dialects.responses import state
from llmrouter.dialects.responses.errors import error_event
from llmrouter.dialects.responses.parse import parse


class ResponsesDialect:
    """Speaks with clients and providers of the Responses API."""

    name: DialectName = "responses"

    def parse(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        return parse(body, max_depth=max_depth, max_messages=max_messages)

    def error_body(self, error: RouterError) -> bytes:
        return error_body(error)

    def error_event(self, error: RouterError) -> bytes:
        return error_event(error)

    def credentials(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        return read_error(status, headers, body)

    def continue_from(self, request: ChatRequest, chain: Sequence[ResponseState]) -> ChatRequest:
        return state.continue_from(request, chain)

    def keep(self, request: ChatRequest, last: bytes, *, provider: str) -> ResponseState | None:
        return state.keep(request, last, provider=provider)
