"""Made-up traffic: what a month of requests says in events, in the shares that agents make.

The same seed gives the same traffic.  Models, prices and failures are invented; the shapes of the
events are the router's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from llmrouter.core.events import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
    Event,
    EventData,
    FallbackTaken,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ids import id_floor
from llmrouter.core.routing import AttemptOutcome, Ending
from llmrouter.pipeline.stages.account import TOLD_FROM_US

NEWEST_US: Final = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z, when the history ends
DAY_US: Final = 86_400_000_000

REJECTED: Final = 0.012
FAILED_CALL: Final = 0.04
UNKNOWN_PRICE: Final = 0.02
CUT: Final = 0.015
"""Of requests that were answered: the share that broke off, or whose client left."""

MODELS: Final = (
    # provider, model, nano-dollars per token in and out, share of cached input
    ("openrouter", "moonshotai/kimi-k2.5", 600, 2_500, 0.6),
    ("openai", "gpt-4o-mini", 150, 600, 0.5),
    ("anthropic", "claude-sonnet-4-5", 3_000, 15_000, 0.8),
    ("openrouter", "z-ai/glm-5", 500, 2_200, 0.0),
    ("google", "gemini-3-flash", 300, 2_500, 0.3),
    ("deepseek", "deepseek-chat", 280, 420, 0.7),
    ("mistral", "mistral-medium-latest", 400, 2_000, 0.0),
    ("ollama", "qwen3:8b", 0, 0, 0.0),
)
CATEGORIES: Final = (
    (
        "code",
        0.4,
        (
            "technology (python) +3.22",
            "software (function) +3.01",
            "write (write, write a) +1.14",
            "codeverb + write +0.34",
        ),
    ),
    ("tools", 0.25, ("search_web", "read_file", "write_file")),
    (
        "conversation",
        0.2,
        ('"thank~" +0.85', "smalltalk (how are) +1.70", "short +0.44", "courtesy +0.31"),
    ),
    (
        "reasoning",
        0.15,
        ("proof (prove) +2.85", "why +0.91", '"deriv~" +0.61', "question (why does) +0.52"),
    ),
)
KEYS: Final = (None, "key_01", "key_02", "key_03", "key_04", "key_05")
CLIENTS: Final = (None, "openclaw", "claude-code", "cline")
FAILURES: Final = (
    ("rate", 429, "rate_limited", "Rate limit reached for requests", False),
    ("transient", 503, "overloaded", "The model is overloaded", True),
    ("transient", None, "timeout", "nothing arrived within the allowed time", True),
    ("config", 404, "model_not_found", "The model does not exist", False),
)

Story = tuple[int, tuple[Event, ...], int]
"""A request's id, its events, and how many of them stood before the first call."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What one call is about to be."""

    n: int
    model: tuple[str, str, int, int, float]
    input_tokens: int
    stream: bool


