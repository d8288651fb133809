"""How a replay was asked for, as it is kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llmrouter.core.records import Record, as_mapping
from llmrouter.core.replay import ReplayWindow

Breakers = Literal["then", "ignore"]
"""Whether what stood in a target's way then (breakers, cooldowns, locked accounts) counts."""

Prices = Literal["then", "today"]
"""At which prices both sides are counted: those of the requests, or the candidate's own."""


class ReplayOptions(Record):
    """Which requests, and what counts."""

    window: ReplayWindow
    breakers: Breakers = "then"
    prices: Prices = "then"

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        window = {
            name: value for name, value in as_mapping(self.window).items() if value is not None
        }
        return {"window": window, "breakers": self.breakers, "prices": self.prices}


def read_options(document: Mapping[str, Any]) -> ReplayOptions:
    """What was kept."""
    return ReplayOptions(
        ReplayWindow(**document["window"]), document["breakers"], document["prices"]
    )
