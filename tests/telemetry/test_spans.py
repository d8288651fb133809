"""Traces: a span per request, per stage and per attempt, as a collector gets them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource

from llmrouter.telemetry.spans import Spans
from tests.provider import STALL, Provider, answer, chunk, status, stream
from tests.running import KEYS, ask
from tests.telemetry.collector import Collector
from tests.telemetry.conftest import MakeRouter

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


async def test_a_request_is_a_tree_of_spans(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling() as router:
        story = router.ledger.story(await router.chat())

    (request,) = collector.of_kind("SERVER")
    (attempt,) = collector.of_kind("CLIENT")
    stages = collector.of_kind("INTERNAL")
    assert request.name == attempt.name.replace("fast", "lab/fast") == "chat lab/fast"
    assert request.parent_id == ""
    assert {span.parent_id for span in (attempt, *stages)} == {request.span_id}
    assert {span.trace_id for span in collector.spans} == {request.trace_id}
    named = [stage.name for stage in stages]
    assert named[:2] == ["trace", "receive"]
    assert {"validate", "classify", "select", "call", "account"} < set(named)
    for span in (attempt, *stages):
        assert request.began_ns <= span.began_ns <= span.ended_ns <= request.ended_ns
    assert request.began_ns == story.request["started_us"] * 1000
    assert not request.is_error
    assert not attempt.is_error


async def test_spans_say_what_the_ledger_says_by_the_conventions_names(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling(OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test") as router:
        reply = await router.chat()
        row = router.ledger.story(reply).request

    (request,) = collector.of_kind("SERVER")
    (attempt,) = collector.of_kind("CLIENT")
    for span in (request, attempt):
        assert span["gen_ai.operation.name"] == "chat"
        assert span["gen_ai.provider.name"] == "lab"
        assert span["gen_ai.usage.input_tokens"] == row["input_tokens"]
        assert span["gen_ai.usage.output_tokens"] == row["output_tokens"]
        assert span["gen_ai.response.finish_reasons"] == ["stop"]
        assert span["gen_ai.response.model"] == reply.json()["model"]
        assert span["http.response.status_code"] == 200
        assert span["llmrouter.cost_usd"] == pytest.approx(row["cost_nusd"] / 1e9)
        assert span["llmrouter.request.id"] == reply.headers["x-llmrouter-request-id"]
        assert "error.type" not in span.attributes
    assert request["gen_ai.request.model"] == "lab/fast"
    assert attempt["gen_ai.request.model"] == "fast"
    assert (attempt["server.address"], attempt["server.port"]) == ("127.0.0.1", provider.port)
    assert request["llmrouter.ending"] == "completed"
    assert request["llmrouter.config.version"] == row["config_version"]
    assert request["http.route"] == row["endpoint"]
    assert collector.resource["service.name"] == "llmrouter"
    assert collector.resource["deployment.environment.name"] == "test"


async def test_failed_attempts_and_the_way_around_them_are_told(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", status(500), answer())
    async with telling() as router:
        await router.chat(model="pair")

    (request,) = collector.of_kind("SERVER")
    failed, served = collector.of_kind("CLIENT")
    assert request["llmrouter.route"] == "pair"
    assert request["llmrouter.model"] == "spare/fast"
    assert request.events["fallback.taken"]["llmrouter.from_target"] == "lab/fast"
    assert failed.is_error
    assert failed["error.type"] == "transient"
    assert failed["http.response.status_code"] == 500
    assert not served.is_error
    assert not request.is_error


async def test_a_stream_tells_its_first_token(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling() as router, router.streaming() as reply:
        await reply.aread()

    (request,) = collector.of_kind("SERVER")
    (attempt,) = collector.of_kind("CLIENT")
    assert request["gen_ai.request.stream"] is True
    assert request["gen_ai.response.time_to_first_chunk"] > 0
    assert "attempt.first_token" in attempt.events


async def test_requests_that_fail_are_errors_and_refused_ones_are_their_clients(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", status(500))
    async with telling() as router:
        await router.chat()
        await router.chat(model="sk-what-is-this-0123456789abcdef")

    failed, refused = collector.of_kind("SERVER")
    assert failed.is_error
    assert failed["error.type"] == "failed"
    assert not refused.is_error
    assert refused["error.type"] == "rejected"
    assert refused["http.response.status_code"] == 404
    assert refused.name == "chat"
    assert not any(b"sk-what" in body for body in collector.received)


async def test_nothing_that_was_said_and_no_key_leaves(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer("The answer is porcupine."), status(400, "I hate armadillos"))
    async with telling() as router:
        await router.chat("What about the aardvark?")
        await router.chat("And the aardvark?", user="gazelle")

    sent = b"".join(collector.received)
    assert b"gen_ai.request.model" in sent
    for secret in ("aardvark", "porcupine", "armadillos", "gazelle", *KEYS.values()):
        assert secret.encode() not in sent


async def test_a_clients_trace_goes_on_to_the_provider(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling() as router:
        await router.http.post(
            "/v1/chat/completions",
            json=ask(),
            headers={"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "shop=42"},
        )

    (request,) = collector.of_kind("SERVER")
    (attempt,) = collector.of_kind("CLIENT")
    assert (request.trace_id, request.parent_id) == (TRACE, SPAN)
    assert request.trace_state == "shop=42"
    seen = provider.seen[-1].headers
    assert seen["traceparent"] == f"00-{TRACE}-{attempt.span_id}-01"
    assert "tracestate" not in seen


async def test_what_is_no_trace_context_is_as_if_it_were_not_there(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    malformed = (
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    )
    async with telling() as router:
        for header in malformed:
            reply = await router.http.post(
                "/v1/chat/completions", json=ask(), headers={"traceparent": header}
            )
            assert reply.status_code == 200

    requests = collector.of_kind("SERVER")
    assert {request.parent_id for request in requests} == {""}
    assert TRACE not in {request.trace_id for request in requests}
    assert len({request.trace_id for request in requests}) == len(malformed)


async def test_what_its_client_does_not_sample_is_not_exported(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling() as router:
        await router.http.post(
            "/v1/chat/completions", json=ask(), headers={"traceparent": f"00-{TRACE}-{SPAN}-00"}
        )

    assert collector.spans == []
    assert provider.seen[-1].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert provider.seen[-1].headers["traceparent"].endswith("-00")
    assert collector.the("gen_ai.server.request.duration").count == 1


async def test_without_the_propagator_nobody_is_told_of_traces(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", answer())
    async with telling(OTEL_PROPAGATORS="none") as router:
        await router.http.post(
            "/v1/chat/completions", json=ask(), headers={"traceparent": f"00-{TRACE}-{SPAN}-01"}
        )

    (request,) = collector.of_kind("SERVER")
    assert request.trace_id != TRACE
    assert "traceparent" not in provider.seen[-1].headers


@given(st.text(), st.text())
@example(f"00-{TRACE}-{SPAN}-01", "shop=42")
@example(f"00-{TRACE}-{SPAN}-ff", "=,=,=")
@example(f"00-{TRACE}-{'f' * 16}-01", ",".join(f"k{n}=v" for n in range(99)))
def test_whatever_stands_in_the_headers_a_request_has_a_place(traceparent: str, state: str) -> None:
    spans = Spans(Resource({}), propagated=True)
    try:
        trace = spans.begin({"traceparent": traceparent, "tracestate": state})
    finally:
        spans.close()
    for n in (1, 999):
        assert re.fullmatch(
            "00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]", trace.traceparent(n)
        )


async def test_counting_tokens_is_an_operation_of_its_own(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    async with telling() as router:
        await router.http.post("/v1/messages/count_tokens", json=ask())

    (request,) = collector.of_kind("SERVER")
    assert request.name == "count_tokens lab/fast"
    assert collector.of_kind("CLIENT") == []


async def test_a_client_that_leaves_is_no_error_of_the_server(
    provider: Provider, collector: Collector, telling: MakeRouter
) -> None:
    provider.on("fast", stream(chunk({"content": "Well"}), STALL))
    async with telling() as router:
        async with router.streaming() as reply:
            await anext(reply.aiter_bytes())
        await router.settled()

    (request,) = collector.of_kind("SERVER")
    (attempt,) = collector.of_kind("CLIENT")
    assert request["llmrouter.ending"] == request["error.type"] == "disconnected"
    assert request["http.response.status_code"] == 499
    assert attempt["llmrouter.attempt.outcome"] == "cancelled"
    assert not request.is_error
    assert not attempt.is_error
