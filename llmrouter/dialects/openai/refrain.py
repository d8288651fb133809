"""What the chunks of a stream have in common, so that most of them need not be parsed.

A stream repeats itself: nearly all its chunks are the same bytes around another piece of text.
Once a chunk has been parsed, those that follow are compared with it; where they differ in that text
alone, so do their documents, and all there is to learn from them is how long the text is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from llmrouter.dialects.openai.watch import spoken_texts
from llmrouter.dialects.wire import Observed

_TEXT = re.compile(rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*+')
"""What stands between the quotes of a JSON string; at an escape by number it ends."""
_PADDING = re.compile(rb"[0-9A-Za-z]*+")
_TEXT_KEYS = re.compile(rb'"(?:content|reasoning_content|reasoning|arguments)": ?"')
_PADDING_KEYS = re.compile(rb'"(obfuscation|p)": ?"')
"""Strings of random length, with which OpenAI and Mistral hide how long a text is."""

_FIELD, _END = b"data:", b"\n\n"
_PROBE = "Is this what it says?"


class Refrain:
    """A chunk's bytes before its text and behind it; and behind its padding, where it has some."""

    __slots__ = ("_after", "_before", "_behind_padding", "_characters", "_escapes", "_extra_bytes")

    def __init__(self, before: bytes, after: bytes, behind_padding: bytes | None) -> None:
        self._before = before
        self._after = after
        self._behind_padding = behind_padding
        repeated = before + after + (behind_padding or b"")
        self._characters = len(repeated.decode())
        self._extra_bytes = len(repeated) - self._characters
        self._escapes = _escapes(repeated)

    def text(self, data: bytes) -> str | None:
        """What a chunk says that is alike; None for every other."""
        start = len(self._before)
        if not data.startswith(self._before) or not (found := _TEXT.match(data, start)):
            return None
        text, after, behind = found[0], self._after, found.end()
        if self._behind_padding is not None and data.startswith(after, behind):
            padding = _PADDING.match(data, behind + len(after))
            after, behind = self._behind_padding, padding.end() if padding else behind
        if not (data.startswith(after, behind) and behind + len(after) == len(data)):
            return None
        try:
            return text.decode() if b"\\" not in text else str(orjson.loads(b'"%b"' % text))
        except ValueError:  # no UTF-8
            return None

    def skip(self, data: bytes, start: int, observed: Observed) -> int:
        """Where the chunks end that begin at ``start``, as far as they are whole and alike.

        What they say is taken in.
        """
        before, after, behind_padding = self._before, self._after, self._behind_padding
        before_bytes, after_bytes = len(before), len(after)
        is_at, text_at, padding_at = data.startswith, _TEXT.match, _PADDING.match
        chunks = other_bytes = 0  # the latter are neither repeated nor said
        end = start
        while is_at(before, end) and (text := text_at(data, end + before_bytes)):
            behind = text.end()
            if not is_at(after, behind):
                break
            behind += after_bytes
            if behind_padding is not None and (padding := padding_at(data, behind)):
                behind = padding.end()
                if not is_at(behind_padding, behind):
                    break
                behind += len(behind_padding)
                other_bytes += behind - padding.start() - len(behind_padding)
            end = behind
            chunks += 1
        if not chunks:
            return start
        raw = data[start:end]
        try:
            characters = len(raw) if raw.isascii() else len(raw.decode())
        except UnicodeDecodeError:
            return start
        if b"\\" in raw:
            other_bytes += _escapes(raw) - chunks * self._escapes
        observed.output_characters += characters - chunks * self._characters - other_bytes
        observed.output_extra_bytes += len(raw) - characters - chunks * self._extra_bytes
        return end


def refrain_of(raw: bytes, document: Mapping[str, Any]) -> Refrain | None:
    """What a chunk has in common with those of another text; None for one that says more than one
    text, or none.

    ``raw`` is its event, or only the data of it, and ``document`` what that says.
    """
    data = raw.removeprefix(_FIELD).removesuffix(_END)
    if b"\n" in data or b"\r" in data or document.get("usage") or _said(document) is None:
        return None
    for key in _TEXT_KEYS.finditer(raw):
        text = _TEXT.match(raw, key.end())
        if text is None:
            continue
        before, after = raw[: text.start()], raw[text.end() :]
        if _holds_text(before, after):
            return _padded(before, after) or Refrain(before, after, None)
    return None


def _padded(before: bytes, after: bytes) -> Refrain | None:
    """The refrain of chunks whose padding differs, too."""
    for key in _PADDING_KEYS.finditer(after):
        padding = _PADDING.match(after, key.end())
        if padding is None:
            continue
        middle, behind = after[: padding.start()], after[padding.end() :]
        probed = _document(before + middle + _PROBE.encode() + behind)
        if probed is not None and probed.get(key[1].decode()) == _PROBE:
            return Refrain(before, middle, behind)
    return None


def _holds_text(before: bytes, after: bytes) -> bool:
    """Whether what stands between the two is the text, the whole text and nothing but the text."""
    probed = _document(before + _PROBE.encode() + after)
    return probed is not None and _said(probed) == _PROBE


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


def _escapes(raw: bytes) -> int:
    """How many characters are written as two: a backslash, and what it stands before."""
    return raw.count(b"\\") - raw.count(b"\\\\")
