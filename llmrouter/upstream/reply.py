"""A provider's answer over httpx."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import httpx

from llmrouter.core.errors import AttemptError
from llmrouter.upstream.faults import FOREIGN_ERRORS, as_attempt_error
from llmrouter.upstream.inflate import decoder_for
from llmrouter.upstream.progress import Progress


class HttpReply:
    """A `llmrouter.core.upstream.UpstreamReply` whose connection is returned or closed by `aclose`.

    ``reconnected``: the provider had closed the pooled connection, so the call was sent a second
    time, on a new one.
    """

    def __init__(self, response: httpx.Response, progress: Progress, max_body_bytes: int) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self.connect_us = progress.connect_us
        self.headers_us = progress.elapsed_us()
        self.reconnected = False
        self._response = response
        self._progress = progress
        self._max_body_bytes = max_body_bytes
        self._chunks: AsyncGenerator[bytes, None] | None = None

    def chunks(self) -> AsyncIterator[bytes]:
        if self._chunks is None:
            self._chunks = self._read()
        return self._chunks

    async def aclose(self) -> None:
        """Stops the provider, unless it had finished."""
        try:
            if self._chunks is not None:
                await self._chunks.aclose()
        finally:
            await self._response.aclose()

    async def _read(self) -> AsyncGenerator[bytes, None]:
        decoder = decoder_for(self.headers.get("content-encoding", ""))
        left_bytes = self._max_body_bytes
        try:
            async for data in _stream(self._response):
                for plain in decoder.feed(data):
                    left_bytes -= len(plain)
                    if left_bytes < 0:
                        raise AttemptError(
                            "too_large",
                            "body",
                            f"the reply is longer than {self._max_body_bytes} bytes",
                        )
                    yield plain
        except FOREIGN_ERRORS as error:
            raise as_attempt_error(error, self._progress) from error
        decoder.finish()


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """The undecoded body."""
    if isinstance(response.stream, httpx.AsyncByteStream):
        return response.stream
    raise TypeError("the transport is not an asynchronous one")
