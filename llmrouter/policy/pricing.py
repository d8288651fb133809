"""What tokens cost, in whole nano-dollars, and how many there probably were when nobody counted."""

from __future__ import annotations

from typing import Final

from llmrouter.core.configuration import PriceConfig
from llmrouter.core.usage import Price, Usage, nusd_from_usd

TOKENS_PER_MTOK: Final = 1_000_000

# Fitted by eye to what tokenizers of 2024-2026 make of English, French, code, Russian and Chinese:
# four ASCII characters to a token; a Chinese character (two bytes beyond its first) about one.
CHARACTERS_PER_TOKEN: Final = 4
TOKENS_PER_TEN_EXTRA_BYTES: Final = 4


_UNPRICED: Final = (
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_searches",
)
"""Classes whose price is another than that of text, and that a `Price` does not tell."""


def cost_of(usage: Usage, price: Price) -> int | None:
    """The cost in nano-dollars, rounded once, half to even.

    None when it is not known: the input or the output was not counted, or a class that was used
    has no price.  A class that a provider did not mention counts as not used.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    if any(getattr(usage, name) for name in _UNPRICED):
        return None
    priced = (
        (usage.uncached_input_tokens, price.input_nusd_per_mtok, None),
        (usage.input_image_tokens, price.input_nusd_per_mtok, None),
        (usage.cache_read_tokens, price.cache_read_nusd_per_mtok, price.input_nusd_per_mtok),
        (usage.cache_write_tokens, price.cache_write_nusd_per_mtok, price.input_nusd_per_mtok),
        (usage.text_output_tokens, price.output_nusd_per_mtok, None),
        (usage.reasoning_tokens, price.reasoning_nusd_per_mtok, price.output_nusd_per_mtok),
    )
    total = 0
    for tokens, own_price, instead in priced:
        if not tokens:
            continue
        nusd_per_mtok = own_price if own_price is not None else instead
        if nusd_per_mtok is None:
            return None
        total += tokens * nusd_per_mtok
    return _divided(total, TOKENS_PER_MTOK)


def price_from_config(config: PriceConfig) -> Price:
    """The configured list price in nano-dollars."""

    def nusd(usd_per_mtok: float | None) -> int | None:
        return None if usd_per_mtok is None else nusd_from_usd(usd_per_mtok)

    return Price(
        input_nusd_per_mtok=nusd(config.input_usd_per_mtok),
        output_nusd_per_mtok=nusd(config.output_usd_per_mtok),
        cache_read_nusd_per_mtok=nusd(config.cache_read_usd_per_mtok),
        cache_write_nusd_per_mtok=nusd(config.cache_write_usd_per_mtok),
        reasoning_nusd_per_mtok=nusd(config.reasoning_usd_per_mtok),
        source=config.source,
    )


def estimate_tokens(characters: int, utf8_bytes: int | None = None) -> int:
    """About how many tokens a text has, from its length alone.

    ``utf8_bytes`` tells scripts apart: Chinese needs a token per character, English a quarter.
    Without it the text is taken for ASCII.
    """
    extra_bytes = max(0, utf8_bytes - characters) if utf8_bytes is not None else 0
    return -(-characters // CHARACTERS_PER_TOKEN) + extra_bytes * TOKENS_PER_TEN_EXTRA_BYTES // 10


def estimate_text_tokens(text: str) -> int:
    """About how many tokens this text has."""
    if text.isascii():
        return estimate_tokens(len(text))
    return estimate_tokens(len(text), len(text.encode("utf-8", "surrogatepass")))


def _divided(amount: int, divisor: int) -> int:
    """The quotient, rounded half to even, without leaving the integers."""
    quotient, remainder = divmod(amount, divisor)
    if 2 * remainder > divisor or (2 * remainder == divisor and quotient % 2 == 1):
        quotient += 1
    return quotient


def cost_of_switch(
    cached_tokens: int | None, *, leaves: Price | None, joins: Price | None
) -> int | None:
    """What it costs, in nano-dollars, that tokens which one model has cached are read anew by
    another; None when a price or the number of tokens is not known."""
    if cached_tokens is None or leaves is None or joins is None:
        return None
    anew = cost_of(Usage(uncached_input_tokens=cached_tokens, text_output_tokens=0), joins)
    cached = cost_of(
        Usage(uncached_input_tokens=0, cache_read_tokens=cached_tokens, text_output_tokens=0),
        leaves,
    )
    return None if anew is None or cached is None else anew - cached
