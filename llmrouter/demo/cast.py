"""Who plays in the demo: providers, routes, prices, and the prompts that are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.records import Record
from llmrouter.demo.provider import SimulatedModel, SimulatedProvider

PROVIDERS: Mapping[str, Mapping[str, SimulatedModel]] = {
    "swift": {
        "mini": SimulatedModel(
            0.02, "This answer is simulated: a small, quick and cheap model would stand here."
        ),
        "tools": SimulatedModel(0.04, "This answer is simulated."),
    },
    "sage": {
        "coder": SimulatedModel(
            0.08,
            "This answer is simulated: def answer(): return 'a careful coder would stand here'",
        ),
        "thinker": SimulatedModel(
            0.15,
            "This answer is simulated: a slow and thorough model would think step by step here, "
            "and would cost accordingly.",
        ),
    },
    "shaky": {"coder": SimulatedModel(0.0, "never seen", healthy=False)},
}


PRICES: Mapping[str, Mapping[str, float]] = {
    "swift/mini": {"input_usd_per_mtok": 0.15, "output_usd_per_mtok": 0.60},
    "swift/tools": {"input_usd_per_mtok": 0.30, "output_usd_per_mtok": 1.20},
    "sage/coder": {"input_usd_per_mtok": 3.00, "output_usd_per_mtok": 15.00},
    "sage/thinker": {"input_usd_per_mtok": 5.00, "output_usd_per_mtok": 25.00},
    "shaky/coder": {"input_usd_per_mtok": 1.00, "output_usd_per_mtok": 2.00},
}
"""US dollars per million tokens."""


class Prompt(Record):
    """A question of the tour."""

    text: str
    stream: bool = False
    tools: bool = False


PROMPTS = (
    Prompt("Hello! How are you today?"),
    Prompt("Bonjour, tu vas bien ?"),
    Prompt("Write a Python function that reverses a linked list."),
    Prompt("Prove step by step that the square root of 2 is irrational.", stream=True),
    Prompt("What is the weather in Paris?", tools=True),
    Prompt("Corrige ce bug : TypeError: 'NoneType' object is not iterable"),
    Prompt("Explique pourquoi la glace flotte sur l'eau, étape par étape."),
    Prompt("Refactor this SQL query to avoid the nested subselect.", stream=True),
    Prompt("Do you like Monty Python films?"),
    Prompt("Écris une fonction JavaScript qui trie un tableau d'objets."),
    Prompt("Calculate the probability of two sixes in three rolls of a die."),
    Prompt("Quel film me conseilles-tu pour ce soir ?", stream=True),
)

WEATHER_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def providers() -> dict[str, SimulatedProvider]:
    """Fresh providers, by name."""
    return {name: SimulatedProvider(models) for name, models in PROVIDERS.items()}


def document(base_urls: Mapping[str, str]) -> dict[str, Any]:
    """The demo's configuration; `shaky` comes first for code, so that it can fail."""
    return {
        "routing": {"mode": "keywords"},
        "providers": {
            name: {"base_url": url, "models": list(PROVIDERS[name])}
            for name, url in base_urls.items()
        },
        "categories": {
            "tools": {"models": ["swift/tools", "sage/thinker"]},
            "code": {"models": ["shaky/coder", "sage/coder"]},
            "reasoning": {"models": ["sage/thinker", "swift/mini"]},
            "conversation": {"models": ["swift/mini", "sage/thinker"]},
        },
        "prices": {name: dict(price) for name, price in PRICES.items()},
    }
