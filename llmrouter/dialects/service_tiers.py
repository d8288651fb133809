"""The service that a reply says it was made at, in the words that prices have for it.

https://platform.openai.com/docs/api-reference/chat/object (``service_tier``: ``default``, ``flex``,
``priority``, ``scale``), https://console.groq.com/docs/service-tiers (``on_demand``, ``flex``,
``performance``), https://docs.anthropic.com/en/api/service-tiers (``standard``, ``priority``,
``batch``), https://googleapis.github.io/js-genai/release_docs/interfaces/types.UsageMetadata.html
(``serviceTier``; Vertex AI's ``trafficType``: ``ON_DEMAND``, ``ON_DEMAND_FLEX``, …),
https://ai.google.dev/gemini-api/docs/priority-inference (``x-gemini-service-tier``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmrouter.core.prices import STANDARD_SERVICE

_LONGEST: Final = 40
"""Characters; a longer word is none."""

_MEANINGS: Final[Mapping[str, str]] = {
    "default": STANDARD_SERVICE,
    # A request's word, which some repeat: whatever the account has, mostly that.
    "auto": STANDARD_SERVICE,
    "on_demand": STANDARD_SERVICE,
    "unspecified": STANDARD_SERVICE,
    "traffic_type_unspecified": STANDARD_SERVICE,
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
}

_HEADER: Final = "x-gemini-service-tier"
_HEADER_WORDS: Final = frozenset({"standard", "flex", "priority"})
"""Google's own.  Gateways have put an account's kind there, which is no service."""


def read_service_tier(word: object) -> str | None:
    """``standard``, ``flex``, ``priority``, ``batch``, or a word of the provider's own; None where
    it says nothing."""
    if not isinstance(word, str) or not 0 < len(word) <= _LONGEST:
        return None
    plain = word.lower().removeprefix("service_tier_")
    return _MEANINGS.get(plain, plain)


def tier_of_headers(headers: Mapping[str, str]) -> str | None:
    """What a reply's head says of its service, where its body says nothing."""
    said = headers.get(_HEADER)
    if said is None:
        return None
    tier = read_service_tier(said)
    return tier if tier in _HEADER_WORDS else None
