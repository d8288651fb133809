"""What Gemini contributes to translation (`llmrouter.dialects.interpreter`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import ChatPrompt, Tool
from llmrouter.core.routing import DialectName
from llmrouter.dialects.framing import Framing
from llmrouter.dialects.gemini import request_from_core, request_to_core
from llmrouter.dialects.gemini.address import method_path
from llmrouter.dialects.gemini.reply_decoder import ReplyDecoder
from llmrouter.dialects.gemini.reply_encoder import ReplyEncoder
from llmrouter.dialects.interpreter import ReplyContext, WriteTarget
from llmrouter.dialects.tool_adapter import ToolRules


class GeminiInterpreter:
    """Requests and replies of generateContent, in the core's words and back."""

    name: DialectName = "gemini"
    framing: Framing = "sse"
    tool_rules = ToolRules(name_characters="a-zA-Z0-9_.-", name_length=64)
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
        return method_path(model, "streamGenerateContent" if stream else "generateContent")

    def headers(self) -> Mapping[str, str]:
        return {}

    def decoder(self, context: ReplyContext) -> ReplyDecoder:
        return ReplyDecoder(context.origin, context.fallback_id)

    def encoder(self, context: ReplyContext) -> ReplyEncoder:
        form = context.request.form if context.request is not None else None
        return ReplyEncoder(context, "array" if form == "array" else "sse")
