"""What the chunks of a stream have in common, so that most of them need not be parsed.

A stream repeats itself: nearly all its chunks are the same bytes around another piece of text.
Once a chunk has been parsed, those that follow are compared with it; where they differ in that text
alone, so do their documents, and all there is to learn from them is how long the text is.  What a
dialect's chunks have in common is for each to say (`refrain_of`).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import orjson

from llmrouter.dialects.wire import Observed

REFRAINS: Final = 20
"""So many chunks in a row that are unlike the one before, and all are read one by one."""

TEXT: Final = re.compile(rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrt][^"\\\x00-\x1f]*)*+')
"""What stands between the quotes of a JSON string; at an escape by number it ends."""
PADDING: Final = re.compile(rb"[0-9A-Za-z]*+")

PROBE: Final = "Is this what it says?"


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
        if not data.startswith(self._before) or not (found := TEXT.match(data, start)):
            return None
        text, after, behind = found[0], self._after, found.end()
        if self._behind_padding is not None and data.startswith(after, behind):
            padding = PADDING.match(data, behind + len(after))
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
        is_at, text_at, padding_at = data.startswith, TEXT.match, PADDING.match
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


def cut_at_text(
    raw: bytes, keys: Iterable[re.Match[bytes]], said: Callable[[bytes], str | None]
) -> tuple[bytes, bytes] | None:
    """A chunk's bytes before its text and behind it; None where it says more, or nothing.

    ``keys`` are the places behind which the text may begin, ``said`` gives the one text of such a
    chunk.
    """
    for key in keys:
        text = TEXT.match(raw, key.end())
        if text is None:
            continue
        before, after = raw[: text.start()], raw[text.end() :]
        # What stands between the two is the text, the whole text and nothing but the text.
        if said(before + PROBE.encode() + after) == PROBE:
            return before, after
    return None


class Learner:
    """Knows what the last chunk that was read has in common with those that follow.

    After so many that had nothing it gives up.
    """

    def __init__(self) -> None:
        self._refrain: Refrain | None = None
        self._left_refrains = REFRAINS

    @property
    def is_learning(self) -> bool:
        """Whether it is still worth looking for what chunks have in common."""
        return self._left_refrains > 0

    def learn(self, refrain: Refrain | None) -> None:
        """Takes in what a chunk that was read may have in common with those that follow."""
        self._left_refrains -= 1
        self._refrain = refrain if self.is_learning else None

    def text(self, data: bytes) -> str | None:
        """What a chunk says that is like the last one; None for every other."""
        text = self._refrain.text(data) if self._refrain is not None else None
        if text is not None:
            self._left_refrains = REFRAINS
        return text


class Skimmer(Learner, ABC):
    """Passes a stream on: chunks that are like the last one as they come, all others are `read`.

    A reader of streams is one itself: did the two hold each other, each stream would have to wait
    for the collector of cycles.
    """

    def __init__(self, observed: Observed, event_bytes: int) -> None:
        super().__init__()
        self.observed = observed
        self._event_bytes = event_bytes
        self._may_skip = False

    @abstractmethod
    def read(self, data: bytes) -> Iterable[bytes]:
        """What the client may have of bytes that are read chunk by chunk; shows each to `learn`."""

    @property
    @abstractmethod
    def is_between(self) -> bool:
        """Whether the next byte begins a chunk."""

    def skim(self, data: bytes) -> Iterable[bytes]:
        """What the client may have now."""
        end = self._skip(data, 0)
        return (data,) if end == len(data) else self._pass(data, end)

    def _skip(self, data: bytes, start: int) -> int:
        """Where the chunks end that are like the last one."""
        refrain = self._refrain
        if refrain is None or not self._may_skip or len(data) > self._event_bytes:
            return start
        end = refrain.skip(data, start, self.observed)
        if end > start:
            self._left_refrains = REFRAINS
        return end

    def _pass(self, data: bytes, skipped: int) -> Iterator[bytes]:
        """What the client may have of ``data``, of which some was skipped."""
        start, end = 0, skipped
        while True:
            if end > start:
                yield data[start:end]
            if end == len(data):
                return
            behind = data.find(b"\n\n", end) + 2 if self.is_learning else 0
            start = behind if behind > 1 else len(data)
            self._may_skip = False  # behind a fault nothing is passed on
            yield from self.read(data[end:start])
            self._may_skip = self.is_between
            end = self._skip(data, start)


def _escapes(raw: bytes) -> int:
    """How many characters are written as two: a backslash, and what it stands before."""
    return raw.count(b"\\") - raw.count(b"\\\\")
