"""Token counts of Gemini.

``promptTokenCount`` holds what was cached, ``candidatesTokenCount`` does not hold the thoughts,
and ``totalTokenCount`` is the sum of prompt, tool use, candidates and thoughts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from llmrouter.core.usage import Usage, sum_of_known
from llmrouter.dialects.fields import compact
from llmrouter.dialects.service_tiers import read_service_tier

_MOST_TOKENS = 2**40
"""Beyond this a count is a mistake."""


def read_usage(document: Mapping[str, Any]) -> Usage:
    """Disjoint classes of tokens."""
    prompt = _count(document, "promptTokenCount")
    tool_use = _count(document, "toolUsePromptTokenCount") or 0
    cached = _count(document, "cachedContentTokenCount")
    thoughts = _count(document, "thoughtsTokenCount")
    total = _count(document, "totalTokenCount")
    said = _count(document, "candidatesTokenCount")
    if prompt is not None and total is not None:
        # A count of zero is left out, and some gateways count the thoughts among the candidates.
        rest = total - prompt - tool_use - (thoughts or 0)
        if rest >= 0 and (said is None or said == rest + (thoughts or 0)):
            said = rest
    uncached = None if prompt is None else max(0, prompt - (cached or 0)) + tool_use
    sent = _modalities(document, "promptTokensDetails")
    sent.subtract(_modalities(document, "cacheTokensDetails"))
    made = _modalities(document, "candidatesTokensDetails")
    uncached, input_audio = _taken_out(uncached, sent, "AUDIO")
    uncached, input_image = _taken_out(uncached, sent, "IMAGE")
    said, output_audio = _taken_out(said, made, "AUDIO")
    said, output_image = _taken_out(said, made, "IMAGE")
    return Usage(
        uncached_input_tokens=uncached,
        cache_read_tokens=cached,
        text_output_tokens=said,
        reasoning_tokens=thoughts,
        input_audio_tokens=input_audio,
        input_image_tokens=input_image,
        output_audio_tokens=output_audio,
        output_image_tokens=output_image,
    )


def read_tier(document: Mapping[str, Any]) -> str | None:
    """At which service the tokens were made; Vertex AI has a word of its own for it."""
    said = document.get("serviceTier")
    return read_service_tier(document.get("trafficType") if said is None else said)


def write_usage(usage: Usage) -> dict[str, Any]:
    """The counts for a client; what is not known is left out."""
    known = [n for n in (usage.input_tokens, usage.output_tokens) if n is not None]
    return compact(
        promptTokenCount=usage.input_tokens,
        promptTokensDetails=_details(usage.input_audio_tokens, usage.input_image_tokens),
        cachedContentTokenCount=usage.cache_read_tokens,
        candidatesTokenCount=sum_of_known(
            (usage.text_output_tokens, usage.output_audio_tokens, usage.output_image_tokens)
        ),
        candidatesTokensDetails=_details(usage.output_audio_tokens, usage.output_image_tokens),
        thoughtsTokenCount=usage.reasoning_tokens,
        totalTokenCount=sum(known) if known else None,
    )


def _modalities(document: Mapping[str, Any], name: str) -> Counter[str]:
    """Tokens by modality; a modality that is not listed counts none."""
    tokens: Counter[str] = Counter()
    details = document.get(name)
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("modality"), str):
            tokens[detail["modality"]] += _count(detail, "tokenCount") or 0
    return tokens


def _taken_out(
    whole: int | None, tokens: Counter[str], modality: str
) -> tuple[int | None, int | None]:
    """The whole without this modality, and the modality's part of it, if it is listed."""
    if whole is None or modality not in tokens:
        return whole, None
    part = min(max(tokens[modality], 0), whole)
    return whole - part, part


def _details(audio: int | None, image: int | None) -> list[dict[str, Any]] | None:
    listed = (("AUDIO", audio), ("IMAGE", image))
    return [
        {"modality": modality, "tokenCount": count}
        for modality, count in listed
        if count is not None
    ] or None


def _count(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_TOKENS:
        return None
    return value
