"""The two addresses at which Ollama generates."""

from __future__ import annotations

from typing import Literal

Operation = Literal["chat", "generate"]

CHAT_PATH = "/api/chat"
GENERATE_PATH = "/api/generate"


def read_operation(path: str) -> Operation | None:
    """What is asked for at a path, whatever stands before it; None at any other one."""
    plain = path.rstrip("/")
    if plain.endswith(CHAT_PATH):
        return "chat"
    return "generate" if plain.endswith(GENERATE_PATH) else None
