"""`openai`: responses."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
from openai.types.responses import Response

from llmrouter.core.routing import DialectName
from tests.clients.libraries.library import Wish
from tests.clients.libraries.openai_chat import OpenAIChat
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

TOOL = {
    "type": "function",
    "name": TOOL_NAME,
    "description": TOOL_WORDS,
    "parameters": TOOL_SCHEMA,
    "strict": False,
}


class OpenAIResponses(OpenAIChat):
    """Stateless, as agents use it: items go back as they came."""

    name = "openai responses"
    dialect: DialectName = "responses"
    unknown_tokens = 0

    async def ask(self, model: str, wish: Wish) -> list[Told]:
        content: list[Any] = [{"type": "input_text", "text": QUESTION}]
        if wish.image:
            url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
            content.append({"type": "input_image", "image_url": url, "detail": "auto"})
        items: list[Any] = [{"role": "user", "content": content}]
        members: dict[str, Any] = {
            "model": model,
            "instructions": SYSTEM,
            "max_output_tokens": MAX_TOKENS,
            "temperature": TEMPERATURE,
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if wish.tools:
            members["tools"] = [TOOL]
        if wish.schema:
            form = {"type": "json_schema", "name": "lamps", "schema": SCHEMA, "strict": True}
            members["text"] = {"format": form}
        answers = []
        while True:
            response = await self._response(members, items, stream=wish.stream)
            answers.append(_told(response))
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return answers
            items += [item.to_dict() for item in response.output]
            items += [
                {"type": "function_call_output", "call_id": call.call_id, "output": result}
                for call, result in zip(calls, RESULTS, strict=True)
            ]

    async def _response(
        self, members: dict[str, Any], items: list[Any], *, stream: bool
    ) -> Response:
        if not stream:
            return await self._client.responses.create(input=items, **members)
        spoken = ""
        final: Response | None = None
        async for event in await self._client.responses.create(input=items, stream=True, **members):
            if event.type == "response.output_text.delta":
                spoken += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                final = event.response
        assert final is not None
        assert spoken == final.output_text, "the deltas say what the end says"
        return final

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


def _told(response: Response) -> Told:
    assert response.usage is not None
    calls, thought = [], ""
    for item in response.output:
        if item.type == "function_call":
            calls.append((item.name, json.loads(item.arguments)))
        elif item.type == "reasoning":
            thought += "".join(part.text for part in item.summary)
            thought += "".join(part.text for part in item.content or ())
    finish: Finish = "tools" if calls else "stop"
    if response.incomplete_details is not None:
        assert response.status == "incomplete"
        assert response.incomplete_details.reason == "max_output_tokens"
        finish = "length"
    usage = response.usage
    return Told(
        response.output_text,
        finish,
        Counted(
            usage.input_tokens,
            usage.input_tokens_details.cached_tokens,
            usage.output_tokens,
            usage.output_tokens_details.reasoning_tokens,
        ),
        thought,
        tuple(calls),
    )
