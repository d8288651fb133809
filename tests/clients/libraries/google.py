"""`google-genai`: models.generate_content."""

from __future__ import annotations

from typing import Any

from google import genai
from google.genai import errors, types

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

FINISH: dict[Any, Finish] = {"STOP": "stop", "MAX_TOKENS": "length"}
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=TOOL_NAME, description=TOOL_WORDS, parameters_json_schema=TOOL_SCHEMA
        )
    ]
)


class Google:
    """The library as its README uses it: content goes back as it came."""

    name = "google-genai"
    dialect: DialectName = "gemini"
    hears = frozenset({"cached", "reasoning"})
    unknown_tokens = None
    keeps_signatures = True

    def __init__(self, root: str) -> None:
        options = types.HttpOptions(base_url=root)
        self._client = genai.Client(api_key="x", http_options=options)

    async def ask(self, model: str, wish: Wish) -> list[Told]:
        parts = [types.Part.from_text(text=QUESTION)]
        if wish.image:
            parts.append(types.Part.from_bytes(data=PNG, mime_type="image/png"))
        contents = [types.Content(role="user", parts=parts)]
        config = types.GenerateContentConfig(
            system_instruction=SYSTEM,
            max_output_tokens=MAX_TOKENS,
            temperature=TEMPERATURE,
            tools=[TOOL] if wish.tools else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            response_mime_type="application/json" if wish.schema else None,
            response_json_schema=SCHEMA if wish.schema else None,
        )
        answers = []
        while True:
            content, told = await self._turn(model, contents, config, stream=wish.stream)
            answers.append(told)
            calls = [p.function_call for p in content.parts or () if p.function_call]
            if not calls:
                return answers
            results = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": result}
                    )
                )
                for call, result in zip(calls, RESULTS, strict=True)
            ]
            contents += [content, types.Content(role="user", parts=results)]

    async def _turn(
        self,
        model: str,
        contents: list[types.Content],
        config: types.GenerateContentConfig,
        *,
        stream: bool,
    ) -> tuple[types.Content, Told]:
        models = self._client.aio.models
        given: Any = contents
        asked: dict[str, Any] = {"model": model, "contents": given, "config": config}
        if stream:
            streamed = await models.generate_content_stream(**asked)
            documents = [document async for document in streamed]
        else:
            documents = [await models.generate_content(**asked)]
        parts: list[types.Part] = []
        finish, usage = None, None
        for document in documents:
            usage = document.usage_metadata or usage
            for candidate in document.candidates or ():
                finish = candidate.finish_reason or finish
                parts += (candidate.content and candidate.content.parts) or ()
        assert finish is not None
        assert usage is not None
        return types.Content(role="model", parts=parts), _told(parts, finish.value, usage)

    async def fail(self, model: str) -> Failure:
        try:
            await self.ask(model, Wish())
        except errors.ClientError as error:
            return Failure(error.code == 400, error.code == 429, error.message or "")
        raise AssertionError("no error")

    async def aclose(self) -> None:
        await self._client.aio.aclose()
        self._client.close()


def _told(parts: list[types.Part], finish: str, usage: Any) -> Told:
    calls = [part.function_call for part in parts if part.function_call]
    thoughts = usage.thoughts_token_count
    return Told(
        "".join(part.text for part in parts if part.text and not part.thought),
        "tools" if calls and finish == "STOP" else FINISH[finish],
        Counted(
            usage.prompt_token_count,
            usage.cached_content_token_count,
            (usage.candidates_token_count or 0) + (thoughts or 0),
            thoughts,
        ),
        "".join(part.text for part in parts if part.text and part.thought),
        tuple((call.name or "", dict(call.args or {})) for call in calls),
    )
