"""Anthropic's Messages API as a dialect: `llmrouter.dialects.wire.Dialect`."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.anthropic import errors
from llmrouter.dialects.anthropic.native import COUNT_PATH, encode
from llmrouter.dialects.anthropic.parse import parse
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.wire import OutgoingRequest


class AnthropicDialect:
    """Speaks with Anthropic's clients and providers."""

    name: DialectName = "anthropic"

    def parse(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        return parse(body, max_depth=max_depth, max_messages=max_messages)

    def parse_count(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        """A request to count tokens; raises as `parse` does."""
        return parse(body, max_depth=max_depth, max_messages=max_messages, needs_max_tokens=False)

    def encode_count(self, request: ChatRequest, model: str) -> OutgoingRequest:
        """The request that asks an Anthropic provider to count."""
        return encode(request, model, COUNT_PATH)

    def read_count(self, body: bytes) -> int | None:
        """The provider's count; None when its reply holds none."""
        try:
            count = read_object(body).get("input_tokens")
        except ValueError:
            return None
        return count if isinstance(count, int) and not isinstance(count, bool) else None

    def count_body(self, input_tokens: int) -> bytes:
        """The reply to a client that asked to count."""
        return write_document({"input_tokens": input_tokens})

    def error_body(self, error: RouterError, request_id: str | None = None) -> bytes:
        return errors.error_body(error, request_id)

    def error_event(self, error: RouterError, request_id: str | None = None) -> bytes:
        return errors.error_event(error, request_id)

    def credentials(self, key: str) -> Mapping[str, str]:
        return {"x-api-key": key}

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        return errors.read_error(status, headers, body)
