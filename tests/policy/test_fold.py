"""Folding a request's events into its rows (law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.events import (
    AttemptFailed,
    AttemptFirstToken,
    AttemptStarted,
    AttemptSucceeded,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    Event,
    EventData,
    FallbackTaken,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestRecovered,
    RequestRejected,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ledger import AttemptRow
from llmrouter.core.records import field_names
from llmrouter.core.usage import BILLED_CLASSES
from llmrouter.policy.fold import STATUS_UNSEEN, fold_breakers, fold_request

RECEIVED = RequestReceived(
    started_us=1_000_000,
    node=2,
    config_version=7,
    endpoint="/v1/chat/completions",
    dialect="openai",
    key_id="key-1",
    client_request_id="theirs",
)
VALIDATED = RequestValidated(
    requested_model="router", stream=True, messages=2, body_bytes=90, conversation_id="header:s1"
)
CLASSIFIED = RequestClassified(
    category="code",
    decided_by="keywords",
    mode_asked="hybrid",
    mode="keywords",
    confidence=0.9,
    scores={"code": 3.0},
    evidence=("python",),
    duration_us=40,
)
SELECTED = RouteSelected("code", "priority", "classified", ({"target": "lab/fast"},))


def started(n: int, provider: str = "lab", model: str = "fast") -> AttemptStarted:
    return AttemptStarted(n, provider, model, "default", started_us=1_000_000 + n)


def failed(n: int, *, cost_nusd: int | None = 0, cost_basis: str = "computed") -> AttemptFailed:
    return AttemptFailed(
        n,
        "failed",
        duration_us=300,
        http_status=500,
        cost_nusd=cost_nusd,
        cost_basis=cost_basis,  # type: ignore[arg-type]  # a table of plain words
        error_class="transient",
        counted=True,
    )


def succeeded(n: int, *, cost_nusd: int | None = 500, cost_basis: str = "computed") -> EventData:
    return AttemptSucceeded(
        n,
        "succeeded",
        duration_us=900,
        http_status=200,
        first_token_us=250,
        uncached_input_tokens=10,
        cache_read_tokens=5,
        text_output_tokens=7,
        reasoning_tokens=3,
        usage_source="provider",
        cost_nusd=cost_nusd,
        cost_basis=cost_basis,  # type: ignore[arg-type]  # a table of plain words
        price_id=4,
    )


FINISHED = RequestFinished("completed", 200, duration_us=5_000, overhead_us=90, served_by=2)

STORY: tuple[EventData, ...] = (
    RECEIVED,
    VALIDATED,
    CLASSIFIED,
    SELECTED,
    started(1, "lab", "slow"),
    failed(1),
    FallbackTaken("lab/slow", "lab/fast", "upstream_error"),
    started(2),
    AttemptFirstToken(2, 250),
    succeeded(2),
    FINISHED,
)


def at(story: Sequence[EventData], step_us: int = 100) -> list[Event]:
    return [Event(index * step_us, data) for index, data in enumerate(story)]


def test_a_whole_story_gives_the_request_and_every_attempt() -> None:
    request, attempts = fold_request(42, at(STORY))

    assert (request.id, request.ending, request.http_status) == (42, "completed", 200)
    assert (request.category, request.mode, request.decided_by) == ("code", "keywords", "keywords")
    assert (request.provider, request.model, request.attempts) == ("lab", "fast", 2)
    assert (request.key_id, request.client_request_id) == ("key-1", "theirs")
    assert request.conversation_id == "header:s1"
    assert request.price_id == 4
    assert [(a.n, a.outcome, a.counted, a.error_class) for a in attempts] == [
        (1, "failed", True, "transient"),
        (2, "succeeded", False, None),
    ]
    assert attempts[1].input_tokens == 15
    assert attempts[1].output_tokens == 10


def told(event_type: type[Any], first: int, **said: object) -> Any:
    """An event whose members are all different."""
    numbered = {name: first + place for place, name in enumerate(field_names(event_type))}
    return event_type(**numbered | said)


def test_every_column_says_what_its_event_said() -> None:
    received = told(RequestReceived, 100)
    validated = told(RequestValidated, 200)
    classified = told(RequestClassified, 300)
    started = told(AttemptStarted, 400, n=1, attempt_kind="chat")
    ended = told(AttemptFailed, 500, n=1, cost_basis="estimated")
    finished = told(RequestFinished, 600, served_by=1)

    request, [attempt] = fold_request(
        1, at((received, validated, classified, started, ended, finished))
    )

    for row, event, names in (
        (request, received, "started_us node config_version endpoint dialect purpose key_id"),
        (request, received, "client_request_id replay_id"),
        (request, validated, "stream conversation_id requested_model"),
        (request, classified, "category decided_by mode"),
        (request, started, "provider model"),
        (request, ended, "price_id cost_nusd cost_basis input_tokens output_tokens usage_source"),
        (request, finished, "ending http_status duration_us overhead_us error_class"),
        (attempt, started, "started_us provider account model"),
        (attempt, ended, "n outcome http_status error_class connect_us headers_us duration_us"),
        (attempt, ended, "first_token_us counted input_tokens output_tokens usage_source"),
        (attempt, ended, "cost_nusd cost_basis price_id provider_request_id service_tier"),
    ):
        for name in names.split():
            assert getattr(row, name) == getattr(event, name), name
    for name in BILLED_CLASSES:
        if name in AttemptRow._fields:
            assert getattr(request, name) == getattr(attempt, name) == getattr(ended, name), name
    assert request.classify_us == classified.duration_us
    assert request.first_token_us == 300 + ended.first_token_us


def test_the_request_sums_its_attempts() -> None:
    story = (*STORY[:5], failed(1, cost_nusd=70, cost_basis="estimated"), *STORY[6:])

    request, _ = fold_request(1, at(story))

    assert (request.cost_nusd, request.cost_basis) == (570, "estimated")
    assert (request.input_tokens, request.output_tokens) == (15, 10)
    assert (request.cache_read_tokens, request.cache_write_tokens) == (5, None)
    assert request.usage_source == "provider"


def test_the_first_token_counts_from_the_requests_arrival() -> None:
    request, attempts = fold_request(1, at(STORY))

    assert attempts[1].first_token_us == 250
    assert request.first_token_us == 7 * 100 + 250


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    story = (*STORY[:5], failed(1, cost_nusd=None, cost_basis="unknown"), *STORY[6:])

    request, attempts = fold_request(1, at(story))

    assert (request.cost_nusd, request.cost_basis) == (None, "unknown")
    assert attempts[1].cost_nusd == 500


def test_what_was_refused_before_anything_was_sent_cost_nothing() -> None:
    story = (
        RECEIVED,
        RequestRejected(422, "validation_error", "messages: field required"),
        RequestFinished("rejected", 422, duration_us=50, error_class="client"),
    )

    request, attempts = fold_request(1, at(story))

    assert attempts == ()
    assert (request.ending, request.http_status, request.stream) == ("rejected", 422, False)
    assert (request.cost_nusd, request.cost_basis) == (0, "computed")
    assert request.provider is None
    assert request.usage_source == "none"


def test_a_failed_request_names_the_target_that_was_tried_last() -> None:
    story = (*STORY[:5], failed(1), RequestFinished("failed", 502, 800, error_class="transient"))

    request, _ = fold_request(1, at(story))

    assert (request.provider, request.model) == ("lab", "slow")
    assert request.error_class == "transient"


def test_a_classifiers_call_is_no_answer_but_its_cost_is_booked() -> None:
    classify = AttemptStarted(1, "lab", "tiny", "default", 1_000_000, attempt_kind="classify")
    story = (
        RECEIVED,
        VALIDATED,
        classify,
        succeeded(1, cost_nusd=3),
        RequestFinished("failed", 503, duration_us=900),
    )

    request, attempts = fold_request(1, at(story))

    assert request.provider is None
    assert request.cost_nusd == 3
    assert attempts[0].kind == "classify"


@pytest.mark.parametrize("length", range(1, len(STORY)))
def test_every_prefix_folds_as_abandoned(length: int) -> None:
    events = at(STORY[:length])

    request, attempts = fold_request(1, [*events, Event(0, RequestRecovered(9_000_000))])

    assert (request.ending, request.http_status) == ("abandoned", STATUS_UNSEEN)
    assert (request.cost_nusd, request.cost_basis) == (None, "unknown")
    assert request.duration_us == (length - 1) * 100
    begun = [data.n for data in STORY[:length] if isinstance(data, AttemptStarted)]
    assert [a.n for a in attempts] == begun
    over = {d.n for d in STORY[:length] if isinstance(d, AttemptFailed | AttemptSucceeded)}
    assert {a.n for a in attempts if a.outcome == "lost"} == set(begun) - over


def test_a_lost_attempt_keeps_what_was_seen_of_it() -> None:
    request, attempts = fold_request(1, at(STORY[:9]))

    assert attempts[1].outcome == "lost"
    assert attempts[1].first_token_us == 250
    assert (attempts[1].cost_nusd, attempts[1].cost_basis) == (None, "unknown")
    assert request.first_token_us == 950


def test_facts_about_breakers_do_not_change_the_rows() -> None:
    opened = BreakerOpened("lab/slow", 3, 5, "upstream_error")

    with_breaker = fold_request(1, at((*STORY[:6], opened, *STORY[6:]), step_us=0))

    assert with_breaker == fold_request(1, at(STORY, step_us=0))


@pytest.mark.parametrize(
    ("story", "complaint"),
    [
        ((), "begins with request.received"),
        ((VALIDATED,), "begins with request.received"),
        ((RECEIVED, RECEIVED), "came twice"),
        ((RECEIVED, succeeded(1)), "attempt 1 ended and never started"),
    ],
)
def test_events_that_tell_no_story_are_refused(
    story: tuple[EventData, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        fold_request(1, at(story))


def test_breaker_events_fold_into_where_each_breaker_stands() -> None:
    events = at(
        (
            BreakerOpened("lab/a", 3, 500, "timeout"),
            BreakerOpened("lab/b", 3, 600, "timeout"),
            RECEIVED,
            BreakerHalfOpened("lab/a"),
            BreakerOpened("lab/c", 3, 700, "timeout"),
            BreakerClosed("lab/a"),
            BreakerHalfOpened("lab/b"),
            BreakerReset("lab/d"),
        )
    )

    assert fold_breakers(events) == {
        "lab/a": ("closed", None),
        "lab/b": ("half_open", None),
        "lab/c": ("open", 700),
        "lab/d": ("closed", None),
    }


BASES = ("provider_reported", "computed", "estimated", "unknown")


@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 10**9), st.sampled_from(BASES)), min_size=1, max_size=6
    )
)
def test_the_requests_cost_is_the_sum_and_as_good_as_its_worst_part(
    costs: list[tuple[int | None, str]],
) -> None:
    story: list[EventData] = [RECEIVED]
    for n, (cost_nusd, basis) in enumerate(costs, start=1):
        story += [started(n), succeeded(n, cost_nusd=cost_nusd, cost_basis=basis)]
    story.append(RequestFinished("completed", 200, 1, served_by=len(costs)))

    request, attempts = fold_request(1, at(story))

    if any(cost is None or basis == "unknown" for cost, basis in costs):
        assert (request.cost_nusd, request.cost_basis) == (None, "unknown")
    else:
        assert request.cost_nusd == sum(a.cost_nusd or 0 for a in attempts)
        assert request.cost_basis == max((basis for _, basis in costs), key=BASES.index)
