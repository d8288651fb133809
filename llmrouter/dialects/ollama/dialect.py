"""Ollama's API as a dialect: `llmrouter.dialects.wire.Dialect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmrouter.core.capabilities import ModelFacts
from llmrouter.core.errors import AttemptError, NotFound, RouterError
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.documents import write_document
from llmrouter.dialects.ollama import errors, model_facts
from llmrouter.dialects.ollama.address import Operation, read_operation
from llmrouter.dialects.ollama.loading import load_reply
from llmrouter.dialects.ollama.parse import parse
from llmrouter.dialects.wire import FactsQuestion, RequestAddress


class OllamaDialect:
    """Speaks with Ollama's clients and providers; what a client wants stands in its URL."""

    name: DialectName = "ollama"

    def __init__(self, operation: Operation | None = None) -> None:
        self._operation = operation

    def at(self, address: RequestAddress) -> OllamaDialect:
        """The dialect as it is spoken at an address.  Raises `NotFound` where it is not."""
        operation = read_operation(address.path)
        if operation is None:
            raise NotFound(f"nothing is at {address.path}; use /api/chat or /api/generate")
        return OllamaDialect(operation)

    def parse(
        self, body: bytes, *, max_depth: int = 200, max_messages: int = 10_000
    ) -> ChatRequest:
        return parse(body, self._operation, max_depth=max_depth, max_messages=max_messages)

    def acknowledge(self, body: bytes, created_s: int) -> bytes | None:
        """What Ollama says when a model is only to be loaded or unloaded."""
        return None if self._operation is None else load_reply(body, self._operation, created_s)

    def error_body(self, error: RouterError) -> bytes:
        return errors.error_body(error)

    def error_event(self, error: RouterError) -> bytes:
        return errors.error_event(error)

    def credentials(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        return errors.read_error(status, headers, body)

    def facts_questions(self, models: Sequence[str]) -> Sequence[FactsQuestion]:
        return [
            FactsQuestion("POST", model_facts.PATH, write_document({"model": model}), model)
            for model in models
        ]

    def read_facts(self, question: FactsQuestion, body: bytes) -> Mapping[str, ModelFacts]:
        if question.model is None:
            return {}
        return {question.model: model_facts.read_model_facts(body)}
