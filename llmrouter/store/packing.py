"""Request bodies made small: each message is kept once, under its hash.

An agent sends its whole conversation again with every turn; kept like this a turn takes 1.6 kB
instead of 50.  What comes back equals what came in as JSON, not byte by byte.
"""

from __future__ import annotations

import hashlib
import zlib
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record
from llmrouter.store.records import ID_SHIFT

MESSAGE_LISTS: Final = ("messages", "input", "contents")
"""Where a request keeps its messages, by dialect."""

CREDENTIAL_FIELDS: Final = frozenset(("api_key", "extra_headers", "user_config"))
"""Arguments of client libraries that end up in the body at times, with a key in them."""

HASH_BYTES: Final = 16
FRESH_FOR: Final = 600_000 << ID_SHIFT
"""A message's last use is noted at most every ten minutes (as a difference of ids)."""

_NEVER: Final = -FRESH_FOR - 1  # staler than any last use: where a clock was lost, ids begin at 0
_REMEMBERED: Final = 20_000
_COMPRESS_FROM_BYTES: Final = 256  # below this zlib saves a tenth at most
_LEVEL: Final = 3  # a third of the default level's time for some 5 % more bytes
_HEADER: Final = zlib.compress(b"", _LEVEL)[:2]  # whoever has the stock window reads them all
_SMALL_BYTES: Final = 4 * 1024
_SMALL_WINDOW_BITS: Final = 12  # holds all of it, so that nothing grows
_SMALL_MEMORY_LEVEL: Final = 6


class BodyPolicy(Record):
    """Which requests' bodies are kept: a share of them, or of those that went wrong."""

    share: float
    errors_only: bool = False

    def keeps(self, row: RequestRow) -> bool:
        """Whether this request's body is kept; the same answer whenever it is asked."""
        if row.purpose not in ("live", "imported"):
            return False  # a replay's body is the original's
        if self.errors_only and row.ending == "completed":
            return False
        return self.share >= 1 or _scattered(row.id) < self.share

    @property
    def keeps_states(self) -> bool:
        """Whether clients may go on from a reply's id.  A share of a conversation is of no use, so
        that it is all of them unless nothing at all is kept."""
        return self.share > 0


def read_policy(text: str) -> BodyPolicy:
    """`all`, `errors`, `sample:0.05` or `off`.  Raises ``ValueError``."""
    name, _, share = text.strip().partition(":")
    match name:
        case "all" if not share:
            return BodyPolicy(1.0)
        case "errors" if not share:
            return BodyPolicy(1.0, errors_only=True)
        case "off" if not share:
            return BodyPolicy(0.0)
        case "sample" if _is_share(share):
            return BodyPolicy(float(share))
        case _:
            raise ValueError(
                f"LLMROUTER_BODIES is {text!r}; use all, errors, off, or sample:0.05 for one in "
                "twenty"
            )


class PackedBody(Record):
    """A body without its messages, and the messages as JSON by their hashes."""

    request_id: int
    data: bytes
    messages: Mapping[bytes, bytes]


def pack(request_id: int, body: bytes) -> PackedBody | None:
    """A body ready to be stored; None when it is no JSON object."""
    messages: dict[bytes, bytes] = {}
    hashes: list[bytes] = []
    try:
        document = orjson.loads(body)
        if not isinstance(document, dict):
            return None
        for name in CREDENTIAL_FIELDS & document.keys():
            del document[name]
        place, found = _message_list(document)
        # Of a crowd of messages one after the other: what runs in C alone lets nobody else run.
        for message in found:
            content = orjson.dumps(message)
            digest = hashlib.blake2b(content, digest_size=HASH_BYTES).digest()
            messages[digest] = content
            hashes.append(digest)
        if place is not None:
            document[place] = b2a_base64(b"".join(hashes), newline=False).decode()
        stored = orjson.dumps({"messages_at": place, "document": document})
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter: nested too deep
        return None
    return PackedBody(request_id, deflate(stored), messages)


