"""What a translation left out: in the header, and in the request's story, field by field."""

from __future__ import annotations

import json

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, body, status
from tests.running import ask, lab, running_router

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "wise",
    "content": [{"type": "text", "text": "Four."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


async def test_the_story_says_of_each_target_what_was_dropped_for_it(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider:
        provider.on("fast", status(500))
        provider.on("wise", body(json.dumps(MESSAGE).encode()))
        document = {**lab(provider, routes={"pair": ["lab/fast", "sage/wise"]})}
        sage = {"base_url": provider.base_url, "dialect": "anthropic"}
        document["providers"] = {**document["providers"], "sage": sage}
        async with running_router(sqlite_database, document) as router:
            reply = await router.http.post(
                "/v1/chat/completions", json=ask("2+2?", "pair", seed=7, max_tokens=9)
            )
            number = reply.headers["x-llmrouter-request-id"]
            story = (await router.http.get(f"/requests/{number}")).json()

    assert reply.headers["x-llmrouter-translation"] == "lossy; dropped=seed"
    assert story["decision"]["translations"][0] == {
        "n": 1,
        "target": "lab/fast",
        "dialect": None,
        "translation": "native",
        "dropped": [],
        "notes": [],
    }
    last = story["decision"]["translations"][-1]
    assert (last["target"], last["dialect"]) == ("sage/wise", "anthropic")
    assert (last["translation"], last["dropped"]) == ("lossy; dropped=seed", ["seed"])
    assert last["notes"] == ["seed: the Messages API has no word for it"]
