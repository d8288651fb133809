"""Sends what can be paid for.

Whatever may cost money is announced before it is sent: the result's row says which request is
about to be made and what was set aside for it, and is committed first.  So a replay that was
killed knows what it may have paid for; it counts that as spent and does not send it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from llmrouter.core.records import replace
from llmrouter.core.replay import LoggedRequest, ReplayResult
from llmrouter.core.routing import Target
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.runner import Stage
from llmrouter.replay.deciding import Repeated
from llmrouter.replay.flags import Flag
from llmrouter.replay.purse import Purse, most_it_costs
from llmrouter.replay.sending import Gate, Letter, Sender, Sent

MEDIA_TOKENS: Final = 20_000
"""A picture or a file that the provider fetches counts as so many."""

HIDDEN_TOKENS: Final = 1_000
"""What a provider may add of its own: a chat template, instructions for tools."""

SEARCHES: Final = 50
"""Where a request lets the provider search the web, as many searches."""

PENDING: Final = "pending"
SPENT: Final = "spent_nusd"

_OVER_BUDGET: Final = "over_budget"

Announce = Callable[[ReplayResult], Awaitable[None]]
"""Commits what is about to be sent."""


class OverBudget(Exception):
    """What is left does not pay for the next call."""


@dataclass(slots=True)
class Case:
    """One logged request on its way; ``draft`` is its result so far."""

    logged: LoggedRequest
    body: bytes
    repeated: Repeated
    draft: ReplayResult
    data: dict[str, Any] = field(default_factory=dict)

    def flag(self, flag: Flag) -> None:
        """Adds a flag to the result."""
        self.draft = replace(self.draft, flags=(*self.draft.flags, flag))


class Payer:
    """Sends letters, each within what is left of the money."""

    def __init__(
        self,
        number: int,
        sender: Sender,
        purse: Purse,
        announce: Announce,
        *,
        allows_unknown_prices: bool,
    ) -> None:
        self._number = number
        self._sender = sender
        self._purse = purse
        self._announce = announce
        self._allows_unknown_prices = allows_unknown_prices

    async def send(self, case: Case, letter: Letter, call: Stage) -> Sent:
        """Sends a letter if it can be paid for, and settles what it cost.  Raises `OverBudget`."""
        sent = await self._sender.send(self._number, letter, call, self._gate(case))
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # The pipeline closed its books and swallowed it; what was announced stays so.
            raise asyncio.CancelledError
        reserved_nusd = case.data.pop(PENDING, {}).get("reserved_nusd")
        if case.data.pop(_OVER_BUDGET, False):
            raise OverBudget
        if reserved_nusd is not None:
            cost_nusd = sent.row.cost_nusd if sent.was_sent else 0
            spent_nusd = await self._purse.settle(reserved_nusd, cost_nusd)
            case.data[SPENT] = case.data.get(SPENT, 0) + spent_nusd
        return sent

    def _gate(self, case: Case) -> Gate:
        async def gate(exchange: Exchange) -> bool:
            target = next(iter(exchange.decision.usable), None)
            return target is not None and await self._set_aside(case, exchange, target)

        return gate

    async def _set_aside(self, case: Case, exchange: Exchange, target: Target) -> bool:
        """Sets aside the most that the call can cost, and commits that it is about to be made."""
        if not exchange.request.max_output_tokens or exchange.request.max_output_tokens < 0:
            case.flag("no_limit")
            return False
        most_nusd = _most_nusd(exchange, target)
        if most_nusd is None:
            if not self._allows_unknown_prices:
                case.flag("no_price")
                return False
            most_nusd = 0
        if not await self._purse.reserve(most_nusd):
            case.data[_OVER_BUDGET] = True
            return False
        case.data[PENDING] = {"request": exchange.id, "reserved_nusd": most_nusd}
        await self._announce(replace(case.draft, flags=(PENDING,), data=dict(case.data)))
        return True


def _most_nusd(exchange: Exchange, target: Target) -> int | None:
    """The most that the exchange's request can cost at a target; None without a price.

    No tokenizer makes more tokens than there are bytes.
    """
    card = exchange.table.price(target, exchange.started_us)
    if card is None:
        return None
    request = exchange.request
    media = sum(turn.has_media for turn in request.turns)
    choices = request.document.get("n")
    return most_it_costs(
        card,
        input_tokens=len(request.body) + HIDDEN_TOKENS + MEDIA_TOKENS * media,
        output_tokens=(request.max_output_tokens or 0)
        * (choices if isinstance(choices, int) and choices > 0 else 1),
        searches=SEARCHES if b"web_search" in request.body else 0,
    )
