"""What the estimator learns from the usage that providers report."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import Usage
from llmrouter.dialects.openai.parse import parse
from llmrouter.dialects.wire import Observed
from llmrouter.pipeline.estimator import LEARN_ALWAYS, Estimator

TEXT = "When does the ferry to the island leave, and when does it come back? " * 20


def request(text: str = TEXT) -> ChatRequest:
    document = {"model": "lab/fast", "messages": [{"role": "user", "content": text}]}
    return parse(json.dumps(document).encode())


def reply(text: str, usage: Usage | None = None) -> Observed:
    observed = Observed(usage=usage)
    observed.add_text(text)
    return observed


def tokens(estimator: Estimator, model: str = "lab/fast") -> tuple[int, int]:
    """The estimate of input and output."""
    usage = estimator.usage(model, request(), reply(TEXT))
    return usage.input_tokens or 0, usage.output_tokens or 0


def test_estimates_come_to_agree_with_what_a_provider_reports() -> None:
    estimator = Estimator()
    sent, made = tokens(estimator)

    for _ in range(LEARN_ALWAYS):
        told = Usage(2 * sent, text_output_tokens=3 * made)
        estimator.learn("lab/fast", request(), reply(TEXT, told))

    learnt_sent, learnt_made = tokens(estimator)
    assert 1.9 * sent < learnt_sent <= 2 * sent
    assert 2.8 * made < learnt_made <= 3 * made
    assert tokens(estimator, "lab/other") == (sent, made)


def test_hidden_thoughts_teach_nothing_about_texts() -> None:
    estimator = Estimator()
    sent, made = tokens(estimator)

    thoughtful = Usage(sent, text_output_tokens=5, reasoning_tokens=9000)
    estimator.learn("lab/fast", request(), reply(TEXT, thoughtful))

    assert tokens(estimator) == (sent, made)


def test_what_was_learnt_can_be_kept_and_taken_up_again() -> None:
    estimator = Estimator()
    estimator.learn("lab/fast", request(), reply(TEXT, Usage(9000, text_output_tokens=9000)))

    kept = estimator.take_changed()

    assert {row.kind for row in kept} == {"text", "output"}
    assert estimator.take_changed() == ()
    assert tokens(Estimator(kept)) == tokens(estimator)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=60))
def test_no_report_turns_an_estimate_absurd(reports: list[tuple[int, int]]) -> None:
    estimator = Estimator()
    before = tokens(estimator)
    for given_tokens, made_tokens in reports:
        told = Usage(given_tokens, text_output_tokens=made_tokens)
        estimator.learn("lab/fast", request(), reply(TEXT, told))

    for now, then in zip(tokens(estimator), before, strict=True):
        assert then / 5 - 1 <= now <= then * 5 + 1