class StoredBody(NamedTuple):
    """A body as it is stored: where its messages stood, there are their hashes (base64)."""

    document: dict[str, Any]
    place: str | None
    hashes: list[bytes]

    def joined(self, messages: Mapping[bytes, bytes]) -> bytes | None:
        """The document as JSON text, made of inflated messages; None when a message is missing."""
        if self.place is None:
            return orjson.dumps(self.document)
        try:
            whole = [orjson.Fragment(messages[digest]) for digest in self.hashes]
        except KeyError:
            return None
        return orjson.dumps({**self.document, self.place: whole})


def read_stored(data: bytes) -> StoredBody:
    """A stored body, read once for both: what it needs and what it becomes."""
    stored = _inflate_json(data)
    document, place = stored["document"], stored["messages_at"]
    return StoredBody(document, place, [] if place is None else _hashes(document[place]))


def hashes_in(data: bytes) -> list[bytes]:
    """The messages that a stored body needs, in order."""
    return read_stored(data).hashes


def unpack(data: bytes, messages: Mapping[bytes, bytes]) -> dict[str, Any] | None:
    """The document as it came, made of stored messages; None when a message is missing."""
    stored = read_stored(data)
    if stored.place is not None:
        try:
            whole = [_inflate_json(messages[digest]) for digest in stored.hashes]
        except KeyError:
            return None
        stored.document[stored.place] = whole
    return stored.document


def inflate(data: bytes) -> bytes:
    """What `deflate` was given, where that was JSON."""
    # JSON never begins with an x, and the header of zlib's stock window always does.
    return zlib.decompress(data) if data[:1] == b"x" else data


def deflate(content: bytes) -> bytes:
    """Compressed, unless it is so short that it would grow."""
    size = len(content)
    if size < _COMPRESS_FROM_BYTES:
        return content
    if size > _SMALL_BYTES:
        return zlib.compress(content, _LEVEL)
    # To lay out the stock window of 32 KiB takes up to 70 µs, ten times what a message takes.
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _SMALL_WINDOW_BITS, _SMALL_MEMORY_LEVEL)
    packed = packer.compress(content) + packer.flush()
    return _HEADER + packed[len(_HEADER) :]


class RecentMessages:
    """The messages that are known to be stored, and when their last use was noted.

    It spares most of the questions to the database; forgetting costs one more.
    """

    def __init__(self) -> None:
        self._noted: OrderedDict[bytes, int] = OrderedDict()

    def unsure(self, hashes: Iterable[bytes], request_id: int) -> list[bytes]:
        """Those that are not known to be stored, or whose last use is no longer fresh."""
        noted, stale_below = self._noted, request_id - FRESH_FOR
        return [h for h in hashes if noted.get(h, _NEVER) < stale_below]

    def remember(self, last_uses: Mapping[bytes, int]) -> None:
        """Takes in last uses as the database now has them; call it once they are committed."""
        for digest, request_id in last_uses.items():
            self._noted[digest] = request_id
            self._noted.move_to_end(digest)
        while len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)


def _message_list(document: Mapping[str, Any]) -> tuple[str | None, list[Any]]:
    """Where a request's messages stand, and what they are."""
    for place in MESSAGE_LISTS:
        found = document.get(place)
        if isinstance(found, list):
            return place, found
    return None, []


def _hashes(stored: str | list[str]) -> list[bytes]:
    if isinstance(stored, list):  # older ledgers have one hexadecimal text for each
        return list(map(bytes.fromhex, stored))
    joined = a2b_base64(stored)
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


def _inflate_json(data: bytes) -> Any:
    return orjson.loads(inflate(data))


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _scattered(request_id: int) -> float:
    """A number from 0 to 1 that looks like chance: Fibonacci hashing."""
    return (request_id * 0x9E37_79B9_7F4A_7C15 & (1 << 64) - 1) / (1 << 64)
