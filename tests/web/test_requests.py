"""/requests, /explain and /providers: what happened, what would happen, and with whom."""

from __future__ import annotations

import json

from tests.provider import Provider, answer, status
from tests.running import KEYS, RunningRouter, ask


async def test_requests_are_paged_from_the_newest_on(router: RunningRouter) -> None:
    sent = [(await router.chat(str(n))).headers["x-llmrouter-request-id"] for n in range(5)]
    seen: list[str] = []
    before = ""
    while True:
        page = (await router.http.get(f"/requests?limit=2{before}")).json()
        seen += [request["id"] for request in page["requests"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert seen == sent[::-1]


async def test_requests_are_filtered(provider: Provider, router: RunningRouter) -> None:
    await router.chat("Fix my Python function", "router")
    provider.on("broken", status(400))
    await router.chat(model="lab/broken")

    async def found(query: str) -> list[str]:
        page = (await router.http.get(f"/requests?{query}")).json()
        return [request["model"] for request in page["requests"]]

    assert await found("ending=failed") == ["lab/broken"]
    assert await found("category=code") == ["lab/code"]
    assert await found("since=1h") == ["lab/broken", "lab/code"]
    assert await found("since=2099-01-01") == []


async def test_a_request_s_whole_story_is_told_by_either_id(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("code", status(503, "busy"), answer())
    reply = await router.http.post(
        "/v1/chat/completions",
        json=ask("Fix my Python function", "router"),
        headers={"x-request-id": "my own / id"},
    )
    ours = reply.headers["x-llmrouter-request-id"]
    story = (await router.http.get(f"/requests/{ours}")).json()
    assert story == (await router.http.get("/requests/my%20own%20%2F%20id")).json()
    assert story["ending"] == "completed"
    assert story["request"]["client_request_id"] == "my own / id"
    assert story["classification"]["category"] == "code"
    assert [c["target"] for c in story["decision"]["candidates"]] == ["lab/code", "spare/code"]
    assert [a["target"] for a in story["attempts"]] == ["lab/code", "spare/code"]
    assert [a["outcome"] for a in story["attempts"]] == ["failed", "succeeded"]
    assert [event["seq"] for event in story["events"]] == list(range(len(story["events"])))
    assert story["events"][-1]["kind"] == "request.finished"


async def test_an_unknown_request_is_404(router: RunningRouter) -> None:
    for name in ("req_0000000000000", "nobody-sent-this", "123"):
        reply = await router.http.get(f"/requests/{name}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "request_not_found")


async def test_explain_decides_and_neither_calls_nor_accounts(
    provider: Provider, router: RunningRouter
) -> None:
    reply = await router.http.post("/explain", json=ask("Fix my Python function", "router"))
    told = reply.json()
    assert told["classification"]["category"] == "code"
    assert told["classification"]["decided_by"] == "keywords"
    assert told["decision"]["chosen"] == "lab/code"
    assert [c["target"] for c in told["decision"]["candidates"]] == ["lab/code", "spare/code"]
    assert provider.seen == []
    assert router.ledger.count("request") == 0
    # The start's own events may still be on their way into the ledger.
    assert router.ledger.count("event WHERE kind LIKE 'request.%' OR kind LIKE 'attempt.%'") == 0
    assert (await router.http.get("/metrics")).json()["requests"]["total"] == 0
    answered = await router.chat("Fix my Python function", "router")
    assert answered.headers["x-llmrouter-model"] == told["decision"]["chosen"]


async def test_explain_takes_no_permit_and_tells_why_a_target_is_refused(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", status(500), answer())
    for _ in range(3):
        provider.on("fast", status(500), answer())
        await router.chat(model="pair")
    told = (await router.http.post("/explain", json=ask(model="pair"))).json()
    assert told["decision"]["candidates"][0]["refused"] == "breaker_open"
    assert told["decision"]["chosen"] == "spare/fast"
    assert router.breaker("lab/fast") == "open"


async def test_explain_refuses_what_a_request_would_be_refused_for(router: RunningRouter) -> None:
    assert (await router.http.post("/explain", json={})).status_code == 422
    assert (await router.http.post("/explain", json=ask(model="zzz"))).status_code == 404
    assert router.ledger.count("request") == 0


async def test_providers_tell_what_is_missing_and_never_a_key(
    provider: Provider, router: RunningRouter
) -> None:
    provider.on("fast", status(401))
    await router.chat()
    reply = await router.http.get("/providers")
    told = reply.json()
    assert told["spare"]["status"] == "ready"
    assert told["spare"]["dialect"] == "openai"
    assert told["lab"]["accounts"]["default"]["locked"]["reason"] == "upstream_auth"
    assert told["openrouter"]["status"] == "no_credentials"
    assert told["openrouter"]["missing"] == ["OPENROUTER_API_KEY"]
    assert "fast" in told["lab"]["models"]
    for key in KEYS.values():
        assert key not in reply.text


async def test_a_category_without_any_key_says_which_to_set(router: RunningRouter) -> None:
    await router.http.post(
        "/config/category", json={"name": "far", "models": ["openai/gpt-4o-mini"]}
    )
    reply = await router.chat(model="far")
    assert reply.status_code == 503
    assert "OPENAI_API_KEY" in reply.json()["error"]["message"]
    story = router.ledger.story(reply)
    assert story.data("route.selected").candidates[0]["refused"] == "no_credentials"
    assert json.loads(reply.content)["error"]["attempts"] == []
