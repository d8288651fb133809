"""OpenAI's chat completions, and the many providers that speak them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmrouter.core.capabilities import ModelFacts
from llmrouter.core.configuration import Quirk
from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.openai import errors, model_facts
from llmrouter.dialects.openai.encode import encode
from llmrouter.dialects.openai.parse import parse
from llmrouter.dialects.openai.reader import Reply
from llmrouter.dialects.wire import (
    UNKNOWN_TARGET,
    CostOf,
    FactsQuestion,
    OutgoingRequest,
    TargetFacts,
)


class OpenAIDialect:
    """A `llmrouter.dialects.wire.Dialect`."""

    name: DialectName = "openai"
    parse = staticmethod(parse)

    def error_body(self, error: RouterError) -> bytes:
        return errors.error_body(error)

    def error_event(self, error: RouterError) -> bytes:
        return errors.error_event(error)

    def credentials(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> AttemptError:
        return errors.read_error(status, headers, body)

    def facts_questions(self, models: Sequence[str]) -> Sequence[FactsQuestion]:
        return [FactsQuestion("GET", model_facts.PATH)]

    def read_facts(self, question: FactsQuestion, body: bytes) -> Mapping[str, ModelFacts]:
        return model_facts.read_model_facts(body)


class OpenAICodec:
    """A `llmrouter.dialects.wire.Codec` from chat completions to chat completions."""

    def encode(
        self,
        request: ChatRequest,
        model: str,
        quirks: Sequence[Quirk] = (),
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> OutgoingRequest:
        return encode(request, model, quirks)

    def reader(
        self,
        request: ChatRequest,
        *,
        content_type: str,
        event_bytes: int,
        body_bytes: int,
        cost_of: CostOf | None,
        facts: TargetFacts = UNKNOWN_TARGET,
    ) -> Reply:
        return Reply(
            stream=request.stream,
            include_usage=request.include_usage,
            content_type=content_type,
            event_bytes=event_bytes,
            body_bytes=body_bytes,
            cost_of=cost_of,
        )
