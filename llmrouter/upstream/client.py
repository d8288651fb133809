"""`HttpUpstream`: carries calls to providers, with a pool of connections for each set of trust."""

from __future__ import annotations

import asyncio
import ssl
from typing import assert_never

import certifi

from llmrouter.core.clock import Clock, SystemClock
from llmrouter.core.errors import AttemptError
from llmrouter.core.records import Record
from llmrouter.core.upstream import UpstreamCall
from llmrouter.settings.values import HttpClient
from llmrouter.upstream.carrier import Carrier
from llmrouter.upstream.faults import CARRIER_ERRORS, as_attempt_error
from llmrouter.upstream.lean import LeanCarrier
from llmrouter.upstream.progress import Progress
from llmrouter.upstream.reply import HttpReply

IDLE_CONNECTIONS = 256
IDLE_S = 55.0
"""Below the minute after which most load balancers close an idle connection."""


_Trust = tuple[bool, str | None]
"""Whose word is taken for who the other side is: whether it has to prove that, and the file of
those who may vouch for it, None for the usual ones."""


class _Carriers(Record):
    """``pooled`` reuses connections; ``fresh`` never does."""

    pooled: Carrier
    fresh: Carrier


class HttpUpstream:
    """A `llmrouter.pipeline.ports.Upstream` over HTTP.

    ``client`` says whose connections carry the calls: our own, or httpx's.  ``carrier`` stands in
    for both, in tests; it is closed by its owner.
    """

    def __init__(
        self,
        *,
        client: HttpClient = "lean",
        carrier: Carrier | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._client: HttpClient = client
        self._given = None if carrier is None else _Carriers(carrier, carrier)
        self._clock = clock or SystemClock()
        self._carriers: dict[_Trust, _Carriers] = {}
        self._opening: dict[_Trust, asyncio.Task[_Carriers]] = {}

    async def aclose(self) -> None:
        """Closes all connections."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        opened, self._carriers = self._carriers, {}
        for carriers in opened.values():
            await carriers.pooled.aclose()
            await carriers.fresh.aclose()

    async def send(self, call: UpstreamCall) -> HttpReply:
        """Opens the reply.  To close it gives the connection back, or closes it and thereby stops
        the provider when the body was not read to its end.

        Raises `AttemptError`.
        """
        trust = (call.url.startswith("https:"), call.ca_file)
        carriers = self._given or self._carriers.get(trust) or await self._carriers_for(trust)
        reconnected = False
        while True:
            carrier = carriers.fresh if reconnected else carriers.pooled
            progress = Progress(call, self._clock)
            try:
                carried = await carrier.carry(call, progress)
            except UnicodeEncodeError:
                raise AttemptError(
                    "connect",
                    "send",
                    "a header holds characters that HTTP can't send; is it the key?",
                ) from None
            except CARRIER_ERRORS as error:
                if reconnected or not _was_closed_while_idle(error, progress):
                    # It has no name here: its traceback holds this frame, which would hold it.
                    raise as_attempt_error(error, progress) from error
                reconnected = True
            else:
                progress.phase = "body"
                return HttpReply(carried, progress, call.max_body_bytes, reconnected=reconnected)

    async def _carriers_for(self, trust: _Trust) -> _Carriers:
        """Connections for one set of trust, made when they are first needed."""
        task = self._opening.get(trust)
        if task is None:
            task = asyncio.create_task(self._open_carriers(trust))
            self._opening[trust] = task
        try:
            return await asyncio.shield(task)
        except OSError as error:  # `ssl.SSLError` is one
            raise AttemptError("tls", "tls", f"ca_file {trust[1]} can't be used: {error}") from None

    async def _open_carriers(self, trust: _Trust) -> _Carriers:
        is_secure, ca_file = trust
        try:
            # Reading some hundred certificates takes tens of milliseconds.
            context = await asyncio.to_thread(_ssl_context, ca_file) if is_secure else None
        finally:
            del self._opening[trust]
        carriers = self._carriers[trust] = _Carriers(
            _carrier(self._client, context, max_idle_connections=IDLE_CONNECTIONS, idle_s=IDLE_S),
            _carrier(self._client, context, max_idle_connections=0, idle_s=0),
        )
        return carriers


def _was_closed_while_idle(error: Exception, progress: Progress) -> bool:
    """Whether the provider closed an idle connection in the moment that we took it, which is its
    good right and no failure."""
    return (
        progress.is_reused
        and progress.phase in ("send", "headers")
        and not progress.has_response_bytes
        and as_attempt_error(error, progress).kind == "reset"
    )


def _carrier(
    client: HttpClient,
    ssl_context: ssl.SSLContext | None,
    *,
    max_idle_connections: int,
    idle_s: float,
) -> Carrier:
    match client:
        case "lean":
            return LeanCarrier(
                ssl_context, max_idle_connections=max_idle_connections, idle_s=idle_s
            )
        case "httpx":
            from llmrouter.upstream.plain import pooled  # 8 MB, for who asks for it

            return pooled(ssl_context, max_idle_connections=max_idle_connections, idle_s=idle_s)
        case never:
            assert_never(never)


def _ssl_context(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or certifi.where())
