"""What chat completions contribute to translation (`llmrouter.dialects.interpreter`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.prompt import ChatPrompt, Tool
from llmrouter.core.routing import DialectName
from llmrouter.dialects.framing import Framing
from llmrouter.dialects.interpreter import ReplyContext, WriteTarget
from llmrouter.dialects.openai import from_core, to_core
from llmrouter.dialects.openai.encode import PATH
from llmrouter.dialects.openai.reply_from_core import ReplyEncoder
from llmrouter.dialects.openai.reply_to_core import ReplyDecoder
from llmrouter.dialects.tool_adapter import ToolRules


class OpenAIInterpreter:
    """Requests and replies of chat completions, in the core's words and back."""

    name: DialectName = "openai"
    framing: Framing = "sse"
    tool_rules = ToolRules(name_length=64)
    field_names: Mapping[str, str] = to_core.FIELD_NAMES

    def read_request(self, document: Mapping[str, Any], losses: Losses) -> ChatPrompt:
        return to_core.read_request(document, losses)

    def read_tools(self, document: Mapping[str, Any], losses: Losses) -> tuple[Tool, ...]:
        return to_core.read_tools(document, losses)

    def write_request(
        self, prompt: ChatPrompt, target: WriteTarget, losses: Losses
    ) -> Mapping[str, Any]:
        return from_core.write_request(prompt, target, losses)

    def path(self, model: str, *, stream: bool) -> str:
        return PATH

    def headers(self) -> Mapping[str, str]:
        return {}

    def decoder(self, context: ReplyContext) -> ReplyDecoder:
        return ReplyDecoder(context.origin)

    def encoder(self, context: ReplyContext) -> ReplyEncoder:
        return ReplyEncoder(context)
