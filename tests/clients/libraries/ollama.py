"""`ollama`: chat."""

from __future__ import annotations

from typing import Any

import ollama

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

FINISH: dict[Any, Finish] = {"stop": "stop", "length": "length"}
TOOL = {
    "type": "function",
    "function": {"name": TOOL_NAME, "description": TOOL_WORDS, "parameters": TOOL_SCHEMA},
}


class Ollama:
    """The library as its README uses it: messages go back as they came."""

    name = "ollama"
    dialect: DialectName = "ollama"
    hears = frozenset[str]()
    unknown_tokens = None
    keeps_signatures = False

    def __init__(self, root: str) -> None:
        self._client = ollama.AsyncClient(host=root)

    async def ask(self, model: str, wish: Wish) -> list[Told]:
        user: dict[str, Any] = {"role": "user", "content": QUESTION}
        if wish.image:
            user["images"] = [PNG]
        messages: list[Any] = [{"role": "system", "content": SYSTEM}, user]
        members: dict[str, Any] = {
            "model": model,
            "tools": [TOOL] if wish.tools else None,
            "format": SCHEMA if wish.schema else None,
            "options": {"num_predict": MAX_TOKENS, "temperature": TEMPERATURE},
        }
        answers = []
        while True:
            message, told = await self._turn(members, messages, stream=wish.stream)
            answers.append(told)
            if not told.calls:
                return answers
            messages.append(message)
            messages += [
                {"role": "tool", "content": result, "tool_name": name}
                for (name, _), result in zip(told.calls, RESULTS, strict=True)
            ]

    async def _turn(
        self, members: dict[str, Any], messages: list[Any], *, stream: bool
    ) -> tuple[ollama.Message, Told]:
        if not stream:
            reply = await self._client.chat(messages=messages, **members)
            return reply.message, _told(reply.message, reply)
        content, thinking, calls, last = "", "", [], None
        async for last in await self._client.chat(messages=messages, stream=True, **members):
            content += last.message.content or ""
            thinking += last.message.thinking or ""
            calls += last.message.tool_calls or ()
        assert last is not None
        message = ollama.Message(
            role="assistant", content=content, thinking=thinking, tool_calls=calls
        )
        return message, _told(message, last)

    async def fail(self, model: str) -> Failure:
        try:
            await self.ask(model, Wish())
        except ollama.ResponseError as error:
            return Failure(error.status_code == 400, error.status_code == 429, error.error)
        raise AssertionError("no error")

    async def aclose(self) -> None:
        await self._client.close()


def _told(message: ollama.Message, last: Any) -> Told:
    assert last.done
    calls = [call.function for call in message.tool_calls or ()]
    return Told(
        message.content or "",
        "tools" if calls and last.done_reason == "stop" else FINISH[last.done_reason],
        Counted(last.prompt_eval_count, None, last.eval_count, None),
        message.thinking or "",
        tuple((call.name, dict(call.arguments)) for call in calls),
    )
