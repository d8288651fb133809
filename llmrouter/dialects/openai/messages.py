"""A client's own messages, as far as a compatible provider takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from llmrouter.core.chat.losses import Losses
from llmrouter.core.chat.sealing import is_sealed
from llmrouter.core.configuration import Quirk

_INSTRUCTING = ("system", "developer")


def hold_reasoning(messages: Any) -> bool:
    """Whether there are messages that may have to be adapted for every provider."""
    return isinstance(messages, list) and "reasoning_details" in chain.from_iterable(messages)


def adapted_messages(messages: Any, quirks: Sequence[Quirk], losses: Losses) -> Any:
    """The messages, the same object where nothing is to be changed.

    Another vendor's sealed reasoning is taken out: nobody here can open it.
    """
    if not isinstance(messages, list):
        return messages
    adapted, leading = [], True
    for index, message in enumerate(messages):
        leading = leading and message.get("role") in _INSTRUCTING
        changed = _without_sealed(message, f"messages.{index}", losses)
        adapted.append(_minding(changed, quirks, leading=leading))
    is_same = all(new is old for new, old in zip(adapted, messages, strict=True))
    return messages if is_same else adapted


def _without_sealed(message: Mapping[str, Any], at: str, losses: Losses) -> Mapping[str, Any]:
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return message
    kept = []
    for index, detail in enumerate(details):
        if _is_sealed(detail):
            losses.drop(f"{at}.reasoning_details.{index}", "another vendor's model thought it")
        else:
            kept.append(detail)
    if len(kept) == len(details):
        return message
    rest = {name: value for name, value in message.items() if name != "reasoning_details"}
    return {**rest, "reasoning_details": kept} if kept else rest


def _is_sealed(detail: Any) -> bool:
    if not isinstance(detail, dict):
        return False
    values = (detail.get("signature"), detail.get("data"))
    return any(isinstance(value, str) and is_sealed(value) for value in values)


def _minding(
    message: Mapping[str, Any], quirks: Sequence[Quirk], *, leading: bool
) -> Mapping[str, Any]:
    """The message with nothing in it that the provider is known to refuse."""
    role, content = message.get("role"), message.get("content")
    if role in _INSTRUCTING and not leading and "leading_system_only" in quirks:
        message = {**message, "role": "user"}
    elif role == "developer" and "no_developer_role" in quirks:
        message = {**message, "role": "system"}
    if "text_as_string" in quirks and isinstance(content, list) and content:
        texts = [_text_of(part) for part in content]
        if None not in texts:
            message = {**message, "content": "\n\n".join(text for text in texts if text)}
    return message


def _text_of(part: Any) -> str | None:
    """The text of a part that is nothing else."""
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            return None
