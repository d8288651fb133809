"""What a provider's list of models says each can do.

The fields are OpenRouter's (openrouter.ai/docs/api-reference/list-available-models, 2026-11-21);
OpenAI's own list has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.capabilities import ModelFacts
from llmrouter.dialects.fields import read_object

PATH = "/models"


def read_model_facts(body: bytes) -> Mapping[str, ModelFacts]:
    """Each model's facts by its id.  Raises ``ValueError`` for what is no JSON object."""
    listed = read_object(body).get("data")
    found: dict[str, ModelFacts] = {}
    for model in listed if isinstance(listed, list) else ():
        match model:
            case {"id": str(name)}:
                found[name] = _facts(model)
            case _:
                pass
    return found


def _facts(model: Mapping[str, Any]) -> ModelFacts:
    parameters = _words(model.get("supported_parameters"))
    architecture, provider = model.get("architecture"), model.get("top_provider")
    heard = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    spoken = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    inputs, outputs = _words(heard), _words(spoken) or frozenset()
    limit = provider.get("max_completion_tokens") if isinstance(provider, dict) else None
    return ModelFacts(
        context_tokens=_positive(model.get("context_length")),
        max_output_tokens=_positive(limit),
        tools=None if parameters is None else "tools" in parameters,
        vision=None if inputs is None else "image" in inputs,
        audio=None if inputs is None else "audio" in inputs | outputs,
        json_schema=None if parameters is None else "structured_outputs" in parameters,
    )


def _words(value: Any) -> frozenset[str] | None:
    """The words of a list; an empty one says nothing."""
    if not isinstance(value, list) or not value:
        return None
    return frozenset(word for word in value if isinstance(word, str))


def _positive(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and value > 0 else None
