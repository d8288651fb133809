"""Requests that only load a model into memory, or out of it; a router has nothing to load.

docs/api.md of github.com/ollama/ollama, 2026-08-21 ("Load a model", "Unload a model").
"""

from __future__ import annotations

from llmrouter.dialects.documents import write_document
from llmrouter.dialects.fields import read_object
from llmrouter.dialects.ollama.address import Operation
from llmrouter.dialects.ollama.reply_encoder import write_time

_MOST_BYTES = 4_096
"""A longer body has something to say."""


def load_reply(body: bytes, operation: Operation, created_s: int) -> bytes | None:
    """What Ollama answers when there is nothing to generate; None where there is."""
    if len(body) > _MOST_BYTES:
        return None
    try:
        document = read_object(body)
    except ValueError:
        return None
    model = document.get("model")
    said = "messages" if operation == "chat" else "prompt"
    if not isinstance(model, str) or document.get(said) or document.get("images"):
        return None
    is_unload = document.get("keep_alive") in (0, "0", "0s")
    empty = (
        {"message": {"role": "assistant", "content": ""}}
        if operation == "chat"
        else {"response": ""}
    )
    return write_document(
        {
            "model": model,
            "created_at": write_time(created_s),
            **empty,
            "done": True,
            "done_reason": "unload" if is_unload else "load",
        }
    )
