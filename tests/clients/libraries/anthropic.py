"""`anthropic`: messages."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
from anthropic.types import Message

from llmrouter.core.routing import DialectName
from tests.clients.libraries.library import Wish
from tests.clients.scene import (
    MAX_TOKENS,
    PNG,
    QUESTION,
    RESULTS,
    SCHEMA,
    SYSTEM,
    TEMPERATURE,
    TOOL_NAME,
    TOOL_SCHEMA,
    TOOL_WORDS,
    Counted,
    Failure,
    Finish,
    Told,
)

FINISH: dict[Any, Finish] = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tools"}
TOOL = {"name": TOOL_NAME, "description": TOOL_WORDS, "input_schema": TOOL_SCHEMA}


class Anthropic:
    """The library as its README uses it: content goes back as it came."""

    name = "anthropic"
    dialect: DialectName = "anthropic"
    hears = frozenset({"cached"})
    unknown_tokens = 0
    keeps_signatures = True

    def __init__(self, root: str) -> None:
        self._client = anthropic.AsyncAnthropic(api_key="x", base_url=root, max_retries=0)

    async def ask(self, model: str, wish: Wish) -> list[Told]:
        content: list[Any] = [{"type": "text", "text": QUESTION}]
        if wish.image:
            data = base64.b64encode(PNG).decode()
            source = {"type": "base64", "media_type": "image/png", "data": data}
            content.append({"type": "image", "source": source})
        messages: list[Any] = [{"role": "user", "content": content}]
        members: dict[str, Any] = {
            "model": model,
            "system": SYSTEM,
            "max_tokens": MAX_TOKENS,
            # The newest models refuse it, so that the library no longer has a name for it.
            "extra_body": {"temperature": TEMPERATURE},
        }
        if wish.tools:
            members["tools"] = [TOOL]
        if wish.schema:
            members["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        answers = []
        while True:
            message = await self._message(members, messages, stream=wish.stream)
            answers.append(_told(message))
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return answers
            messages.append({"role": "assistant", "content": message.content})
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": result}
                for call, result in zip(calls, RESULTS, strict=True)
            ]
            messages.append({"role": "user", "content": results})

    async def _message(
        self, members: dict[str, Any], messages: list[Any], *, stream: bool
    ) -> Message:
        if not stream:
            return await self._client.messages.create(messages=messages, **members)
        async with self._client.messages.stream(messages=messages, **members) as streamed:
            return await streamed.get_final_message()

    async def fail(self, model: str) -> Failure:
        try:
            await self.ask(model, Wish())
        except anthropic.APIStatusError as error:
            return Failure(
                isinstance(error, anthropic.BadRequestError),
                isinstance(error, anthropic.RateLimitError),
                error.message,
            )
        raise AssertionError("no error")

    async def aclose(self) -> None:
        await self._client.close()


def _told(message: Message) -> Told:
    blocks, usage = message.content, message.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    return Told(
        "".join(block.text for block in blocks if block.type == "text"),
        FINISH[message.stop_reason],
        Counted(usage.input_tokens + cached + written, cached, usage.output_tokens, None),
        "".join(block.thinking for block in blocks if block.type == "thinking"),
        tuple((block.name, dict(block.input)) for block in blocks if block.type == "tool_use"),
    )
