"""The plain carrier: calls as httpx has them, over any of its transports."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from llmrouter.core.upstream import Take, UpstreamCall
from llmrouter.upstream.carrier import OWN_HEADERS
from llmrouter.upstream.faults import ConnectionLost, NoConnection, NotHttp, NotSendable
from llmrouter.upstream.progress import EXTENSION, Progress
from llmrouter.upstream.transport import PooledTransport

_OUR_ERRORS: tuple[tuple[type[Exception], type[Exception]], ...] = (
    # The most specific first.
    (httpx.TimeoutException, TimeoutError),
    (httpx.ConnectError, NoConnection),
    (httpx.ProxyError, NoConnection),
    (httpx.RemoteProtocolError, NotHttp),
    (httpx.DecodingError, NotHttp),
    (httpx.LocalProtocolError, NotSendable),
    (httpx.UnsupportedProtocol, NotSendable),
    (httpx.InvalidURL, NotSendable),
    (httpx.HTTPError, ConnectionLost),
)
"""What httpx raises, and what a carrier does."""


def pooled(
    ssl_context: ssl.SSLContext | None, *, max_idle_connections: int, idle_s: float
) -> PlainCarrier:
    """httpx over a pool of connections."""
    return PlainCarrier(
        PooledTransport(ssl_context, max_idle_connections=max_idle_connections, idle_s=idle_s)
    )


class PlainCarrier:
    """A `llmrouter.upstream.carrier.Carrier` over an httpx transport.

    Requests go to the transport without httpx's client in between: no redirects, no cookies, no
    proxies from the environment, no passwords from ``.netrc``.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def carry(self, call: UpstreamCall, progress: Progress) -> PlainReply:
        return PlainReply(await progress.in_time(self._response(call, progress)))

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _response(self, call: UpstreamCall, progress: Progress) -> httpx.Response:
        progress.waiting()
        with as_carrier_errors():
            return await self._transport.handle_async_request(_request(call, progress))


class PlainReply:
    """A `llmrouter.upstream.carrier.CarriedReply` that is httpx's."""

    def __init__(self, response: httpx.Response) -> None:
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("the transport is not an asynchronous one")
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())
        self.is_complete = False  # as far as anybody can know
        self._response = response
        self._parts = aiter(response.stream)

    async def take(self) -> bytes:
        with as_carrier_errors():
            while (part := await anext(self._parts, None)) is not None:
                if part:
                    return part
        return b""

    def arrived(self) -> None:
        """httpx gives nothing unasked."""

    async def flow(self, take: Take, limit_bytes: int) -> int:
        return 0  # httpx gives nothing unasked

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def as_carrier_errors() -> Iterator[None]:
    """httpx's errors as those of any carrier."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        ours = next(ours for theirs, ours in _OUR_ERRORS if isinstance(error, theirs))
        raise ours(str(error)) from error


def _request(call: UpstreamCall, progress: Progress) -> httpx.Request:
    return httpx.Request(
        call.method,
        call.url,
        headers={**OWN_HEADERS, **call.headers},
        content=call.body,
        extensions={
            "timeout": {
                "connect": call.connect_s,
                "pool": call.connect_s,
                "read": None,
                "write": None,
            },
            EXTENSION: progress,
        },
    )
