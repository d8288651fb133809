"""Content encodings undone piece by piece, so that a small reply can't become a large one at once.

`Accept-Encoding: identity` is what we send; some providers compress all the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from llmrouter.core.errors import AttemptError

PIECE_BYTES = 64 * 1024

_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


class Decoder(Protocol):
    """Undoes one content encoding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes, in pieces.  Raises `AttemptError` (bad_body)."""

    def finish(self) -> None:
        """Raises `AttemptError` (truncated) when the end is missing."""


def decoder_for(content_encoding: str) -> Decoder:
    """A decoder for a ``Content-Encoding`` header.  Raises `AttemptError` for others."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Inflater(is_gzip=True)
        case "deflate":
            return _Inflater(is_gzip=False)
        case _:
            raise AttemptError(
                "bad_body",
                "headers",
                f"content-encoding {content_encoding[:40]!r}, though identity was asked for",
            )


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        pass


class _Inflater:
    """gzip, or what goes by the name of deflate: with zlib's header or without."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._start = b""
        self._is_begun = False
        self._member = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._is_begun:
            self._start += data
            if len(self._start) < 2:
                return
            data, self._is_begun = self._start, True
            self._member = zlib.decompressobj(_window_bits(data, is_gzip=self._is_gzip))
        while data:
            plain = self._inflate(data)
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._next_member()
            if plain:
                yield plain
        while plain := self._inflate(b""):  # what did not fit into the last piece
            yield plain

    def finish(self) -> None:
        if self._start and not self._member.eof:
            raise AttemptError("truncated", "body", "the compressed reply was cut off")

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._member.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise AttemptError(
                "bad_body", "body", f"the reply can't be inflated: {error}"
            ) from None

    def _next_member(self) -> bytes:
        """gzip may stand behind gzip; anything else behind the end is ignored, as browsers do."""
        rest = self._member.unused_data
        if not (self._is_gzip and rest.startswith(b"\x1f\x8b")):
            return b""
        self._member = zlib.decompressobj(_GZIP)
        return rest


def _window_bits(start: bytes, *, is_gzip: bool) -> int:
    if is_gzip:
        return _GZIP
    # RFC 1950: the method is 8, and the two bytes are a multiple of 31.
    has_header = start[0] & 0x0F == 8 and int.from_bytes(start[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else _RAW_DEFLATE
