"""Request ids: 63-bit integers in order of time, shown as ``req_`` and 13 base32 characters.

Layout, high to low: 42 bits of milliseconds since 2020-01-01 UTC (enough until 2159), 10 bits of
node number, 11 bits of sequence within the millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from llmrouter.core.clock import Clock

EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
NODE_BITS = 10
SEQUENCE_BITS = 11
MAX_NODE = (1 << NODE_BITS) - 1

KNOWN_BEGINNINGS = 64

_PREFIX = "req_"
_LENGTH = 13
# Crockford's base32: no i, l, o or u, so that an id survives being read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
"""Ten bits at once: an id is written for every request."""


class RequestIds:
    """Makes ids that never go back, whatever the wall clock does."""

    def __init__(
        self, clock: Clock, node: int = 0, is_ours: Callable[[], bool] = lambda: True
    ) -> None:
        """``is_ours``: whether the node's number is still this process's, and nobody else's."""
        if not 0 <= node <= MAX_NODE:
            raise ValueError(f"node must be between 0 and {MAX_NODE}, got {node}")
        self._clock = clock
        self._node = node
        self._is_ours = is_ours
        self._millisecond = 0
        self._sequence = 0

    @property
    def are_ours(self) -> bool:
        """Whether nobody else can be giving out the same ids."""
        return self._is_ours()

    def skip_to(self, newest: int) -> None:
        """Lets every further id be larger than this one, which an earlier process gave."""
        self._millisecond = max(self._millisecond, newest >> (NODE_BITS + SEQUENCE_BITS))
        self._sequence = (1 << SEQUENCE_BITS) - 1

    def next(self) -> int:
        """A new id, larger than every id that this generator gave before."""
        now = self._clock.now_us() // 1_000 - EPOCH_MS
        if now > self._millisecond:
            self._millisecond, self._sequence = now, 0
        else:
            self._sequence += 1
            if self._sequence >> SEQUENCE_BITS:
                # More than 2,048 in a millisecond, or a clock set back: borrow from the future.
                self._millisecond, self._sequence = self._millisecond + 1, 0
        return (
            self._millisecond << (NODE_BITS + SEQUENCE_BITS)
            | self._node << SEQUENCE_BITS
            | self._sequence
        )


def id_floor(at_us: int) -> int:
    """The smallest id that a request which started at ``at_us`` (wall clock, µs) can have."""
    return max(0, at_us // 1_000 - EPOCH_MS) << (NODE_BITS + SEQUENCE_BITS)


def node_of(request_id: int) -> int:
    """The number of the node that gave it."""
    return request_id >> SEQUENCE_BITS & MAX_NODE


def show_id(request_id: int) -> str:
    """``req_`` and 13 characters, for people and for headers."""
    return (
        f"{_beginning(request_id >> 30)}{_PAIRS[request_id >> 20 & 1023]}"
        f"{_PAIRS[request_id >> 10 & 1023]}{_PAIRS[request_id & 1023]}"
    )


@lru_cache(maxsize=KNOWN_BEGINNINGS)
def _beginning(high: int) -> str:
    """The prefix and seven characters, which all ids of half a second have in common."""
    return (
        f"{_PREFIX}{_ALPHABET[high >> 30]}"
        f"{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}"
    )


def read_id(shown: str) -> int | None:
    """The integer behind a shown id (or behind plain digits); None when it is no id of ours."""
    text = shown.strip().lower()
    if text.startswith(_PREFIX):
        text = text.removeprefix(_PREFIX)
        if len(text) != _LENGTH or any(character not in _VALUES for character in text):
            return None
        number = 0
        for character in text:
            number = number << 5 | _VALUES[character]
        return number if number < 1 << 63 else None
    return int(text) if text.isascii() and text.isdigit() and int(text) < 1 << 63 else None
