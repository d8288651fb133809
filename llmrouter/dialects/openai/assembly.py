"""A stream's chunks put together to one chat completion, and a completion cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_GROWING = frozenset(
    {"content", "reasoning_content", "reasoning", "reasoning_text", "refusal"}
    | {"arguments", "input", "data", "transcript"}
)
"""Texts that come in pieces; others come whole, and the last one counts."""


class Assembly:
    """Collects chunks."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Members] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Takes the next chunk."""
        for name, value in chunk.items():
            if name == "usage":
                self._head[name] = value or self._head.get(name)
            elif name not in ("choices", "object"):
                self._head.setdefault(name, value)
        choices = chunk.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                index = _index_of(choice, position)
                self._choices.setdefault(index, _Members()).add(choice)

    def completion(self) -> dict[str, Any]:
        """The completion that the chunks make."""
        usage = self._head.pop("usage", None)
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [
                _as_whole_choice(index, members.whole())
                for index, members in sorted(self._choices.items())
            ],
            **({"usage": usage} if usage else {}),
        }


def split_into_chunks(
    completion: Mapping[str, Any], *, include_usage: bool
) -> Iterator[dict[str, Any]]:
    """The chunks of a stream that says the same."""
    head = {name: v for name, v in completion.items() if name not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    choices = [choice for choice in completion["choices"] if isinstance(choice, dict)]
    for position, choice in enumerate(choices):
        members = {name: value for name, value in choice.items() if name != "message"}
        index = _index_of(choice, position)
        delta = _as_delta(choice.get("message"))
        yield {
            **head,
            "choices": [{**members, "index": index, "delta": delta, "finish_reason": None}],
        }
        yield {
            **head,
            "choices": [
                {
                    "index": index,
                    "delta": {},
                    "finish_reason": choice.get("finish_reason") or "stop",
                }
            ],
        }
    if include_usage and completion.get("usage"):
        yield {**head, "choices": [], "usage": completion["usage"]}


class _Members:
    """An object that grows delta by delta."""

    def __init__(self) -> None:
        self._members: dict[str, Any] = {}
        self._calls: dict[int, _Members] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            if name == "tool_calls" and isinstance(value, list):
                self._add_calls(value)
            elif value is None:
                self._members.setdefault(name, None)
            else:
                self._add_member(name, value)

    def whole(self) -> dict[str, Any]:
        members = {name: _whole(value) for name, value in self._members.items()}
        if self._calls:
            members["tool_calls"] = [call.whole() for _, call in sorted(self._calls.items())]
        return members

    def _add_member(self, name: str, value: object) -> None:
        known = self._members.get(name)
        if isinstance(value, str) and name in _GROWING:
            if isinstance(known, _Text):
                known.pieces.append(value)
            else:
                self._members[name] = _Text(value)
        elif isinstance(value, dict):
            if not isinstance(known, _Members):
                known = self._members[name] = _Members()
            known.add(value)
        elif isinstance(known, _Members):
            pass  # where an object grew, anything else is a provider's slip
        elif isinstance(value, list) and isinstance(known, list):
            known.extend(value)
        else:
            self._members[name] = list(value) if isinstance(value, list) else value

    def _add_calls(self, calls: list[Any]) -> None:
        for position, call in enumerate(calls):
            if isinstance(call, dict):
                index = _index_of(call, position)
                members = {name: value for name, value in call.items() if name != "index"}
                self._calls.setdefault(index, _Members()).add(members)


class _Text:
    """A text in pieces, joined once."""

    def __init__(self, first: str) -> None:
        self.pieces = [first]


def _whole(value: Any) -> Any:
    if isinstance(value, _Text):
        return "".join(value.pieces)
    return value.whole() if isinstance(value, _Members) else value


def _as_whole_choice(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    delta = choice.pop("delta", None)
    message = delta if isinstance(delta, dict) else {}
    message.setdefault("role", "assistant")
    message.setdefault("content", None)
    choice.pop("index", None)
    finish_reason = choice.pop("finish_reason", None) or "stop"
    return {"index": index, "message": message, **choice, "finish_reason": finish_reason}


def _as_delta(message: object) -> dict[str, Any]:
    if not isinstance(message, dict):
        return {"role": "assistant"}
    delta = {"role": "assistant", **message}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(calls) if isinstance(call, dict)
        ]
    return delta


def _index_of(member: Mapping[str, Any], position: int) -> int:
    index = member.get("index")
    return index if isinstance(index, int) else position
