"""The rarer parts of messages and settings, in and out."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Inline,
    Part,
    PlainText,
    Reasoning,
    Refusal,
    Remote,
    Text,
    ToolCall,
    ToolResult,
    Uploaded,
)
from llmrouter.core.chat.prompt import (
    ChatPrompt,
    JsonObject,
    Message,
    PromptCache,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.dialects.interpreter import WriteTarget
from llmrouter.dialects.wire import TargetFacts
from tests.dialects.responses.passing import RESPONSES, TO_OPENAI, request, send

HINT = CacheHint()
PDF = Inline("application/pdf", "JVBERi0=")


def written(message: Message, losses: Losses | None = None) -> list[Any]:
    target = WriteTarget("gpt-5", "responses:openai")
    document = RESPONSES.write_request(ChatPrompt((message,)), target, losses or Losses())
    items: list[Any] = document["input"]
    return items


@pytest.mark.parametrize(
    ("part", "content", "lost"),
    [
        (Refusal("No."), {"type": "input_text", "text": "No."}, ()),
        (
            Image(Inline("image/png", "AAAA"), detail="low"),
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
            (),
        ),
        (Image(Uploaded("f"), at="p"), None, ("p",)),
        (
            File(PDF, context="Old.", cite=True, at="p"),
            {
                "type": "input_file",
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,JVBERi0=",
            },
            ("p.context", "p.citations"),
        ),
        (File(PlainText("Lake."), at="p"), {"type": "input_text", "text": "Lake."}, ()),
        (
            File(PlainText("Lake."), name="L", at="p"),
            {"type": "input_text", "text": "Lake."},
            ("p.title",),
        ),
        (File(Remote("https://l.example/a.pdf")), {"file_url": "https://l.example/a.pdf"}, ()),
        (
            File(Remote("https://l.example/a.pdf"), name="A", at="p"),
            {"file_url": "https://l.example/a.pdf"},
            ("p.title",),
        ),
        (File(Uploaded("f"), at="p"), None, ("p",)),
        (Audio(Remote("https://l.example/a.wav"), at="p"), None, ("p",)),
        (
            Text("Lake.", HINT, (Citation(url="https://l.example"),), at="p"),
            {"type": "input_text", "text": "Lake."},
            ("p.cache_control", "p.annotations"),
        ),
        (Reasoning("Hm.", at="p"), None, ("p",)),
    ],
)
def test_what_a_user_says(part: Part, content: Any, lost: tuple[str, ...]) -> None:
    losses = Losses()

    items = written(Message("user", (part, Text("End."))), losses)

    found = items[0]["content"][:-1]
    assert [found[0] | content] == found if content is not None else found == []
    assert losses.fields == lost


@pytest.mark.parametrize(
    ("part", "items", "lost"),
    [
        (Refusal("No."), [{"type": "refusal", "refusal": "No."}], ()),
        (Image(Inline("image/png", "AAAA"), at="p"), [], ("p",)),
        (ToolCall("c", "f", "{}", signature="s", cache=HINT, at="p"), None, ("p.signature",)),
        (Reasoning("Hm.", origin="responses:openai", at="p"), [], ("p",)),
    ],
)
def test_what_an_assistant_says(part: Part, items: Any, lost: tuple[str, ...]) -> None:
    losses = Losses()

    found = written(Message("assistant", (part,), name="ada", at="m"), losses)

    if items is not None:
        assert [piece for item in found for piece in item["content"]] == items
    else:
        assert found == [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]
    assert set(losses.fields) >= {*lost, "m.name"}


def test_what_a_tool_gives_back() -> None:
    losses = Losses()
    parts = (Text("One."), Image(Remote("https://l.example/a.png")))
    result = ToolResult("c", parts, is_error=True, cache=HINT, at="p")

    (item,) = written(Message("tool", (result,)), losses)

    assert item == {
        "type": "function_call_output",
        "call_id": "c",
        "output": [
            {"type": "input_text", "text": "One."},
            {"type": "input_image", "image_url": "https://l.example/a.png", "detail": "auto"},
        ],
    }
    assert losses.fields == ("p.is_error", "p.cache_control")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"output": JsonObject()}, {"text": {"format": {"type": "json_object"}}}),
        ({"thinking": Thinking("on")}, {"reasoning": {"effort": "medium", "summary": "auto"}}),
        (
            {"tools": (Tool("f"), Tool("g")), "tool_choice": ToolChoice("auto", ("f", "g"))},
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": n} for n in "fg"],
                }
            },
        ),
        ({"tools": (Tool("f"),), "tool_choice": ToolChoice("none")}, {"tool_choice": "none"}),
        ({"tool_choice": ToolChoice("none")}, {}),
        ({"cache": PromptCache("k", "24h")}, {"prompt_cache_key": "k"}),
        ({"labels": {"a": "b"}}, {"metadata": {"a": "b"}}),
    ],
)
def test_settings(members: dict[str, Any], expected: dict[str, Any]) -> None:
    target = WriteTarget("some-model", "responses:", facts=TargetFacts(reasons=True))

    document = RESPONSES.write_request(ChatPrompt((), **members), target, Losses())

    assert document.items() >= expected.items()
    assert ("tool_choice" in document) == ("tool_choice" in expected)


def test_hints_of_caches_that_openai_has_no_word_for_are_named() -> None:
    losses = Losses()
    prompt = ChatPrompt(
        (), tools=(Tool("f", cache=HINT, at="tools.0"),), cache=PromptCache(automatic=HINT)
    )

    RESPONSES.write_request(prompt, WriteTarget("m", ""), losses)

    assert set(losses.fields) == {"tools.0.cache_control", "cache"}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Audio(Inline("audio/mpeg", "AAAA")),
        ),
        ({"type": "input_image", "file_id": "f"}, Image(Uploaded("f"))),
        ({"type": "input_file", "file_id": "f"}, File(Uploaded("f"))),
        ({"type": "input_file", "file_data": "JVBERi0=", "filename": "a"}, File(PDF, name="a")),
        ({"type": "input_image"}, None),
        ({"type": "input_audio", "input_audio": {}}, None),
        ({"type": "input_file"}, None),
        (
            {"type": "input_text", "text": "L", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text("L", CacheHint()),
        ),
    ],
)
def test_what_a_client_sends_in_a_message(content: dict[str, Any], part: Part | None) -> None:
    losses = Losses()
    document = {"input": [{"role": "user", "content": [content]}]}

    messages = RESPONSES.read_request(document, losses).messages

    parts = [found for message in messages for found in message.parts]
    if part is not None:
        assert (parts, losses.fields) == ([part], ())
    else:
        assert (parts, losses.fields) == ([], ("input.0.content.0",))


@pytest.mark.parametrize(
    ("members", "lost"),
    [
        ({"text": {"format": {"type": "lark"}}}, "text.format"),
        ({"reasoning": {"effort": "titanic"}}, "reasoning.effort"),
        ({"service_tier": "ultrafast"}, "service_tier"),
        ({"tools": [{"type": "shell", "environment": {"type": "container_auto"}}]}, "tools.0"),
        ({"tools": [{"type": "tool_search"}]}, "tools.0"),
    ],
)
def test_settings_that_nobody_else_has_are_named(members: dict[str, Any], lost: str) -> None:
    assert send(TO_OPENAI, request(**members), "gpt-5").losses == (lost,)


def test_tools_that_come_with_the_input_are_tools_all_the_same() -> None:
    later = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    }

    sent = send(TO_OPENAI, request(input=[later, {"role": "user", "content": "Go."}]), "gpt-5")

    assert [tool["function"]["name"] for tool in sent.document["tools"]] == ["f"]
    assert sent.document["messages"] == [{"role": "user", "content": "Go."}]
