"""The plain carrier: calls as httpx has them, over any of its transports."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from llmrouter.core.upstream import Take, UpstreamCall
from llmrouter.upstream.carrier import OWN_HEADERS
from llmrouter.upstream.progress import EXTENSION, Progress


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
