"""What is known of a model beside its configuration."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.core.routing import Need

Provenance = Literal["configured", "provider", "evidence"]
"""Who says it: the configuration, which has the last word, the provider, or its refusals."""


class ModelFacts(Record):
    """What a provider says of a model of its own; None is not said."""

    context_tokens: int | None = None
    max_output_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    audio: bool | None = None
    json_schema: bool | None = None


class Learned(Record):
    """What was learned of a model while running: its provider's word, and the needs that it
    refused requests for."""

    said: ModelFacts = ModelFacts()
    refused: frozenset[Need] = field(default_factory=frozenset)


NOTHING_LEARNED = Learned()
