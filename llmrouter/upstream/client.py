"""`HttpUpstream`: carries calls to providers, with a pool of connections for each set of trust."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import httpx

from llmrouter import __version__
from llmrouter.core.clock import Clock, SystemClock
from llmrouter.core.errors import AttemptError
from llmrouter.core.upstream import UpstreamCall
from llmrouter.settings.values import HttpClient
from llmrouter.upstream.faults import FOREIGN_ERRORS, as_attempt_error
from llmrouter.upstream.lean import LeanTransport
from llmrouter.upstream.progress import EXTENSION, Progress
from llmrouter.upstream.reply import HttpReply
from llmrouter.upstream.transport import PooledTransport

IDLE_CONNECTIONS = 256
IDLE_S = 55.0
"""Below the minute after which most load balancers close an idle connection."""

KNOWN_URLS = 1024

_CLIENTS: Final[Mapping[HttpClient, type[LeanTransport] | type[PooledTransport]]] = {
    "lean": LeanTransport,
    "httpx": PooledTransport,
}

_HEADERS = {
    # Compressed event streams come late and in lumps, and inflating costs more than the bytes.
    "accept-encoding": "identity",
    "user-agent": f"llmrouter/{__version__}",
}


class _Trust(NamedTuple):
    """Whose word is taken for who the other side is."""

    is_secure: bool
    ca_file: str | None


@dataclass(frozen=True, slots=True)
class _Transports:
    """``pooled`` reuses connections; ``fresh`` never does."""

    pooled: httpx.AsyncBaseTransport
    fresh: httpx.AsyncBaseTransport


class HttpUpstream:
    """A `llmrouter.pipeline.ports.Upstream` over httpx.

    Requests go to the transport without httpx's client in between: no redirects, no cookies, no
    proxies from the environment, no passwords from ``.netrc``.  ``client`` says whose connections
    carry them: our own, or httpx's.  ``transport`` stands in for both, in tests; it is closed by
    its owner.
    """

    def __init__(
        self,
        *,
        client: HttpClient = "lean",
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client: HttpClient = client
        self._given = None if transport is None else _Transports(transport, transport)
        self._clock = clock or SystemClock()
        self._transports: dict[_Trust, asyncio.Task[_Transports]] = {}
        self._urls: dict[str, httpx.URL] = {}

    @asynccontextmanager
    async def send(self, call: UpstreamCall) -> AsyncIterator[HttpReply]:
        """Opens the reply; leaving the context returns the connection, or closes it and thereby
        stops the provider when the body was not read to its end.

        Raises `AttemptError`.
        """
        reply = await self._open(call)
        try:
            yield reply
        finally:
            await reply.aclose()

    async def aclose(self) -> None:
        """Closes all connections."""
        opened, self._transports = list(self._transports.values()), {}
        for outcome in await asyncio.gather(*opened, return_exceptions=True):
            if isinstance(outcome, _Transports):
                await outcome.pooled.aclose()
                await outcome.fresh.aclose()

    async def _open(self, call: UpstreamCall) -> HttpReply:
        trust = _Trust(call.url.startswith("https:"), call.ca_file)
        transports = self._given or await self._transports_for(trust)
        progress = Progress(call, self._clock)
        try:
            return await self._attempt(call, transports.pooled, progress)
        except AttemptError as error:
            # The provider closed an idle connection in the moment that we took it, which is its
            # good right and no failure.
            was_closed_while_idle = (
                error.kind == "reset"
                and progress.is_reused
                and progress.phase in ("send", "headers")
                and not progress.has_response_bytes
            )
            if not was_closed_while_idle:
                raise
        reply = await self._attempt(call, transports.fresh, Progress(call, self._clock))
        reply.reconnected = True
        return reply

    async def _attempt(
        self, call: UpstreamCall, transport: httpx.AsyncBaseTransport, progress: Progress
    ) -> HttpReply:
        try:
            async with progress.start_clock():
                request = self._request(call, progress)
                response = await transport.handle_async_request(request)
        except FOREIGN_ERRORS as error:
            raise as_attempt_error(error, progress) from error
        progress.stop_clock()
        return HttpReply(response, progress, call.max_body_bytes)

    def _request(self, call: UpstreamCall, progress: Progress) -> httpx.Request:
        try:
            return httpx.Request(
                call.method,
                self._url(call.url),
                headers={**_HEADERS, **call.headers},
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
        except UnicodeEncodeError:
            raise AttemptError(
                "connect", "send", "a header holds characters that HTTP can't send; is it the key?"
            ) from None

    def _url(self, url: str) -> httpx.URL:
        """The URL taken apart once: there are as many as providers and models."""
        known = self._urls.get(url)
        if known is None:
            if len(self._urls) >= KNOWN_URLS:
                self._urls.clear()
            known = self._urls[url] = httpx.URL(url)
        return known

    async def _transports_for(self, trust: _Trust) -> _Transports:
        """The pools for one set of trust, made when they are first needed."""
        task = self._transports.get(trust)
        if task is None:
            task = asyncio.create_task(_open_transports(trust, self._client))
            self._transports[trust] = task
        try:
            return await asyncio.shield(task)
        except OSError as error:  # `ssl.SSLError` is one
            self._transports.pop(trust, None)
            raise AttemptError(
                "tls", "tls", f"ca_file {trust.ca_file} can't be used: {error}"
            ) from None


async def _open_transports(trust: _Trust, client: HttpClient) -> _Transports:
    # Reading some hundred certificates takes tens of milliseconds.
    context = await asyncio.to_thread(_ssl_context, trust.ca_file) if trust.is_secure else None
    transport = _CLIENTS[client]
    return _Transports(
        transport(context, max_idle_connections=IDLE_CONNECTIONS, idle_s=IDLE_S),
        transport(context, max_idle_connections=0, idle_s=0),
    )


def _ssl_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is not None:
        return ssl.create_default_context(cafile=ca_file)
    return httpx.create_ssl_context(trust_env=False)