class Traffic:
    """Requests, oldest first, spread over some days: many by day, few by night."""

    def __init__(self, requests: int, days: int, seed: int) -> None:
        self._requests = requests
        self._days = days
        self._random = Random(seed)
        self._conversations = [self._hex(16) for _ in range(40)]

    def __iter__(self) -> Iterator[Story]:
        begun_us = NEWEST_US - self._days * DAY_US
        step_us = self._days * DAY_US / self._requests
        newest_id = 0
        for number in range(self._requests):
            at_us = begun_us + int(_by_day(number * step_us))
            newest_id = max(newest_id + 1, id_floor(at_us))
            yield newest_id, *self._story(at_us)

    def _story(self, at_us: int) -> tuple[tuple[Event, ...], int]:
        chance = self._random
        told = _Teller(self._received(at_us))
        if chance.random() < REJECTED:
            told.say(90, RequestRejected(422, "validation_error", "messages: must not be empty"))
            told.say(40, RequestFinished("rejected", 422, told.at_us, code="validation_error"))
            return tuple(told.events), 0
        stream = chance.random() < 0.6
        input_tokens = int(chance.lognormvariate(8.3, 1.2))
        told.say(120, self._validated(stream, input_tokens))
        category, evidence = self._category()
        told.say(chance.randrange(120, 500), self._classified(category, evidence))
        candidates = chance.sample(MODELS, 3)
        told.say(80, _selected(category, candidates, chance.random() < 0.05))
        opened = len(told.events) + 1
        served_by = self._call_all(told, candidates, input_tokens, stream)
        told.say(110, self._finished(told, served_by))
        return tuple(told.events), opened

    def _received(self, at_us: int) -> RequestReceived:
        chance = self._random
        openai = chance.random() < 0.8
        return RequestReceived(
            at_us,
            0,
            1 + (at_us // DAY_US) % 5,
            "/chat/completions" if openai else "/messages",
            "openai" if openai else "anthropic",
            key_id=chance.choice(KEYS),
            client_request_id=self._hex(32) if chance.random() < 0.2 else None,
        )

    def _validated(self, stream: bool, input_tokens: int) -> RequestValidated:
        chance = self._random
        if chance.random() < 0.12:  # a conversation ends, another one begins
            self._conversations[chance.randrange(40)] = self._hex(16)
        tools = chance.choice((0, 0, 12))
        return RequestValidated(
            "router",
            stream,
            chance.randrange(1, 60),
            input_tokens * 4,
            needs=("tools",) if tools else (),
            tools=tools,
            conversation_id=f"text:{chance.choice(self._conversations)}",
            client=chance.choice(CLIENTS),
        )

    def _category(self) -> tuple[str, tuple[str, ...]]:
        names = [category[0] for category in CATEGORIES]
        [name] = self._random.choices(names, [category[1] for category in CATEGORIES])
        return name, next(category[2] for category in CATEGORIES if category[0] == name)

    def _classified(self, category: str, evidence: tuple[str, ...]) -> RequestClassified:
        if category == "tools":
            return RequestClassified(
                category, "tools", "hybrid", None, None, {}, evidence, self._random.randrange(30)
            )
        confidence = round(self._random.uniform(0.6, 1.0), 4)
        others = [name for name, _, _ in CATEGORIES if name not in (category, "tools")]
        scores = {category: confidence, others[0]: round(1 - confidence, 4), others[1]: 0.0}
        duration_us = self._random.randrange(80, 400)
        return RequestClassified(
            category, "local", "hybrid", "local", confidence, scores, evidence, duration_us
        )

    def _call_all(
        self, told: _Teller, candidates: list[Any], input_tokens: int, stream: bool
    ) -> int | None:
        """Asks one after the other; gives the attempt that answered."""
        for n, model in enumerate(candidates, 1):
            call = _Call(n, model, input_tokens, stream)
            told.say(90, AttemptStarted(n, model[0], model[1], "default"))
            if self._random.random() >= FAILED_CALL:
                self._answer(told, call)
                return n
            reason = self._fail(told, call)
            if n < len(candidates):
                following = candidates[n]
                told.say(
                    70,
                    FallbackTaken(
                        f"{model[0]}/{model[1]}", f"{following[0]}/{following[1]}", reason
                    ),
                )
        return None

    def _fail(self, told: _Teller, call: _Call) -> str:
        error_class, status, reason, message, counted = self._random.choice(FAILURES)
        duration_us = int(self._random.lognormvariate(12.5, 1))
        told.say(
            duration_us,
            AttemptFailed(
                call.n,
                "failed",
                duration_us,
                http_status=status,
                headers_us=None if status is None else duration_us - 100,
                cost_nusd=None if status is None else 0,
                cost_basis="unknown" if status is None else "computed",
                error_class=error_class,
                phase="first_token" if status is None else "headers",
                reason=reason,
                message=message,
                counted=counted,
            ),
        )
        return reason

    def _answer(self, told: _Teller, call: _Call) -> None:
        chance = self._random
        duration_us = int(chance.lognormvariate(15, 0.8))
        first_token_us = duration_us // chance.randrange(4, 20) if call.stream else None
        cut = chance.random() < CUT
        if first_token_us is not None:
            told.say(first_token_us, AttemptFirstToken(call.n, first_token_us))
        facts = self._facts(call, duration_us, "interrupted" if cut else None)
        end: EventData = (
            AttemptFailed(**facts, error_class="gone", phase="stream", reason="client_left")
            if cut
            else AttemptSucceeded(**facts)
        )
        told.say(duration_us - (first_token_us or 0), end)
        told.cut = cut

    def _facts(
        self,
        call: _Call,
        duration_us: int,
        cut: AttemptOutcome | None,
    ) -> dict[str, Any]:
        chance = self._random
        _, model, input_nusd, output_nusd, cached_share = call.model
        cached = int(call.input_tokens * cached_share * chance.random()) if cached_share else None
        output = int(chance.lognormvariate(5.5, 1)) + 1
        uncached = call.input_tokens - (cached or 0)
        known = chance.random() >= UNKNOWN_PRICE
        cost_nusd = uncached * input_nusd + (cached or 0) * input_nusd // 10 + output * output_nusd
        return {
            "n": call.n,
            "outcome": cut or "succeeded",
            "duration_us": duration_us,
            "http_status": 200,
            "connect_us": chance.randrange(20_000, 90_000) if chance.random() < 0.2 else None,
            "headers_us": duration_us // 20,
            "uncached_input_tokens": uncached,
            "cache_read_tokens": cached,
            "text_output_tokens": output,
            "usage_source": "estimated" if cut else "provider",
            "raw_usage": None if cut else _raw_usage(call.input_tokens, cached, output),
            "cost_nusd": cost_nusd if known else None,
            "cost_basis": ("estimated" if cut else "computed") if known else "unknown",
            "finish_reason": None if cut else chance.choice(("stop", "stop", "tool_calls")),
            "response_model": model,
            "provider_request_id": f"req_{self._hex(24)}" if chance.random() < 0.4 else None,
        }

    def _finished(self, told: _Teller, served_by: int | None) -> RequestFinished:
        chance = self._random
        ending: Ending = "failed" if served_by is None else "completed"
        if told.cut:
            ending = chance.choice(("interrupted", "disconnected"))
        code = "all_models_failed" if ending == "failed" else None
        stage_us = {
            "receive": chance.randrange(30, 120),
            "acknowledge": chance.randrange(8, 40),
            "validate": chance.randrange(90, 250),
            "classify": chance.randrange(100, 450),
            "select": chance.randrange(60, 160),
            "call": told.at_us,
            "keep": chance.randrange(15, 60),
        }
        return RequestFinished(
            ending,
            {"failed": 503, "disconnected": 499}.get(ending, 200),
            told.at_us + 110,
            overhead_us=chance.randrange(500, 1_500),
            served_by=served_by,
            error_class=code,
            code=code,
            stage_us={name: us for name, us in stage_us.items() if us >= TOLD_FROM_US},
        )

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"


class _Teller:
    """The events of one request, each so long after the one before."""

    def __init__(self, received: RequestReceived) -> None:
        self.at_us = 30
        self.cut = False
        self.events = [Event(self.at_us, received)]

    def say(self, later_us: int, data: EventData) -> None:
        self.at_us += later_us
        self.events.append(Event(self.at_us, data))


def _selected(category: str, candidates: list[Any], refused: bool) -> RouteSelected:
    shown: list[dict[str, str | None]] = [
        {"target": f"{provider}/{model}", "refused": None} for provider, model, *_ in candidates
    ]
    if refused:
        shown.insert(
            0,
            {"target": "xai/grok-4", "refused": "breaker_open", "detail": "tried again in 21 s"},
        )
    return RouteSelected(category, "priority", "classified", tuple(shown))


def _raw_usage(input_tokens: int, cached: int | None, output_tokens: int) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
        usage["completion_tokens_details"] = {"reasoning_tokens": 0}
    return usage


def _by_day(at_us: float) -> float:
    """Moves moments of a day so that most of them lie at noon."""
    day, share = divmod(at_us / DAY_US, 1)
    return (day + share - 0.12 * math.sin(2 * math.pi * share)) * DAY_US
