"""What a result's figures rest on: the flags of `ReplayResult.flags`, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Flag = Literal[
    "no_body",
    "no_state",
    "not_routed",
    "imported",
    "no_price",
    "no_usage",
    "no_history",
    "other_category",
    "same_tokens",
    "token_ratio",
    "key_assumed",
    "not_asked",
    "recorded_classification",
    "failed_then",
    "at_capacity",
    "upper_bound",
    "pending",
    "lost",
    "unchanged",
    "no_target",
    "no_limit",
    "not_compared",
]

FLAGS: Final[Mapping[Flag, str]] = {
    "no_body": "the body was not kept, or is past its retention: nothing could be decided",
    "no_state": "the conversation that it goes on from is no longer kept",
    "not_routed": "it ended before anything was decided: refused at the door, or cut off",
    "imported": "from another gateway's log: taken to ask for `router`, unless its model's name is "
    "a category, a combo or an alias of the candidate's",
    "no_price": "the new model's price is not known, and so is the cost",
    "no_usage": "its tokens were not counted, and so the new cost is not known",
    "no_history": "the new model answered nothing in the window: no latency, no success rate",
    "other_category": "the new model's history is of other categories",
    "same_tokens": "the new model's tokens are taken to be the old one's",
    "token_ratio": "tokens were projected by a ratio learnt from the ledger",
    "key_assumed": "that the key was set then is an assumption: the log does not tell",
    "not_asked": "a classifier behind a network would have been asked; something else answered",
    "recorded_classification": "classified as it was then, by what was recorded",
    "failed_then": "a target that the candidate puts first failed at that time",
    "at_capacity": "a target that the candidate puts first had no room for it at that time",
    "upper_bound": "the cost is at most this: caches of the new model are not foreseen",
    "pending": "live: announced and paid for, not answered yet",
    "lost": "live: sent by a process that ended before the answer; counted as spent, not repeated",
    "unchanged": "live: the same model as then, so that it was not sent",
    "no_target": "live: the candidate has nobody to ask, or whom it has rests at present",
    "no_limit": "live: it asks for answers without an end, which no budget covers",
    "not_compared": "live: the money did not reach for the old target's answer or the judge",
}
"""Every flag."""
