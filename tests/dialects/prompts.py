"""Prompts and replies that every dialect here can say, for Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from llmrouter.core.chat.deltas import Finished, Reply, Started, UsageReported
from llmrouter.core.chat.parts import (
    Image,
    Inline,
    Part,
    Reasoning,
    Remote,
    Text,
    ToolCall,
    ToolResult,
)
from llmrouter.core.chat.prompt import (
    ChatPrompt,
    JsonSchema,
    Message,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
)
from llmrouter.core.usage import Usage

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
names = st.text("abcXYZ019_-", min_size=1, max_size=20)
counts = st.integers(1, 100_000)  # nothing but zeros is read as "not said"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(names, json_values, max_size=3)
arguments = objects.map(lambda o: json.dumps(o, ensure_ascii=False, separators=(",", ":")))
schemas = st.builds(
    lambda properties: {
        "type": "object",
        "properties": {name: {"type": "string"} for name in properties},
        "additionalProperties": False,
    },
    st.lists(names, max_size=3, unique=True),
)

texts = st.builds(Text, words)
images = st.builds(
    Image,
    st.builds(Inline, st.just("image/png"), st.sampled_from(["iVBORw0KGgo=", "AAAA"]))
    | st.builds(Remote, st.just("https://lakes.example/a.png")),
)
user_messages = st.lists(texts | images, min_size=1, max_size=3).map(
    lambda parts: Message("user", tuple(parts))
)


@st.composite
def tool_turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """An assistant's calls and their results."""
    ids = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    spoken: list[Part] = list(draw(st.lists(texts, max_size=2)))
    calls = [ToolCall(call_id, draw(names), draw(arguments)) for call_id in ids]
    results = [ToolResult(call_id, tuple(draw(st.lists(texts, max_size=2)))) for call_id in ids]
    return Message("assistant", (*spoken, *calls)), Message("tool", tuple(results))


answers = st.lists(texts, min_size=1, max_size=2).map(
    lambda parts: (Message("assistant", tuple(parts)),)
)
turns = st.builds(lambda asked, answered: (asked, *answered), user_messages, tool_turns() | answers)


def _joined(parts: Sequence[tuple[Message, ...]]) -> tuple[Message, ...]:
    return tuple(message for part in parts for message in part)


@st.composite
def prompts(draw: st.DrawFn) -> ChatPrompt:
    """Whole prompts, in the form in which every dialect is read."""
    tools = tuple(
        Tool(name, draw(st.none() | words), draw(schemas), draw(st.none() | st.just(True)))
        for name in draw(st.lists(names, max_size=3, unique=True))
    )
    choices = st.sampled_from([None, *(ToolChoice(m) for m in ("auto", "none", "required"))])
    one_tool = st.sampled_from(tools).map(lambda t: ToolChoice("required", (t.name,)))
    return ChatPrompt(
        system=tuple(draw(st.lists(texts, max_size=2))),
        messages=(*_joined(draw(st.lists(turns, max_size=3))), draw(user_messages)),
        tools=tools,
        tool_choice=draw(choices | one_tool) if tools else None,
        sampling=Sampling(temperature=draw(st.none() | st.floats(0, 1))),
        max_output_tokens=draw(st.integers(1, 100_000)),
        stop=tuple(draw(st.lists(words.filter(str.strip), max_size=4))),
        output=draw(st.none() | st.builds(JsonSchema, schemas)),
        user=draw(st.none() | words.filter(lambda user: len(user) <= 64)),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        stream=draw(st.booleans()),
    )


thoughtful = st.builds(
    Thinking,
    mode=st.just("adaptive"),
    effort=st.sampled_from(["low", "medium", "high", "xhigh"]),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Whole replies: thoughts, then words, then calls."""
    parts: list[Part] = [Reasoning(draw(words))] if draw(st.booleans()) else []
    if draw(st.booleans()):
        parts.append(draw(texts))
    calls = st.builds(ToolCall, names, names, arguments)
    parts += draw(st.lists(calls, max_size=3, unique_by=lambda call: call.id))
    if not parts:
        parts.append(draw(texts))
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    usage = Usage(draw(counts), draw(counts), draw(counts), draw(counts), draw(counts))
    return Reply(
        started=Started(id=f"msg_{draw(names)}", model=draw(names), created_s=1_790_000_000),
        parts=tuple(parts),
        finished=Finished("tool_calls" if has_calls else draw(st.sampled_from(["stop", "length"]))),
        usage=UsageReported(usage),
    )
