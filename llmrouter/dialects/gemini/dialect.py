"""Gemini's API as a dialect: `llmrouter.dialects.wire.Dialect`."""

from __future__ import annotations

from collections.abc import Mapping

from llmrouter.core.errors import AttemptError, NotFound, RouterError
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.gemini import counting, errors
from llmrouter.dialects.gemini.address import GeminiAddress, read_address
from llmrouter.dialects.gemini.parse import parse
from llmrouter.dialects.wire import OutgoingRequest, RequestAddress


class GeminiDialect:
    """Speaks with Google's clients and providers.

    Clients name the model and the operation in the URL, so they are spoken to `at` an address.
    """

    name: DialectName = "gemini"

    def __init__(self, address: GeminiAddress | None = None) -> None:
        self._address = address

    def at(self, address: RequestAddress) -> GeminiDialect:
        """The dialect as it is spoken at an address.  Raises `NotFound` where it is not."""
        read = read_address(address)
        if read is None:
            raise NotFound(f"nothing is at {address.path}; use /v1beta/models/MODEL:METHOD")
        return GeminiDialect(read)

    def parse(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        return parse(body, self._address, max_depth=max_depth, max_messages=max_messages)

    def parse_count(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        """A request to count tokens; raises as `parse` does."""
        return counting.parse_count(
            body, self._address, max_depth=max_depth, max_messages=max_messages
        )

    def encode_count(self, request: ChatRequest, model: str) -> OutgoingRequest:
        """The request that asks a Gemini provider to count."""
        return counting.encode_count(request, model)

    def read_count(self, body: bytes) -> int | None:
        """The provider's count; None when its reply holds none."""
        return counting.read_count(body)

    def count_body(self, input_tokens: int) -> bytes:
        """The reply to a client that asked to count."""
        return counting.count_body(input_tokens)

    def error_body(self, error: RouterError) -> bytes:
        return errors.error_body(error)

    def error_event(self, error: RouterError) -> bytes:
        return errors.error_event(error, self._address.form if self._address else "sse")

    def credentials(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key}

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        return errors.read_error(status, headers, body)
