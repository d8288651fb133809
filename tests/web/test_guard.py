"""Who may ask what: hosts, origins, content types, keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.provider import Provider
from tests.running import RunningRouter, ask, running_router
from tests.web.conftest import MakeDatabase, categorised

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT_KEY = "client-key-5a6b7c8d9e0f"
ADMIN_TOKEN = "admin-token-0a1b2c3d4e5f"
CHAT = "/v1/chat/completions"
ADMIN = [
    ("GET", "/config"), ("PUT", "/config"), ("GET", "/config/versions"), ("POST", "/explain"),
    ("POST", "/config/rollback"), ("POST", "/config/category"), ("POST", "/config/model-mapping"),
    ("DELETE", "/config/category/x"), ("GET", "/metrics"), ("GET", "/metrics/prometheus"),
    ("GET", "/requests"), ("GET", "/requests/req_0000000000000"), ("GET", "/providers"),
    ("POST", "/circuit-breaker/reset-all"), ("POST", "/circuit-breaker/reset/lab/fast"),
    ("GET", "/nowhere"),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    """What every router here has behind it: nothing may reach it uninvited."""
    async with Provider() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(provider: Provider, make_database: MakeDatabase) -> AsyncIterator[RunningRouter]:
    """A router without keys."""
    async with running_router(make_database(), categorised(provider)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(provider: Provider, make_database: MakeDatabase) -> AsyncIterator[RunningRouter]:
    """A router that wants keys."""
    keys: dict[str, Any] = {"api_key": CLIENT_KEY, "admin_token": ADMIN_TOKEN}
    async with running_router(make_database(), categorised(provider), **keys) as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_seen_yet(provider: Provider) -> None:
    provider.seen.clear()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7:80", "[::1", ""]
)
async def test_a_foreign_host_is_refused_everywhere(
    host: str, provider: Provider, router: RunningRouter
) -> None:
    requests = router.ledger.count("request")
    for method, path in [("POST", CHAT), ("GET", "/health"), ("GET", "/v1/models"), *ADMIN]:
        content: Mapping[str, Any] = {"json": ask()} if method in ("POST", "PUT") else {}
        reply = await router.http.request(method, path, headers={"host": host}, **content)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "host_not_allowed")
    assert provider.seen == []
    assert router.ledger.count("request") == requests


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3456", "127.0.0.1:1", "[::1]:80", "LOCALHOST"]
)
async def test_loopback_s_own_names_are_taken(host: str, router: RunningRouter) -> None:
    assert (await router.http.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_a_foreign_page_is_refused(
    headers: dict[str, str], provider: Provider, router: RunningRouter
) -> None:
    for method, path in [("POST", CHAT), ("PUT", "/config"), ("GET", "/metrics")]:
        content: Mapping[str, Any] = {"json": ask()} if method in ("POST", "PUT") else {}
        reply = await router.http.request(method, path, headers=headers, **content)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in reply.headers
    assert provider.seen == []


async def test_our_own_page_may_call(router: RunningRouter) -> None:
    own = {"origin": f"http://127.0.0.1:{router.port}", "sec-fetch-site": "same-origin"}
    assert (await router.http.post(CHAT, json=ask(), headers=own)).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""],
)
async def test_what_a_form_can_send_changes_nothing(
    content_type: str, provider: Provider, router: RunningRouter
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    for method, path in [("POST", CHAT), ("PUT", "/config"), ("POST", "/config/category")]:
        reply = await router.http.request(method, path, content=b'{"a": 1}', headers=headers)
        assert reply.status_code == 415, path
        assert reply.json()["error"]["code"] == "unsupported_media_type"
    assert provider.seen == []
    assert router.router.services.configuration.version.number == 2


@pytest.mark.parametrize(
    "headers", [{}, bearer("wrong"), bearer(ADMIN_TOKEN), {"authorization": CLIENT_KEY}]
)
async def test_a_client_without_the_key_is_turned_away_without_a_trace(
    headers: dict[str, str], provider: Provider, locked: RunningRouter
) -> None:
    before = await turned_away(locked)
    requests = locked.ledger.count("request")
    for method, path in [("POST", CHAT), ("GET", "/v1/models")]:
        content: Mapping[str, Any] = {"json": ask()} if method == "POST" else {}
        reply = await locked.http.request(method, path, headers=headers, **content)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
        assert reply.headers["www-authenticate"] == "Bearer"
        assert CLIENT_KEY not in reply.text
        assert ADMIN_TOKEN not in reply.text
    assert provider.seen == []
    assert locked.ledger.count("request") == requests
    assert await turned_away(locked) == before + 2


async def turned_away(locked: RunningRouter) -> int:
    """As whoever runs the server sees it."""
    shown = await locked.http.get("/metrics/prometheus", headers=bearer(ADMIN_TOKEN))
    found = re.search(r"^llmrouter_turned_away_total (\d+)$", shown.text, re.MULTILINE)
    assert found is not None, shown.text
    return int(found[1])


async def test_the_client_key_opens_the_client_api(locked: RunningRouter) -> None:
    for headers in (bearer(CLIENT_KEY), {"x-api-key": CLIENT_KEY}):
        reply = await locked.http.post(CHAT, json=ask(), headers=headers)
        assert reply.status_code == 200
        assert locked.ledger.story(reply).request["key_id"] == "default"


@pytest.mark.parametrize(("method", "path"), ADMIN)
async def test_the_client_key_does_not_open_the_admin_api(
    method: str, path: str, locked: RunningRouter
) -> None:
    content: Mapping[str, Any] = {"json": {}} if method in ("POST", "PUT") else {}
    for headers in (bearer(CLIENT_KEY), {}):
        reply = await locked.http.request(method, path, headers=headers, **content)
        assert reply.status_code == 401
    opened = await locked.http.request(method, path, headers=bearer(ADMIN_TOKEN), **content)
    assert opened.status_code != 401


async def test_health_needs_no_key_and_tells_nothing_secret(locked: RunningRouter) -> None:
    for path in ("/health", "/health/ready"):
        reply = await locked.http.get(path)
        assert reply.status_code == 200
        assert reply.json()["service"] == "llm-router"


async def test_an_allowed_name_and_origin_are_let_in(
    provider: Provider, make_database: MakeDatabase
) -> None:
    allowed: dict[str, Any] = {
        "allowed_hosts": ("router.example",),
        "allowed_origins": ("https://chat.example",),
    }
    async with running_router(make_database(), categorised(provider), **allowed) as router:
        headers = {"host": "router.example", "origin": "https://chat.example"}
        reply = await router.http.post(CHAT, json=ask(), headers=headers)
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == "https://chat.example"
        assert reply.headers["vary"] == "Origin"
        asked = {
            **headers,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        preflight = await router.http.options(CHAT, headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://chat.example"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        foreign = await router.http.options(CHAT, headers={**asked, "origin": "https://no.example"})
        assert foreign.status_code == 403


async def test_a_body_with_two_ends_is_refused_and_nothing_behind_it_is_read(
    provider: Provider, router: RunningRouter
) -> None:
    hidden = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    framing = f"transfer-encoding: chunked\r\ncontent-length: {5 + len(hidden)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", router.http.base_url.port)
    writer.write(f"{head}{framing}".encode() + b"0\r\n\r\n" + hidden)
    async with asyncio.timeout(10):
        replies = await reader.read()
    writer.close()
    assert replies.startswith(b"HTTP/1.1 400 ")
    assert replies.count(b"HTTP/1.1 ") == 1
    assert provider.seen == []


async def test_a_compressed_body_is_named_as_the_trouble(router: RunningRouter) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = await router.http.post(CHAT, content=b"\x1f\x8b", headers=headers)
    assert reply.status_code == 415
    assert "`gzip`" in reply.json()["error"]["message"]
