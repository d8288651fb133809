"""The plain transport: httpx over httpcore's connection pool.

It is httpx's own transport but for the network below it, which httpx gives no way to exchange.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from llmrouter.upstream.network import Network
from llmrouter.upstream.progress import CURRENT, EXTENSION


class PooledTransport(httpx.AsyncBaseTransport):
    """Keeps idle connections for the next request to the same provider.

    With ``max_idle_connections=0`` every request gets a connection of its own.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext | None, *, max_idle_connections: int, idle_s: float
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            # How many requests run at once is decided before they get here.
            max_connections=None,
            max_keepalive_connections=max_idle_connections,
            keepalive_expiry=idle_s,
            http1=True,
            http2=False,
            network_backend=Network(),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        current = CURRENT.set(request.extensions.get(EXTENSION))
        try:
            with as_httpx_errors():
                response = await self._pool.handle_async_request(
                    httpcore.Request(
                        method=request.method,
                        url=httpcore.URL(
                            scheme=request.url.raw_scheme,
                            host=request.url.raw_host,
                            port=request.url.port,
                            target=request.url.raw_path,
                        ),
                        headers=request.headers.raw,
                        content=request.stream,
                        extensions=request.extensions,
                    )
                )
        finally:
            CURRENT.reset(current)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """A response's bytes as they arrive."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx_errors():
            async for data in self._response.aiter_stream():
                yield data

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def as_httpx_errors() -> Iterator[None]:
    """Each of httpcore's errors has a namesake in httpx."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise _namesake(type(error))(str(error)) from error


def _namesake(error_type: type[Exception]) -> type[httpx.TransportError]:
    """The httpx class named like the error or like the nearest of its ancestors."""
    for ancestor in error_type.__mro__:
        namesake = getattr(httpx, ancestor.__name__, None)
        if isinstance(namesake, type) and issubclass(namesake, httpx.TransportError):
            return namesake
    return httpx.TransportError
