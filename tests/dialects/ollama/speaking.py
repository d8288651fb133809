"""Requests of Ollama clients, and replies on their way from and to them."""

from __future__ import annotations

import json
from typing import Any

from llmrouter.core.clock import FakeClock
from llmrouter.core.requests import ChatRequest
from llmrouter.dialects.interpreter import Interpreter
from llmrouter.dialects.ollama.dialect import OllamaDialect
from llmrouter.dialects.ollama.interpreter import OllamaInterpreter
from llmrouter.dialects.ollama.native import NativeCodec
from llmrouter.dialects.translation import TranslatingCodec
from llmrouter.dialects.wire import RequestAddress
from tests.dialects.translating import NOW_S, OPENAI

OLLAMA: Interpreter = OllamaInterpreter()
NATIVE = NativeCodec()
CLOCK = FakeClock(NOW_S * 1_000_000)

FROM_OPENAI_CLIENT = TranslatingCodec(OPENAI, OLLAMA, CLOCK)
"""From chat clients to Ollama providers."""
TO_OPENAI_PROVIDER = TranslatingCodec(OLLAMA, OPENAI, CLOCK)
"""From Ollama clients to providers of chat completions."""


def ollama_request(path: str = "/api/chat", **members: Any) -> ChatRequest:
    """A request of an Ollama client, sound but for what is given."""
    members.setdefault("model", "smart")
    if path == "/api/chat":
        members.setdefault("messages", [{"role": "user", "content": "hi"}])
    else:
        members.setdefault("prompt", "hi")
    return OllamaDialect().at(RequestAddress(path)).parse(json.dumps(members).encode())


def line(**members: Any) -> bytes:
    return json.dumps(members).encode() + b"\n"
