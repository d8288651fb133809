"""The network under httpcore's pool: resolves, refuses, connects, and reports how far it came.

httpcore's own timeouts stay unused; the call's clock (`Progress`) cancels whatever takes too long.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION

from llmrouter.upstream.addresses import require_allowed, resolve
from llmrouter.upstream.progress import CURRENT, Progress
from llmrouter.upstream.racing import first_to_open


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections."""

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        progress = CURRENT.get()
        if progress is not None:
            progress.resolving()
        addresses = await resolve(host, port)
        if progress is not None:
            progress.connecting()
        require_allowed(addresses)
        return _Stream(
            await first_to_open(
                addresses,
                lambda address: self._inner.connect_tcp(address, port),
                httpcore.AsyncNetworkStream.aclose,
            )
        )


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that tells the call it is carrying how that goes."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._progress: Progress | None = None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        progress = CURRENT.get()
        if progress is not None:
            progress.securing()
        try:
            return _Stream(await self._inner.start_tls(ssl_context, server_hostname))
        except asyncio.CancelledError:
            # The clock ran out, or the client has gone: httpcore would forget the socket.
            await self._inner.aclose()
            raise

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        self._progress = progress = CURRENT.get()
        if progress is not None:
            progress.sending()
        await self._inner.write(buffer)
        if progress is not None:
            progress.sent()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        data = await self._inner.read(max_bytes)
        if self._progress is not None:
            self._progress.received(data)
        return data

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
