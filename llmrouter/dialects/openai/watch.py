"""What a reply tells accounting, chunk by chunk or whole; and what clients trip over, mended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llmrouter.core.errors import AttemptError, FaultKind, Phase
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.dialects.openai.errors import (
    ProviderError,
    excerpt,
    read_error_document,
)
from llmrouter.dialects.openai.usage import read_usage
from llmrouter.dialects.service_tiers import read_service_tier
from llmrouter.dialects.wire import CostOf, Observed

_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})

_FINISH_REASON_MEANINGS: Mapping[str, str] = {
    "model_context_window_exceeded": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
}

_TEXTS = ("content", "reasoning_content", "reasoning", "reasoning_text", "refusal")
_THINGS = ("audio", "images", "reasoning_details")


class Watch:
    """Fills `Observed` from a reply's documents.

    Agents repeat a request for ever at a finish reason they don't know, so those are replaced in
    the documents; the methods say whether they changed anything.
    """

    def __init__(self, part: Literal["stream", "body"], cost_of: CostOf | None) -> None:
        self.observed = Observed()
        self._part = part
        self._cost_of = cost_of
        self._tier_word: object = None

    def note(self, word: str) -> None:
        """Keeps a short word for the ledger, once."""
        if word not in self.observed.notes:
            self.observed.notes.append(word)

    def skip(self) -> None:
        """Counts an event that cannot be read and is left out."""
        self.observed.skipped_events += 1
        self.note("bad_event")

    def fault(self, kind: FaultKind, message: str) -> AttemptError:
        """A failure at the place that the reply has come to."""
        return AttemptError(kind, self.phase, message)

    @property
    def phase(self) -> Phase:
        """How far the reply has come."""
        if self._part == "body":
            return "body"
        return "stream" if self.observed.first_token else "first_token"

    def read_error_event(self, document: object, data: bytes) -> AttemptError:
        """The error that an ``event: error`` carries, in whatever form."""
        said = read_error_document(document) or ProviderError(excerpt(data) or "an error event")
        return self._error(said)

    def require_no_error(self, document: Mapping[str, Any]) -> None:
        """Raises `AttemptError` when the document is an error or carries one."""
        if document.get("error") or document.get("object") == "error":
            said = read_error_document(document)
            raise self._error(said or ProviderError("the provider reported an error"))

    def read_choices(
        self, document: Mapping[str, Any], member: Literal["delta", "message"]
    ) -> bool:
        """Takes in the choices of a chunk or of a completion; True when it changed one.

        Raises `AttemptError` at the finish reason ``error``.
        """
        observed = self.observed
        if observed.response_model is None:  # every chunk repeats it
            model = document.get("model")
            observed.response_model = model if isinstance(model, str) and model else None
        tier_word = document.get("service_tier")
        if tier_word != self._tier_word:
            self._tier_word = tier_word
            observed.service_tier = read_service_tier(tier_word) or observed.service_tier
        is_changed = False
        choices = document.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            spoken = choice.get(member)
            if isinstance(spoken, dict):
                texts = spoken_texts(spoken)
                if texts is not None:
                    observed.first_token = True
                    for text in texts:
                        observed.add_text(text)
            reason = choice.get("finish_reason")
            if type(reason) is str and reason in _FINISH_REASONS:
                observed.finish_reason = reason
            elif reason:
                self._replace_finish(choice, reason)
                is_changed = True
        return is_changed

    def read_usage(self, document: Mapping[str, Any]) -> bool:
        """Takes in a usage object, where there is one; True when ``usage.cost`` was added."""
        raw = document.get("usage")
        if not isinstance(raw, dict) or not raw:
            if raw:
                self.note("bad_usage")
            return False
        reported = read_usage(raw)
        observed = self.observed
        observed.raw_usage = dict(raw)
        if reported.is_absurd:
            self.note("bad_usage")
        if reported.usage is not None:
            observed.usage = reported.usage
        if reported.cost_nusd is not None:
            observed.reported_cost_nusd = reported.cost_nusd
        if self._cost_of is None or raw.get("cost") is not None:
            return False
        cost_nusd = reported.cost_nusd
        if cost_nusd is None and reported.usage is not None:
            cost_nusd = self._cost_of(reported.usage)
        if cost_nusd is None:
            return False
        raw["cost"] = cost_nusd / NUSD_PER_USD
        return True

    def _replace_finish(self, choice: dict[str, Any], reason: object) -> None:
        """Takes in a finish reason that clients do not know, and writes one that they do."""
        if reason == "error":
            raise self._error(
                read_error_document({"error": choice.get("error")})
                or ProviderError("the provider finished with an error")
            )
        self.note(f"finish_reason={str(reason)[:40]}")
        choice["finish_reason"] = self.observed.finish_reason = known_finish_reason(reason)

    def _error(self, said: ProviderError) -> AttemptError:
        return AttemptError(
            "error_body",
            self.phase,
            said.message,
            error_type=said.type,
            code=said.code,
            param=said.param,
        )


def known_finish_reason(reason: object) -> str:
    """The finish reason that every client knows; those that say nothing known mean ``stop``."""
    word = str(reason).lower()
    return word if word in _FINISH_REASONS else _FINISH_REASON_MEANINGS.get(word, "stop")


def spoken_texts(message: Mapping[str, Any]) -> list[str] | None:
    """What a delta or message says; None when it is no semantic delta."""
    content = message.get("content")
    if type(content) is str:
        if len(message) == 1:  # the common delta
            return [content] if content else None
        if content and sum(map(bool, message.values())) == (2 if message.get("role") else 1):
            return [content]  # the common message, which says nothing else
    spoken = [text for name in _TEXTS if (text := message.get(name))]
    calls = message.get("tool_calls")
    functions = [
        call.get("function") or call.get("custom")
        for call in (calls if isinstance(calls, list) else ())
        if isinstance(call, dict)
    ]
    if message.get("function_call"):
        functions.append(message["function_call"])
    for function in functions:
        if isinstance(function, dict):
            spoken += [function.get(name) for name in ("name", "arguments", "input")]
    if not spoken and not functions and not any(message.get(name) for name in _THINGS):
        return None
    return [text for said in spoken for text in _texts(said)]


def _texts(said: object) -> list[str]:
    """Of a text, or of a list of parts (Mistral's ``thinking`` nests once more)."""
    if isinstance(said, str):
        return [said]
    texts: list[str] = []
    for part in said if isinstance(said, list) else ():
        if isinstance(part, dict):
            text = part.get("text")
            texts += [text] if isinstance(text, str) else _texts(part.get("thinking"))
    return texts
