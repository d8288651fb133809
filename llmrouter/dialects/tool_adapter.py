"""Tools as the provider's dialect takes them, and its calls as the client knows them.

Vendors differ in what a tool's name may be and in whether a tool may take free text.  Both are
bridged without loss: names are rewritten and back, free text travels as the one member of an
object.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence

from llmrouter.core.chat.deltas import ArgumentsDelta, Delta, ToolCallEnded, ToolCallStarted
from llmrouter.core.chat.parts import Part, ToolCall, ToolResult
from llmrouter.core.chat.prompt import ChatPrompt, Tool, ToolChoice
from llmrouter.core.records import Record, replace

_TEXT_MEMBER = "input"
_DIGEST_CHARACTERS = 8


class ToolRules(Record):
    """What a dialect asks of tools.  ``name_characters`` is the inside of a character class."""

    name_characters: str = "a-zA-Z0-9_-"
    name_length: int = 64
    takes_free_text: bool = False


_OF_CALLS = (ToolCallStarted, ArgumentsDelta, ToolCallEnded)


class ToolAdapter:
    """Bridges the tools of one request; the same tools always give the same names."""

    def __init__(self, tools: Sequence[Tool], rules: ToolRules) -> None:
        self._rules = rules
        self._bad_characters = re.compile(f"[^{rules.name_characters}]")
        self._theirs = {tool.name: self._fit(tool.name) for tool in tools}
        self._ours = {theirs: ours for ours, theirs in self._theirs.items()}
        self._free_text = frozenset(
            tool.name for tool in tools if tool.kind == "custom" and not rules.takes_free_text
        )
        self._held: dict[int, list[str]] = {}

    def adapt(self, prompt: ChatPrompt) -> ChatPrompt:
        """The prompt with the provider's names, and objects in the place of free text."""
        messages = tuple(
            replace(message, parts=tuple(self._adapt_part(part) for part in message.parts))
            for message in prompt.messages
        )
        choice = prompt.tool_choice
        if choice is not None and choice.names:
            choice = ToolChoice(choice.mode, tuple(self._name(name) for name in choice.names))
        tools = tuple(self._adapt_tool(tool) for tool in prompt.tools)
        return replace(prompt, messages=messages, tools=tools, tool_choice=choice)

    def restore(self, deltas: Iterable[Delta]) -> list[Delta]:
        """The reply's deltas with the client's names, and free text where it declared such."""
        restored: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, _OF_CALLS):
                restored += self._restore(delta)
            else:
                restored.append(delta)
        return restored

    def _name(self, name: str) -> str:
        return self._theirs.get(name) or self._fit(name)

    def _fit(self, name: str) -> str:
        fitting = self._bad_characters.sub("_", name)
        if fitting == name and len(name) <= self._rules.name_length:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_CHARACTERS]
        return f"{fitting[: self._rules.name_length - _DIGEST_CHARACTERS - 1]}_{digest}"

    def _adapt_tool(self, tool: Tool) -> Tool:
        named = replace(tool, name=self._name(tool.name))
        if tool.name not in self._free_text:
            return named
        schema = {
            "type": "object",
            "properties": {_TEXT_MEMBER: {"type": "string", **_say_grammar(tool)}},
            "required": [_TEXT_MEMBER],
            "additionalProperties": False,
        }
        return replace(named, kind="function", parameters=schema)

    def _adapt_part(self, part: Part) -> Part:
        match part:
            case ToolCall():
                if part.kind == "custom" and not self._rules.takes_free_text:
                    wrapped = json.dumps({_TEXT_MEMBER: part.arguments}, ensure_ascii=False)
                    part = replace(part, kind="function", arguments=wrapped)
                return replace(part, name=self._name(part.name))
            case ToolResult():
                name = part.name and self._name(part.name)
                return replace(part, name=name)
            case _:
                return part

    def _restore(self, delta: Delta) -> list[Delta]:
        match delta:
            case ToolCallStarted():
                name = self._ours.get(delta.name, delta.name)
                if name not in self._free_text:
                    return [replace(delta, name=name)]
                self._held[delta.call] = []
                return [replace(delta, name=name, kind="custom")]
            case ArgumentsDelta() if delta.call in self._held:
                self._held[delta.call].append(delta.text)
                return []
            case ToolCallEnded() if delta.call in self._held:
                text = _unwrap("".join(self._held.pop(delta.call)))
                return [ArgumentsDelta(delta.call, text), delta]
            case _:
                return [delta]


def _unwrap(arguments: str) -> str:
    """The free text inside the object; what is no such object is the text itself."""
    try:
        document = json.loads(arguments)
    except ValueError:
        return arguments
    match document:
        case {"input": str(text)}:
            return text
        case _:
            return arguments


def _say_grammar(tool: Tool) -> dict[str, str]:
    """The grammar of a free text, told to the model, where nobody else can enforce it."""
    match tool.grammar:
        case {"syntax": str(syntax), "definition": str(definition)} | {
            "grammar": {"syntax": str(syntax), "definition": str(definition)}
        }:
            return {"description": f"A text of this {syntax} grammar:\n{definition}"}
        case _:
            return {}
