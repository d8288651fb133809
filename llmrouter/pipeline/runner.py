"""Takes an exchange through its stages, delivers the reply, and always closes.

    forward stages ──▶ reply ──▶ parts to the client ──▶ closing stages ──▶ last bytes

The last bytes (a whole body; of a stream only the terminator) wait for the closing stages, so
that what a client was told is complete is in the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from string import punctuation
from typing import Protocol
from urllib.parse import quote

from llmrouter.core.errors import Overloaded, RouterError, StreamBroken
from llmrouter.core.events import RequestRejected
from llmrouter.core.ids import show_id
from llmrouter.core.routing import Ending
from llmrouter.core.usage import usd_from_nusd
from llmrouter.pipeline.exchange import Exchange, Relay, Reply
from llmrouter.pipeline.ports import Client, ClientGone
from llmrouter.pipeline.turnstile import Turnstile

_log = logging.getLogger(__name__)

KNOWN_NAMES = 1024
"""As many targets' names are quoted once."""

SHUTTING_DOWN = "the server is shutting down; send the request again"


class Stage(Protocol):
    """One step of the pipeline: reads the slots before it, fills its own, emits events."""

    name: str

    def __call__(self, exchange: Exchange) -> Awaitable[Reply | None]:
        """Gives the reply, if it is there: then no further stage is run.

        Raises `RouterError` to end the request with that error.
        """


class Pipeline:
    """A flat list of stages, and what happens around them."""

    def __init__(
        self,
        forward: Sequence[Stage],
        closing: Sequence[Stage],
        turnstile: Turnstile | None = None,
    ) -> None:
        """``turnstile`` stands before the closing stages, and is shared with the other pipelines of
        the same event loop."""
        # A bound method is called in half the time of an object.
        self._forward = tuple([(stage.name, stage.__call__) for stage in forward])
        self._closing = tuple([(stage.name, stage.__call__) for stage in closing])
        self._turnstile = turnstile or Turnstile()

    async def advance(self, exchange: Exchange) -> None:
        """Runs the forward stages until there is a reply; an error becomes the reply."""
        try:
            now_ns, laps = exchange.now_ns, exchange.laps
            was_ns = now_ns()
            for name, run in self._forward:
                try:
                    reply = await run(exchange)
                finally:
                    laps.append((name, was_ns, was_ns := now_ns()))
                if reply is not None:
                    exchange.reply = reply
                    return
        except RouterError as error:
            _refuse(exchange, error)
        except (asyncio.CancelledError, ClientGone):
            raise
        except Exception:
            # The runner's edge: a fault of ours must still end in a reply and in the ledger.
            _refuse(exchange, _fault(exchange))

    async def run(self, exchange: Exchange, client: Client) -> None:
        """The whole trip, for a client that waits.

        Returns when the reply is sent, whatever happened; a client that left, and a server that
        stops, cancel the running task through `Exchange.cut`.
        """
        exchange.bind(client)
        try:
            await self.advance(exchange)
            relay = exchange.reply.relay
            if relay is not None:
                await _deliver(exchange, relay, client)
            if not hasattr(exchange, "ending"):
                exchange.ending = _ending(exchange)
        except ClientGone:
            await _abandon(exchange, "disconnected")
        except asyncio.CancelledError:
            await _abandon(exchange, exchange.take_cut())
        except Exception:
            # The runner's edge: so must one behind the first byte.
            exchange.error = _fault(exchange)
            await _abandon(exchange, "interrupted")
        await self._finish(exchange, client)
        exchange.close()

    async def _finish(self, exchange: Exchange, client: Client) -> None:
        """Closes the books, then sends what had to wait for them."""
        exchange.stop_draining()
        try:
            failure = await self._close(exchange)
            await _send_rest(exchange, client, failure)
        except asyncio.CancelledError:
            exchange.take_cut()
        except ClientGone:
            pass

    async def _close(self, exchange: Exchange) -> RouterError | None:
        """Runs every closing stage; what failed keeps the reply from being given.

        Only a server that stops at once cancels this far on: then nobody waits any more for what
        the ledger has in its queue, and the books are closed all the same.
        """
        failure: RouterError | None = None
        cancelled: asyncio.CancelledError | None = None
        if not self._turnstile.opens():
            try:
                await self._turnstile.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        now_ns, laps = exchange.now_ns, exchange.laps
        was_ns = now_ns()
        for name, run in self._closing:
            try:
                await run(exchange)
            except asyncio.CancelledError as error:
                cancelled = error
            except RouterError as error:
                failure = error
                break
            except Exception:
                # The runner's edge: an answer that could not be recorded is not given.
                failure = _fault(exchange)
                break
            finally:
                laps.append((name, was_ns, was_ns := now_ns()))
        if cancelled is not None:
            raise cancelled
        return failure


def _fault(exchange: Exchange) -> RouterError:
    """What the client is told of the exception that is being handled."""
    _log.exception("request %s failed inside the router", show_id(exchange.id))
    return RouterError("the router failed; its log has the details")


