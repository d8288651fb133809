"""What Ollama says of a model that it has (docs.ollama.com/api/show, 2026-11-21).

The context window is the model's own: how much of it a machine really uses is not told, and a
prompt that is longer fits in no case.
"""

from __future__ import annotations

from llmrouter.core.capabilities import ModelFacts
from llmrouter.dialects.fields import read_object

PATH = "/api/show"


def read_model_facts(body: bytes) -> ModelFacts:
    """The facts of one model.  Raises ``ValueError`` for what is no JSON object."""
    shown = read_object(body)
    info = shown.get("model_info")
    window = None
    if isinstance(info, dict):
        window = info.get(f"{info.get('general.architecture')}.context_length")
    context_tokens = window if isinstance(window, int) and window > 0 else None
    match shown.get("capabilities"):
        case [*can] if can:
            return ModelFacts(context_tokens, tools="tools" in can, vision="vision" in can)
        case _:
            return ModelFacts(context_tokens)
