"""`Attempt`: one call to one target, from its first byte to its books.

An attempt is *committed* once its first semantic delta has been seen.  It ends exactly once, as
succeeded, failed or abandoned, with the event that carries its usage and its cost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from llmrouter.core.chat.losses import translation_header
from llmrouter.core.errors import AttemptError, Phase
from llmrouter.core.events import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
)
from llmrouter.core.records import replace
from llmrouter.core.routing import AttemptOutcome
from llmrouter.core.upstream import Take, UpstreamReply
from llmrouter.dialects.service_tiers import tier_of_headers
from llmrouter.dialects.wire import Observed, ReplyReader
from llmrouter.pipeline.assignment import Assignment
from llmrouter.pipeline.capacity import Room
from llmrouter.pipeline.clocks import OutOfTime, ReadingClocks
from llmrouter.pipeline.costing import Costing
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.ports import Upstream
from llmrouter.pipeline.relay import is_sign_of_life, relay
from llmrouter.policy.failures import Verdict
from llmrouter.policy.token_counts import count_by_length

ERROR_BODY_BYTES = 64 * 1024
"""How much of an error reply is read: messages are short, and some errors are whole web pages."""

ERROR_BODY_S = 2.0
"""How long an error reply may take to arrive: the next target waits for it."""

SEE_OUT_S = 0.25
"""How long a provider may take to end its reply once it has said that it is over."""

PROVIDER_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-generation-id", "cf-ray")

RECORDED_LOSSES = 100
"""A long conversation may lose the same field in each of its messages."""


T = TypeVar("T")


class Attempt:
    """Carries out one `Assignment`.  Owned by the call stage; once committed, by its relay."""

    # From `open` on, before anybody else asks:
    _incoming: UpstreamReply
    _chunks: AsyncIterator[bytes]
    _reader: ReplyReader

    def __init__(
        self,
        exchange: Exchange,
        assignment: Assignment,
        upstream: Upstream,
        room: Room | None = None,
    ) -> None:
        """``room`` is left when the attempt ends; without it, nobody counts the attempt."""
        target = self.target = assignment.target
        self.terminator = b""
        """What ends the reply in success: known once everything before it has been read."""
        self.n = assignment.n
        """Its number within the request."""
        self._exchange = exchange
        self._assignment = assignment
        self._upstream = upstream
        self._room = room
        self._costing = Costing(
            target.name,
            assignment.request,
            exchange.table.price(target, exchange.started_us),
            assignment.estimator,
        )
        self._clocks = ReadingClocks(
            exchange.clock, until_ns=exchange.start_ns + assignment.deadline_us * 1_000
        )
        self._reply: UpstreamReply | None = None
        self._observed: Observed | None = None
        """What was seen of the reply; None before there is one."""
        self._first_token_us: int | None = None
        self._at_end = False
        self._booked = False
        prepared = assignment.prepared
        # One reading dates the event and begins the durations, which are added to its moment.
        self._begun_us = exchange.emit(
            AttemptStarted(
                n=assignment.n,
                provider=target.provider,
                model=target.model,
                account=target.account,
                attempt_kind=assignment.kind,
                dialect=None if prepared.is_native else prepared.dialect.name,
                dropped=assignment.dropped[:RECORDED_LOSSES],
                translation_notes=assignment.notes[:RECORDED_LOSSES],
            )
        )
        exchange.attempt_began(self._begun_us)

    @property
    def translation(self) -> str:
        """What became of the request on its way: the value of ``x-llmrouter-translation``."""
        assignment = self._assignment
        return translation_header(native=assignment.prepared.is_native, dropped=assignment.dropped)

    @property
    def committed(self) -> bool:
        """Whether the first token has been seen."""
        return self._first_token_us is not None

    @property
    def duration_us(self) -> int:
        """Since the attempt began."""
        exchange = self._exchange
        return (exchange.now_ns() - exchange.start_ns) // 1_000 - self._begun_us

    @property
    def drain_bytes(self) -> int:
        """How much of its stream is read on once the client has left."""
        return self._assignment.limits.drain_bytes

    @property
    def content_type(self) -> str:
        """Of the reply to the client."""
        return self._reader.content_type

    async def reach(self) -> bytes:
        """Sends the request; gives the first bytes for the client: of a stream those up to and with
        the first token, otherwise the whole body.  Raises `AttemptError`."""
        assignment, prepared = self._assignment, self._assignment.prepared
        call, trace = assignment.call, self._exchange.trace
        if trace is not None and trace.propagated:
            call = replace(call, headers={**call.headers, "traceparent": trace.traceparent(self.n)})
        reply = self._reply = await self._upstream.send(call)
        is_told_cost = prepared.report_cost and assignment.kind == "chat"
        reader = self._reader = prepared.codec.reader(
            assignment.request,
            content_type=reply.headers.get("content-type", ""),
            event_bytes=assignment.limits.event_bytes,
            body_bytes=assignment.limits.response_body_bytes,
            cost_of=self._costing.so_far if is_told_cost else None,
            facts=prepared.facts,
        )
        reader.observed.service_tier = tier_of_headers(reply.headers)
        self._costing.seen = reader.observed
        self._incoming, self._chunks, self._observed = reply, reply.chunks(), reader.observed
        if not 200 <= reply.status < 300:
            body = await self._error_body()
            raise prepared.dialect.read_error(reply.status, reply.headers, body)
        if assignment.request.stream:
            return await self._first_part()
        return await self._whole()

    async def _whole(self) -> bytes:
        incoming, reader, content = self._incoming, self._reader, b""
        while not (incoming.is_over or reader.observed.done):
            self._clocks.allow(self._assignment.timeouts.idle_s)
            data = await self._read("body")
            if data is None:
                break
            self._costing.keep(data)
            content += reader.feed(data)
        if reader.observed.done:
            await self._see_out()
        return content + self._finish() + self.terminator

    async def _first_part(self) -> bytes:
        """Where a model has to keep to a rate, everything until it has shown that it does."""
        observed = self._reader.observed
        timeouts = self._assignment.timeouts
        self._clocks.allow(timeouts.first_token_s)
        content = b""
        # An answer that is whole but has no token (an empty stop) is an answer, too.
        while not (self._at_end or observed.first_token):
            content += await self._advance("first_token")
        first_token_us = self.duration_us
        if timeouts.min_tokens_per_s is not None:
            content += await self._probation(timeouts.min_tokens_per_s * timeouts.rate_window_s)
        self._commit(first_token_us)
        self._clocks.allow(timeouts.idle_s)
        return content

    async def next_part(self, pour: Take | None) -> bytes | None:
        """The next bytes for the client that can't be poured, None at the end.

        Raises `AttemptError`.
        """
        if self._at_end:
            return None
        observed, idle_s = self._reader.observed, self._assignment.timeouts.idle_s
        if pour is not None and not observed.done:
            relayed = relay(self._incoming, self._reader, pour, self._clocks, idle_s)
            left = await self._in_time("stream", relayed)
            if left:
                return left
        spoken = observed.output_characters
        content = await self._advance("stream")
        if observed.output_characters != spoken or is_sign_of_life(content):
            self._clocks.allow(idle_s)
        return content

    async def succeed(self) -> None:
        """Gives the connection back and books a success."""
        observed = self._reader.observed
        await self.aclose()
        costs = self._costing.of_whole(observed)
        self._book(AttemptSucceeded(**self._facts("succeeded"), **costs))

    def fail(self, error: AttemptError, verdict: Verdict, message: str) -> None:
        """Books a failure; ``message`` is redacted already.  `aclose` is still to be called."""
        outcome: AttemptOutcome = "failed"
        if self.committed:
            outcome = "interrupted"
        elif verdict.error_class == "client":
            outcome = "client_error"
        facts = self._facts(outcome)
        if error.status is not None:
            facts["http_status"] = error.status
        self._book(
            AttemptFailed(
                **facts,
                **self._costing.of_part(self._observed, may_have_billed=verdict.may_have_billed),
                error_class=verdict.error_class,
                phase=error.phase,
                reason=verdict.reason,
                message=message,
                counted=verdict.counted,
            )
        )

    async def abandon(self, reason: str) -> None:
        """Stops because nobody waits for it any more (see `give_up`)."""
        if not self._booked:
            self.give_up(reason)
            await self.aclose()

    def give_up(self, reason: str) -> None:
        """Books that nobody waits for it any more: what was made so far is billed all the same.
        `aclose` is still to be called."""
        self._book(
            AttemptFailed(
                **self._facts("cancelled"),
                **self._costing.of_part(self._observed, may_have_billed=True),
                error_class="gone",
                phase="stream" if self.committed else "first_token",
                reason=reason,
            )
        )

    async def aclose(self) -> None:
        """Gives the connection back, or closes it when the reply was not read to its end."""
        self._clocks.close()
        reply, self._reply = self._reply, None
        if reply is not None:
            await reply.aclose()

    async def _probation(self, wanted_tokens: float) -> bytes:
        """What follows the first token, until so many tokens have come or their time is up."""
        observed = self._reader.observed
        window_s = self._assignment.timeouts.rate_window_s
        self._clocks.allow(window_s)
        content = b""
        try:
            while not self._at_end and count_by_length(observed.output_characters) < wanted_tokens:
                content += await self._advance("first_token")
        except AttemptError as error:
            if error.kind != "timeout":
                raise
            tokens = count_by_length(observed.output_characters)
            raise AttemptError(
                "too_slow", "first_token", f"about {tokens} tokens in the first {window_s:g} s"
            ) from None
        return content

    async def _advance(self, phase: Phase) -> bytes:
        """Reads on, and gives what the client may have of it."""
        reader = self._reader
        if reader.observed.done:  # it was relayed
            await self._see_out()
            return self._finish()
        data = await self._read(phase)
        if data is None:
            return self._finish()
        content = reader.feed(data)
        if not reader.observed.done:
            return content
        await self._see_out()
        return content + self._finish()

    async def _see_out(self) -> None:
        """Reads what stands behind the provider's terminator, which matters to nobody but the
        pool: a connection is used again when its reply has been read to the end."""
        self._clocks.allow(SEE_OUT_S)
        with suppress(AttemptError):
            while (data := await self._read("stream")) is not None:
                self._reader.feed(data)

    async def _read(self, phase: Phase) -> bytes | None:
        """The next chunk, None at the end."""
        try:
            arrived = self._incoming.arrived()
        except AttemptError as error:
            error.phase = phase
            raise
        if arrived is not None:
            return arrived or None
        return await self._in_time(phase, anext(self._chunks, None))

    async def _in_time(self, phase: Phase, coming: Awaitable[T]) -> T:
        """What is to come; raises `AttemptError` when a clock runs out."""
        try:
            return await self._clocks.wait(coming)
        except AttemptError as error:
            error.phase = phase  # the transport knows of a body only
            raise
        except OutOfTime as error:
            which = "the whole time for it" if error.is_total else "the allowed time"
            raise AttemptError("timeout", phase, f"nothing arrived within {which}") from None

    def _finish(self) -> bytes:
        content, self.terminator = self._reader.finish()
        self._at_end = True
        return content

    async def _error_body(self) -> bytes:
        body = b""
        self._clocks.allow(min(ERROR_BODY_S, self._assignment.timeouts.idle_s))
        with suppress(AttemptError):  # the status alone says enough
            while len(body) < ERROR_BODY_BYTES:
                data = await self._read("body")
                if data is None:
                    break
                body += data
        return body[:ERROR_BODY_BYTES]

    def _commit(self, first_token_us: int) -> None:
        self._first_token_us = first_token_us
        self._exchange.emit(AttemptFirstToken(self._assignment.n, self._first_token_us))

    def _book(self, event: AttemptSucceeded | AttemptFailed) -> None:
        self._booked = True
        if self._room is not None:
            self._room.leave()
        self._exchange.attempt_ended(self._exchange.emit(event))

    def _facts(self, outcome: AttemptOutcome) -> dict[str, Any]:
        """The fields of an ending event that do not depend on how it ended."""
        observed = self._observed
        if observed is None:
            return {"n": self.n, "outcome": outcome, "duration_us": self.duration_us}
        reply = self._incoming
        return {
            "n": self.n,
            "outcome": outcome,
            "duration_us": self.duration_us,
            "http_status": reply.status,
            "connect_us": reply.connect_us,
            "headers_us": reply.headers_us,
            "raw_usage": observed.raw_usage,
            "finish_reason": observed.finish_reason,
            "response_model": observed.response_model,
            "provider_request_id": _request_id(reply),
            "notes": self._notes(reply, observed),
        }

    def _notes(self, reply: UpstreamReply, observed: Observed) -> tuple[str, ...]:
        notes = observed.notes
        if "bad_event" in notes and observed.skipped_events > 1:
            counted = f"bad_event={observed.skipped_events}"
            notes = [counted if note == "bad_event" else note for note in notes]
        if reply.reconnected:
            notes = [*notes, "conn_retry"]
        if self._exchange.has_left and self._exchange.drain_s > 0:
            notes = [*notes, "drained"]
        return tuple(notes)


def _request_id(reply: UpstreamReply) -> str | None:
    """By what the provider knows the call."""
    for name in PROVIDER_REQUEST_ID_HEADERS:
        if request_id := reply.headers.get(name):
            return request_id[:200]
    return None
