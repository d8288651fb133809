"""`openai`: chat.completions."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai

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

FINISH: dict[str, Finish] = {"stop": "stop", "length": "length", "tool_calls": "tools"}
TOOL = {
    "type": "function",
    "function": {"name": TOOL_NAME, "description": TOOL_WORDS, "parameters": TOOL_SCHEMA},
}


class OpenAIChat:
    """The library as its README uses it."""

    name = "openai chat"
    dialect: DialectName = "openai"
    hears = frozenset({"cached", "reasoning"})
    unknown_tokens: int | None = None
    keeps_signatures = True

    def __init__(self, root: str) -> None:
        self._client = openai.AsyncOpenAI(api_key="x", base_url=f"{root}/v1", max_retries=0)

    async def ask(self, model: str, wish: Wish) -> list[Told]:
        picture = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        content: Any = QUESTION
        if wish.image:
            image = {"type": "image_url", "image_url": {"url": picture}}
            content = [{"type": "text", "text": QUESTION}, image]
        messages: list[Any] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": content},
        ]
        members: dict[str, Any] = {
            "model": model,
            "max_completion_tokens": MAX_TOKENS,
            "temperature": TEMPERATURE,
        }
        if wish.tools:
            members["tools"] = [TOOL]
        if wish.schema:
            schema = {"name": "lamps", "schema": SCHEMA, "strict": True}
            members["response_format"] = {"type": "json_schema", "json_schema": schema}
        answers = []
        while True:
            message, told = await self._turn(members, messages, stream=wish.stream)
            answers.append(told)
            if not told.calls:
                return answers
            messages.append(message)
            messages += [
                {"role": "tool", "tool_call_id": call["id"], "content": result}
                for call, result in zip(message["tool_calls"], RESULTS, strict=True)
            ]

    async def _turn(
        self, members: dict[str, Any], messages: list[Any], *, stream: bool
    ) -> tuple[dict[str, Any], Told]:
        if stream:
            return await self._streamed(members, messages)
        reply = await self._client.chat.completions.create(messages=messages, **members)
        choice = reply.choices[0]
        message = choice.message.to_dict()
        return message, _told(message, choice.finish_reason, reply.usage)

    async def _streamed(
        self, members: dict[str, Any], messages: list[Any]
    ) -> tuple[dict[str, Any], Told]:
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        finish, usage = "", None
        async for chunk in await self._client.chat.completions.create(
            messages=messages, stream=True, stream_options={"include_usage": True}, **members
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                _add(message, choice.delta.to_dict())
                finish = choice.finish_reason or finish
        return message, _told(message, finish, usage)

    async def fail(self, model: str) -> Failure:
        try:
            await self.ask(model, Wish())
        except openai.APIStatusError as error:
            return Failure(
                isinstance(error, openai.BadRequestError),
                isinstance(error, openai.RateLimitError),
                error.message,
            )
        raise AssertionError("no error")

    async def aclose(self) -> None:
        await self._client.close()


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Puts a stream's delta to what came before, as agents do."""
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    message.setdefault("reasoning_details", []).extend(delta.get("reasoning_details") or ())
    for call in delta.get("tool_calls") or ():
        calls = message.setdefault("tool_calls", [])
        if call["index"] == len(calls):
            calls.append({**call, "function": {**call["function"], "arguments": ""}})
        assert call["index"] == len(calls) - 1
        calls[-1]["function"]["arguments"] += call["function"].get("arguments") or ""


def _told(message: dict[str, Any], finish: str, usage: Any) -> Told:
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
    details = usage.completion_tokens_details
    return Told(
        message.get("content") or "",
        FINISH[finish],
        Counted(
            usage.prompt_tokens,
            cached,
            usage.completion_tokens,
            details and details.reasoning_tokens,
        ),
        message.get("reasoning_content") or "",
        tuple((call["name"], json.loads(call["arguments"])) for call in calls),
    )
