"""The fault catalogue end to end: with a second target that is good, and alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from llmrouter.store.engine import DatabaseAddress
from tests.faults.catalogue import FAULTS, GOOD, INTERRUPTED, Fault, Place
from tests.ledger_file import Story
from tests.provider import (
    DONE,
    FINISH,
    RESET,
    USAGE,
    Provider,
    Seen,
    Wire,
    answer,
    hang,
    status,
    stream,
)
from tests.running import RunningRouter, ask, lab, running_router

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = list(FAULTS)
CERTIFICATES = Path(__file__).parent.parent / "upstream" / "certificates"


Addresses = Mapping[Place, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(provider: Provider) -> AsyncIterator[Addresses]:
    """Where each place is."""
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(CERTIFICATES / "server.pem")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with plain, Provider(tls=certificate) as untrusted:
        with contextlib.ExitStack() as stack:
            refusing, deaf = (stack.enter_context(socket.socket()) for _ in range(2))
            refusing.bind(("127.0.0.1", 0))  # and nobody listens
            deaf.bind(("127.0.0.2", 0))
            deaf.listen(0)
            for _ in range(4):  # its queue is full: further connections neither open nor fail
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(deaf.getsockname())
            yield {
                "provider": provider.base_url,
                "refusing": f"http://127.0.0.1:{refusing.getsockname()[1]}/v1",
                "nowhere": f"http://{'a' * 64}.example/v1",
                "no TLS": f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}/v1",
                "untrusted": untrusted.base_url,
                "deaf": f"http://127.0.0.2:{deaf.getsockname()[1]}/v1",
            }
        assert untrusted.seen == []  # not a byte of a prompt


def document_of(provider: Provider, addresses: Addresses) -> Mapping[str, Any]:
    """Two providers for each fault, so that no breaker and no account is shared."""
    limits = {"event_bytes": 10_000, "response_body_bytes": 100_000}
    providers: dict[str, Any] = {
        "good": {"base_url": provider.base_url},
        "odd": {"base_url": provider.base_url, "timeouts": {"idle_s": 0.2, "first_token_s": 0.2}},
        "half": {
            "base_url": provider.base_url,
            "timeouts": {"idle_s": 0.15},
            "limits": limits,
            "breaker": {"failure_threshold": 1000},
        },
    }
    combos: dict[str, Any] = {"half": {"models": ["half/half", "good/good"]}}
    for number, fault in enumerate(FAULTS.values()):
        for kind in ("pair", "alone"):
            providers[f"{kind}-{number}"] = {
                "base_url": addresses[fault.place],
                "timeouts": dict(fault.clocks),
                "limits": limits,
            }
            models = [f"{kind}-{number}/fault-{number}", "good/good"]
            combos[f"{kind}-{number}"] = {"models": models[: 2 if kind == "pair" else 1]}
    return {
        **lab(provider),
        "providers": {**lab(provider)["providers"], **providers},
        "combos": combos,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(
    provider: Provider, addresses: Addresses, module_database: DatabaseAddress
) -> AsyncIterator[RunningRouter]:
    """A router that knows every fault by a combo of its own."""
    for number, fault in enumerate(FAULTS.values()):
        provider.on(f"fault-{number}", fault.script)
    async with running_router(module_database, document_of(provider, addresses)) as started:
        yield started


async def send(router: RunningRouter, model: str, fault: Fault) -> Any:
    if not fault.stream:
        return await router.chat(model=model)
    async with router.streaming(model=model) as reply:
        await reply.aread()
    return reply


def may_have_worked(fault: Fault, http_status: int | None) -> bool:
    """Whether the provider may bill what came to nothing, so that its cost is not known."""
    match fault.reason:
        case "bad_reply" | "too_slow":
            return True
        case "connection_lost":
            return http_status == 200
        case "timeout":
            return http_status in (None, 200) and fault.phase != "connect"
        case _:
            return False


def check_first_attempt(story: Story, fault: Fault) -> None:
    attempt = story.attempts[0]
    failed = next(e.data for e in story.events if e.kind == "attempt.failed")
    assert attempt["outcome"] == ("client_error" if fault.error_class == "client" else "failed")
    assert attempt["error_class"] == fault.error_class
    assert attempt["counted"] == fault.counted
    assert failed.reason == fault.reason  # type: ignore[union-attr]
    assert fault.phase is None or failed.phase == fault.phase  # type: ignore[union-attr]
    assert fault.event is None or fault.event in story.kinds
    assert fault.says in (failed.message or "")  # type: ignore[union-attr]
    assert attempt["usage_source"] == ("estimated" if fault.spoke else "none")
    assert (attempt["output_tokens"] is not None) == fault.spoke
    is_unknown = may_have_worked(fault, attempt["http_status"])
    assert attempt["cost_basis"] == ("unknown" if is_unknown else "computed")
    assert attempt["cost_nusd"] == (None if is_unknown else 0)


@pytest.mark.parametrize("name", NAMES)
async def test_with_a_good_second_target(
    name: str, provider: Provider, router: RunningRouter
) -> None:
    fault, number = FAULTS[name], NAMES.index(name)
    availability = router.router.services.availability
    availability.reset(f"pair-{number}/fault-{number}")  # another test may have asked it
    begun = asyncio.get_running_loop().time()
    reply = await send(router, f"pair-{number}", fault)
    assert asyncio.get_running_loop().time() - begun < 2
    story = router.ledger.story(reply)
    check_first_attempt(story, fault)
    if not fault.moves_on:
        assert reply.status_code == fault.alone[0]
        assert len(story.attempts) == 1
        return
    assert reply.status_code == 200
    assert reply.content.endswith(DONE) if fault.stream else "Hello." in reply.text
    assert reply.headers["x-llmrouter-model"] == "good/good"
    assert reply.headers["x-llmrouter-attempts"] == "2"
    assert (story.request["ending"], story.outcomes) == ("completed", ["failed", "succeeded"])
    assert story.data("fallback.taken").reason == fault.reason
    assert story.request["provider"] == "good"
    state = availability.breakers.get(f"pair-{number}/fault-{number}")
    assert (state.failures if state else 0) == (1 if fault.counted and not fault.event else 0)
    assert (state.position if state else "closed") == fault.state


@pytest.mark.parametrize("name", NAMES)
async def test_alone(name: str, provider: Provider, router: RunningRouter) -> None:
    fault, number = FAULTS[name], NAMES.index(name)
    router.router.services.availability.reset(f"alone-{number}/fault-{number}")
    reply = await send(router, f"alone-{number}", fault)
    story = router.ledger.story(reply)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == fault.alone
    assert reply.status_code not in (401, 403)
    assert len(story.attempts) == fault.tries
    check_first_attempt(story, fault)
    assert (story.request["ending"], story.request["http_status"]) == ("failed", fault.alone[0])
    assert story.kinds.count("request.finished") == 1
    assert str(provider.port) not in reply.text
    if fault.error_class == "client":
        assert "attempts" not in error
        return
    assert reply.headers["x-should-retry"] == "false"
    target = f"alone-{number}/fault-{number}"
    assert [a["target"] for a in error["attempts"]] == [target] * fault.tries
    assert {a["class"] for a in error["attempts"]} == {fault.reason}
    if reply.status_code == 429:
        assert 1 <= int(reply.headers["retry-after"]) <= 600


@pytest.mark.parametrize("name", GOOD)
async def test_what_looks_odd_and_is_a_good_answer(
    name: str, provider: Provider, router: RunningRouter
) -> None:
    script, note = GOOD[name]
    provider.on("odd", script)
    async with router.streaming(model="odd/odd") as reply:
        received = await reply.aread()
    story = router.ledger.story(reply)
    assert b"Fine." in received
    assert received.endswith(DONE)
    assert story.request["ending"] == "completed"
    notes = story.data("attempt.succeeded").notes
    assert notes == ((note,) if note else ())


async def test_21_a_stream_where_json_was_asked_is_put_together(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("odd", stream("All", " of it.", FINISH, USAGE, DONE))
    reply = await router.chat(model="odd/odd")
    (choice,) = reply.json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("All of it.", "stop")
    assert reply.headers["content-type"] == "application/json"
    story = router.ledger.story(reply)
    assert story.data("attempt.succeeded").notes == ("converted",)
    assert (story.request["ending"], story.attempts[0]["usage_source"]) == ("completed", "provider")
    assert router.breaker("odd/odd") == "closed"


@pytest.mark.parametrize("name", INTERRUPTED)
async def test_after_the_first_token_the_client_is_told_and_nothing_is_spliced_in(
    name: str, provider: Provider, router: RunningRouter
) -> None:
    provider.on("half", INTERRUPTED[name])
    router.router.services.availability.reset("half/half")  # broken by the cases before
    seen = len(provider.seen)
    async with router.streaming(model="half") as reply:
        received = await reply.aread()
    assert reply.status_code == 200
    assert b"Half" in received
    last = json.loads(received.strip().split(b"\n\n")[-1].removeprefix(b"data: "))
    assert last["error"]["code"] == "stream_interrupted"
    assert DONE not in received
    assert len(provider.seen) == seen + 1
    story = router.ledger.story(reply)
    assert (story.request["ending"], story.outcomes) == ("interrupted", ["interrupted"])
    assert story.attempts[0]["counted"]
    assert story.attempts[0]["usage_source"] == "estimated"
    assert story.request["output_tokens"] > 0
    assert story.kinds.count("request.finished") == 1


async def test_what_never_was_sent_costs_nothing(provider: Provider, router: RunningRouter) -> None:
    number = NAMES.index("1 refused")
    story = router.ledger.story(await router.chat(model=f"alone-{number}"))
    assert (story.request["cost_nusd"], story.request["cost_basis"]) == (0, "computed")


async def test_a_failed_attempt_keeps_the_provider_s_id(
    provider: Provider, router: RunningRouter
) -> None:
    story = router.ledger.story(await router.chat(model=f"pair-{NAMES.index('23 500')}"))
    assert story.attempts[0]["provider_request_id"] == "req_theirs"


async def test_11_a_pooled_connection_that_was_closed_is_replaced_unseen(
    provider: Provider, router: RunningRouter
) -> None:
    async def once_per_connection(wire: Wire, seen: Seen) -> None:
        if seen.nth > 1:
            await wire.reset()
        else:
            await answer()(wire, seen)

    provider.on("idle", once_per_connection)
    stories = [router.ledger.story(await router.chat(model="lab/idle")) for _ in range(6)]
    assert {tuple(story.outcomes) for story in stories} == {("succeeded",)}
    notes = {story.data("attempt.succeeded").notes for story in stories}
    assert ("conn_retry",) in notes
    assert router.breaker("lab/idle") == "closed"


async def test_27_a_context_overflow_goes_to_larger_windows_only(
    provider: Provider, router: RunningRouter
) -> None:
    overflow = status(
        400, "This model's maximum context length is 8192 tokens", code="context_length_exceeded"
    )
    for model in ("small", "middle"):
        provider.on(model, overflow)
    document = dict(router.router.services.configuration.version.document)
    document["models"] = {
        "lab/small": {"context_tokens": 8192},
        "lab/middle": {"context_tokens": 16_384},
        "lab/other-small": {"context_tokens": 8192},
        "lab/large": {"context_tokens": 1_000_000},
    }
    route = ["lab/small", "lab/other-small", "lab/middle", "lab/large"]
    combos = {"up": {"models": route}, "small": {"models": route[:3]}}
    document["combos"] = {**document["combos"], **combos}
    await router.router.services.configuration.replace(document, author="test")
    climbed = await router.chat(model="up")
    assert climbed.headers["x-llmrouter-model"] == "lab/large"
    assert climbed.headers["x-llmrouter-attempts"] == "3"
    told = await router.chat(model="small")
    assert (told.status_code, told.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert "maximum context length is 8192" in told.json()["error"]["message"]
    assert router.breaker("lab/small") == "closed"


async def test_the_total_time_covers_all_attempts_together(
    provider: Provider, router: RunningRouter
) -> None:
    document = dict(router.router.services.configuration.version.document)
    document["combos"] = {
        **document["combos"],
        "slow": {
            "models": ["lab/hang-1", "lab/hang-2", "lab/hang-3"],
            "timeouts": {"headers_s": 0.2, "total_s": 0.3},
        },
    }
    await router.router.services.configuration.replace(document, author="test")
    for n in (1, 2, 3):
        provider.on(f"hang-{n}", hang())
    begun = asyncio.get_running_loop().time()
    reply = await router.chat(model="slow")
    assert reply.status_code == 504
    assert 0.3 <= asyncio.get_running_loop().time() - begun < 1
    assert len(router.ledger.story(reply).attempts) == 2


async def test_41_a_crowd_of_streams_under_faults_completes_or_visibly_fails(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("crowd", *[answer(), answer(), stream("Hal", RESET), answer(), status(500)] * 30)

    async def one() -> bytes:
        async with router.http.stream(
            "POST", "/v1/chat/completions", json=ask(model="lab/crowd", stream=True)
        ) as reply:
            return await reply.aread()

    before = router.ledger.count("request")
    for _ in range(5):
        received = await asyncio.gather(*(one() for _ in range(30)))
        for told in received:
            assert told.endswith(DONE) != (b'"error"' in told)
    assert router.ledger.count("request") == before + 150
