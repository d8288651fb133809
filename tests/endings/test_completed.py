"""Requests that end well: what the client gets, and what the ledger says by then."""

from __future__ import annotations

from tests.provider import DONE, FINISH, USAGE, Provider, answer, stream
from tests.running import RunningRouter

WHOLE = [
    "request.received",
    "request.validated",
    "request.classified",
    "route.selected",
    "attempt.started",
    "attempt.succeeded",
    "request.finished",
]
STREAMED = [*WHOLE[:5], "attempt.first_token", *WHOLE[5:]]


async def test_a_whole_answer_is_in_the_ledger_before_its_last_byte(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", answer("Four."))
    reply = await router.chat("Two and two?")
    story = router.ledger.story(reply)  # no waiting: the client has the answer, so it is there
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"] == "Four."
    assert story.kinds == WHOLE
    assert story.outcomes == ["succeeded"]
    row = story.request
    assert (row["ending"], row["http_status"], row["attempts"]) == ("completed", 200, 1)
    assert (row["provider"], row["model"], row["stream"]) == ("lab", "fast", 0)
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (10, 5, "provider")
    assert (row["cost_nusd"], row["cost_basis"]) == (20_000, "computed")
    assert router.ledger.count("request") == 1
    assert router.ledger.breakers() == {}


async def test_a_stream_is_in_the_ledger_before_its_terminator(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", stream("Fo", "ur", FINISH, USAGE, DONE))
    line = await router.line()
    await line.post(
        {"model": "lab/fast", "messages": [{"role": "user", "content": "2+2?"}], "stream": True}
    )
    told = await line.until(b"data: [DONE]\n\n")
    story = router.ledger.only_story()
    assert told.startswith(b"HTTP/1.1 200")
    assert story.kinds == STREAMED
    row = story.request
    assert (row["ending"], row["http_status"], row["stream"]) == ("completed", 200, 1)
    assert (row["input_tokens"], row["output_tokens"], row["cost_nusd"]) == (10, 5, 20_000)
    assert 0 < row["first_token_us"] <= row["duration_us"]
    line.leave()
