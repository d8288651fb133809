"""What the chunks of a stream of chat completions have in common (`llmrouter.dialects.refrain`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from llmrouter.dialects.openai.watch import spoken_texts
from llmrouter.dialects.refrain import PADDING, PROBE, Refrain, cut_at_text

_TEXT_KEYS = re.compile(rb'"(?:content|reasoning_content|reasoning|arguments)": ?"')
_PADDING_KEYS = re.compile(rb'"(obfuscation|p)": ?"')
"""Strings of random length, with which OpenAI and Mistral hide how long a text is."""

_FIELD, _END = b"data:", b"\n\n"


def refrain_of(raw: bytes, document: Mapping[str, Any]) -> Refrain | None:
    """What a chunk has in common with those of another text; None for one that says more than one
    text, or none.

    ``raw`` is its event, or only the data of it, and ``document`` what that says.
    """
    data = raw.removeprefix(_FIELD).removesuffix(_END)
    if b"\n" in data or b"\r" in data or document.get("usage") or _said(document) is None:
        return None
    cut = cut_at_text(raw, _TEXT_KEYS.finditer(raw), _said_by)
    return cut and (_padded(*cut) or Refrain(*cut, None))


def _padded(before: bytes, after: bytes) -> Refrain | None:
    """The refrain of chunks whose padding differs, too."""
    for key in _PADDING_KEYS.finditer(after):
        padding = PADDING.match(after, key.end())
        if padding is None:
            continue
        middle, behind = after[: padding.start()], after[padding.end() :]
        probed = _document(before + middle + PROBE.encode() + behind)
        if probed is not None and probed.get(key[1].decode()) == PROBE:
            return Refrain(before, middle, behind)
    return None


def _said_by(raw: bytes) -> str | None:
    document = _document(raw)
    return None if document is None else _said(document)


def _document(raw: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(raw.removeprefix(_FIELD))
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _said(document: Mapping[str, Any]) -> str | None:
    """The one text that a chunk says, of one choice that goes on."""
    choices = document.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return None
    delta = choices[0].get("delta")
    if choices[0].get("finish_reason") or not isinstance(delta, dict):
        return None
    texts = spoken_texts(delta)
    return texts[0] if texts is not None and len(texts) == 1 else None
