"""How a live replay was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmrouter.core.errors import FieldError, InvalidRequest
from llmrouter.core.records import Record, as_mapping, replace
from llmrouter.core.replay import MAX_OUTPUT_TOKENS, Baseline, LiveAsked, ReplayWindow
from llmrouter.core.usage import nusd_from_usd

_UNBOUNDED: Final = FieldError(
    "max_requests",
    "is missing: no budget holds for models whose price is not known, so say how many requests "
    "may be sent",
)


class LiveOptions(Record):
    """How a live replay goes.

    ``max_requests`` counts requests that are sent.  Without ``sends_unchanged`` only those whose
    target changes are.  ``max_output_tokens`` is written into requests that set no limit, without
    which no budget could hold.  ``judge`` is ``provider/model``.  A model without a known price
    is asked only with ``allows_unknown_prices``, and counts as free; then ``max_requests`` is all
    that holds the cost, and must be there.
    """

    max_nusd: int
    max_requests: int | None = None
    concurrency: int = 4
    baseline: Baseline = "logged"
    judge: str | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    sends_unchanged: bool = False
    allows_unknown_prices: bool = False


class LiveOrder(Record):
    """A live replay as it was asked for; it is kept as the replay's options."""

    window: ReplayWindow
    options: LiveOptions

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"window": as_mapping(self.window), "live": as_mapping(self.options)}

    def going_on(self, options: LiveOptions) -> LiveOrder:
        """How it goes on: how much and how fast may be another; what is sent and compared stays.

        Raises `InvalidRequest` when nothing bounds what may be spent.
        """
        if self.options.allows_unknown_prices and options.max_requests is None:
            raise InvalidRequest([_UNBOUNDED])
        return LiveOrder(
            self.window,
            replace(
                self.options,
                max_nusd=options.max_nusd,
                max_requests=options.max_requests,
                concurrency=options.concurrency,
            ),
        )


def read_order(document: Mapping[str, Any]) -> LiveOrder:
    """An order as it was kept."""
    return LiveOrder(ReplayWindow(**document["window"]), LiveOptions(**document["live"]))


def options_of(asked: LiveAsked) -> LiveOptions:
    """The order as it is carried out.

    Raises `InvalidRequest` when nothing bounds what may be spent.
    """
    if asked.max_usd is None:
        raise InvalidRequest(
            [FieldError("max_usd", "is missing: the most that may be spent, in dollars")]
        )
    if asked.allow_unknown_prices and asked.max_requests is None:
        raise InvalidRequest([_UNBOUNDED])
    return LiveOptions(
        max_nusd=nusd_from_usd(asked.max_usd),
        max_requests=asked.max_requests,
        concurrency=asked.concurrency,
        # A judge needs both answers.
        baseline="ask" if asked.judge is not None else asked.baseline,
        judge=asked.judge,
        max_output_tokens=asked.max_output_tokens,
        sends_unchanged=asked.unchanged,
        allows_unknown_prices=asked.allow_unknown_prices,
    )
