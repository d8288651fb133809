"""What Ollama contributes to translation (`llmrouter.dialects.interpreter`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import ChatPrompt, Tool
from llmrouter.core.routing import DialectName
from llmrouter.dialects.framing import Framing
from llmrouter.dialects.interpreter import ReplyContext, WriteTarget
from llmrouter.dialects.ollama import request_from_core, request_to_core
from llmrouter.dialects.ollama.address import CHAT_PATH
from llmrouter.dialects.ollama.reply_decoder import ReplyDecoder
from llmrouter.dialects.ollama.reply_encoder import ReplyEncoder
from llmrouter.dialects.tool_adapter import ToolRules


class OllamaInterpreter:
    """Requests and replies of Ollama's API, in the core's words and back."""

    name: DialectName = "ollama"
    framing: Framing = "ndjson"
    # A local model is told a tool's name as text, so any will do.
    tool_rules = ToolRules(name_characters="a-zA-Z0-9_.:/-", name_length=128)
    field_names: Mapping[str, str] = request_to_core.FIELD_NAMES

    def read_request(self, document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
        return request_to_core.read_request(document, losses)

    def read_tools(self, document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
        return request_to_core.read_tools(document, losses)

    def write_request(
        self, prompt: ChatPrompt, target: WriteTarget, losses: Losses
    ) -> Mapping[str, Any]:
        return request_from_core.write_request(prompt, target, losses)

    def path(self, model: str, *, stream: bool) -> str:
        return CHAT_PATH

    def headers(self) -> Mapping[str, str]:
        return {}

    def decoder(self, context: ReplyContext) -> ReplyDecoder:
        return ReplyDecoder(context.origin, context.fallback_id)

    def encoder(self, context: ReplyContext) -> ReplyEncoder:
        form = context.request.form if context.request is not None else None
        return ReplyEncoder(context, "generate" if form == "generate" else "chat")
