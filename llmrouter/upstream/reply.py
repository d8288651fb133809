"""A provider's answer over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llmrouter.core.errors import AttemptError
from llmrouter.core.upstream import Take
from llmrouter.upstream.carrier import CarriedReply
from llmrouter.upstream.faults import CARRIER_ERRORS, as_attempt_error
from llmrouter.upstream.inflate import Decoder, decoder_for
from llmrouter.upstream.progress import Progress


class HttpReply:
    """A `llmrouter.core.upstream.UpstreamReply`; it is its own iterator of chunks.

    ``reconnected``: the provider had closed the pooled connection, so the call was sent a second
    time, on a new one.
    """

    is_over = False
    _decoder: Decoder | None = None
    _pieces: Iterator[bytes] | None = None

    def __init__(
        self,
        carried: CarriedReply,
        progress: Progress,
        max_body_bytes: int,
        *,
        reconnected: bool = False,
    ) -> None:
        self.status = carried.status
        self.headers: Mapping[str, str] = carried.headers
        self.connect_us = progress.connect_us
        self.headers_us = progress.elapsed_us()
        self.reconnected = reconnected
        self._carried = carried
        self._progress = progress
        self._max_body_bytes = max_body_bytes
        self._left_bytes = max_body_bytes
        self._is_plain = "content-encoding" not in carried.headers

    def chunks(self) -> HttpReply:
        return self

    def __aiter__(self) -> HttpReply:
        return self

    async def __anext__(self) -> bytes:
        while self._pieces is None or (plain := next(self._pieces, None)) is None:
            await self._take()
        self._left_bytes -= len(plain)
        if self._left_bytes < 0:
            raise self._too_large()
        return plain

    def arrived(self) -> bytes | None:
        if self.is_over:
            return b""
        if not self._is_plain:
            return None
        carried = self._carried
        data = carried.arrived()
        if data is not None:
            self._left_bytes -= len(data)
            if self._left_bytes < 0:
                raise self._too_large()
            self.is_over = carried.is_complete
        return data

    async def flow(self, take: Take) -> None:
        if self.is_over or not self._is_plain:
            return
        try:
            self._left_bytes -= await self._carried.flow(take, self._left_bytes)
        except CARRIER_ERRORS as error:
            raise as_attempt_error(error, self._progress) from error

    async def aclose(self) -> None:
        """Stops the provider, unless it had finished."""
        self.is_over = True
        await self._carried.aclose()

    def _too_large(self) -> AttemptError:
        return AttemptError(
            "too_large", "body", f"the reply is longer than {self._max_body_bytes} bytes"
        )

    async def _take(self) -> None:
        """The next bytes off the wire.  Raises ``StopAsyncIteration`` when there are no more."""
        if self.is_over:
            raise StopAsyncIteration
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = decoder_for(self.headers.get("content-encoding", ""))
        try:
            data = await self._carried.take()
        except CARRIER_ERRORS as error:
            raise as_attempt_error(error, self._progress) from error
        if data:
            self._pieces = decoder.feed(data)
            return
        self.is_over = True
        decoder.finish()
        raise StopAsyncIteration