def _refuse(exchange: Exchange, error: RouterError) -> None:
    """Makes an error the reply.  Before a decision was taken, nothing can have been sent."""
    exchange.error = error
    if not hasattr(exchange, "decision"):
        exchange.ending = "rejected"
        errors = error.details().get("errors", ())
        exchange.emit(
            RequestRejected(
                status=error.status,
                code=error.code,
                message=error.message[:2000],
                param=error.param,
                errors=tuple(errors) if isinstance(errors, list) else (),
            )
        )
    else:
        exchange.ending = "failed"
    exchange.reply = _error_reply(exchange, error)


def _error_reply(exchange: Exchange, error: RouterError) -> Reply:
    body = exchange.dialect.error_body(error)
    return Reply(error.status, "application/json", body, headers=error.headers)


async def _deliver(exchange: Exchange, relay: Relay, client: Client) -> None:
    """Sends everything of a stream but its last bytes."""
    if not exchange.has_left:
        reply = exchange.reply
        await client.start(reply.status, reply_headers(exchange, reply))
    try:
        await _relay(exchange, relay, client)
    except StreamBroken as error:
        exchange.error = error


def _ending(exchange: Exchange) -> Ending:
    """How the request ended, once everything but the last bytes has been sent."""
    if exchange.has_left:
        return "disconnected"
    return "completed" if exchange.error is None else "interrupted"


async def _relay(exchange: Exchange, relay: Relay, client: Client) -> None:
    """Passes all parts on; once the client has left, only reads them.

    Raises `StreamBroken`, and `ClientGone` when more remains than a provider is drained of.
    """
    drained_bytes = 0
    while True:
        part = await relay.next_part(None if exchange.has_left else client.pour)
        if part is None:
            return
        if exchange.has_left:
            drained_bytes += len(part)
            if drained_bytes > relay.drain_bytes:
                raise ClientGone
        elif part:
            await client.send(part)


async def _abandon(exchange: Exchange, ending: Ending) -> None:
    """Ends a trip that was cut short: stops the upstream, and notes what to tell a client that is
    still there."""
    relay = _running_relay(exchange)
    if relay is not None:
        await relay.abandon(ending)
    if hasattr(exchange, "ending"):
        return
    exchange.ending = ending
    if ending == "shutdown":
        exchange.error = Overloaded(SHUTTING_DOWN, code="shutting_down")
    if exchange.error is not None and not hasattr(exchange, "reply"):
        exchange.reply = _error_reply(exchange, exchange.error)


def _running_relay(exchange: Exchange) -> Relay | None:
    return exchange.reply.relay if hasattr(exchange, "reply") else None


async def _send_rest(exchange: Exchange, client: Client, failure: RouterError | None) -> None:
    """The last bytes: a whole body, a stream's terminator, or an error in its place."""
    if exchange.ending == "disconnected":
        return
    reply = exchange.reply
    if reply.relay is not None:
        if not client.started:
            await client.start(reply.status, reply_headers(exchange, reply))
        broken = failure or exchange.error
        if broken is not None:
            await client.end(exchange.dialect.error_event(broken))
        else:
            await client.end(reply.relay.terminator)
        return
    if failure is not None:
        reply = _error_reply(exchange, failure)
    await client.reply(reply.status, reply_headers(exchange, reply), reply.body)


def reply_headers(exchange: Exchange, reply: Reply) -> dict[str, str]:
    """The headers of a reply: its own, and what the router decided."""
    shown = show_id(exchange.id)
    headers = {
        "content-type": reply.content_type,
        "x-request-id": shown,
        "request-id": shown,  # where Anthropic's libraries look for it
        "x-llmrouter-request-id": shown,
        "x-llmrouter-config-version": str(exchange.table.version),
        "x-llmrouter-category": _category(exchange),
        "x-llmrouter-model": _model(exchange),
        "x-llmrouter-attempts": str(exchange.tries),
        **reply.headers,
    }
    if exchange.translation is not None:
        headers["x-llmrouter-translation"] = exchange.translation
    if reply.relay is None:
        if hasattr(exchange, "record") and exchange.record.request.cost_nusd is not None:
            headers["x-llmrouter-cost-usd"] = (
                f"{usd_from_nusd(exchange.record.request.cost_nusd):f}"
            )
    else:
        headers["cache-control"] = "no-cache"
    return headers


def _category(exchange: Exchange) -> str:
    """The category, or ``none`` when the client chose the model itself."""
    if not hasattr(exchange, "classification"):
        return "none"
    return exchange.classification.category or "none"


def _model(exchange: Exchange) -> str:
    """Who answered, as ``provider/model``; what a header cannot hold is percent-encoded."""
    served = exchange.served_target
    return "none" if served is None else _quoted(served.name)


@lru_cache(maxsize=KNOWN_NAMES)
def _quoted(name: str) -> str:
    return quote(name, safe=punctuation)
