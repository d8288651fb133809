"""Names, addresses, and the ones that are never connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from llmrouter.upstream.client import HttpUpstream
from tests.provider import Provider
from tests.upstream.calling import call, fault, fetch

Resolver = Callable[..., None]


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Makes every name stand for these addresses, or raise an error, or never resolve."""

    def make(*addresses: str, error: Exception | None = None, hangs: bool = False) -> None:
        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            if hangs:
                await asyncio.Event().wait()
            if error is not None:
                raise error
            return [
                (socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port))
                for a in addresses
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return make


def named(provider: Provider) -> str:
    return f"http://models.example:{provider.port}/v1"


async def test_a_name_is_resolved(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to("127.0.0.1")
    assert (await fetch(upstream, call(named(provider)))).status == 200
    assert provider.seen[0].headers["host"] == f"models.example:{provider.port}"


async def test_the_next_address_is_tried_when_one_refuses(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to("127.0.0.3", "127.0.0.1")
    assert (await fetch(upstream, call(named(provider)))).status == 200


async def test_a_slow_address_does_not_hold_up_the_next_one(
    upstream: HttpUpstream, provider: Provider, resolve_to: Resolver
) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.2", provider.port))
        deaf.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        resolve_to("127.0.0.2", "127.0.0.1")
        assert (await fetch(upstream, call(named(provider)))).status == 200


async def test_when_no_address_answers_each_reason_is_told(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to("127.0.0.3", "127.0.0.4")
    error = await fault(upstream, call(named(provider)))
    assert (error.kind, error.phase) == ("connect", "connect")
    assert "127.0.0.3" in error.message
    assert "127.0.0.4" in error.message


async def test_a_name_that_does_not_exist(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to(error=socket.gaierror(-2, "Name or service not known"))
    error = await fault(upstream, call(named(provider)))
    assert (error.kind, error.phase) == ("dns", "dns")
    assert "models.example can't be resolved" in error.message


async def test_a_name_that_cannot_exist(upstream: HttpUpstream) -> None:
    error = await fault(upstream, call(f"http://{'a' * 64}.example"))
    assert (error.kind, error.phase) == ("dns", "dns")


async def test_a_slow_resolver_is_told_from_a_slow_host(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to(hangs=True)
    error = await fault(upstream, call(named(provider), connect_s=0.05, headers_s=9.0))
    assert (error.kind, error.phase) == ("timeout", "dns")


METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize("address", METADATA)
async def test_metadata_services_are_refused_by_address(
    upstream: HttpUpstream, address: str
) -> None:
    host = f"[{address}]" if ":" in address else address
    error = await fault(upstream, call(f"http://{host}/latest"))
    assert (error.kind, error.phase) == ("connect", "connect")
    assert "never connected to" in error.message


async def test_metadata_services_are_refused_behind_a_name(
    provider: Provider, upstream: HttpUpstream, resolve_to: Resolver
) -> None:
    resolve_to("127.0.0.1", "169.254.169.254")
    error = await fault(upstream, call(named(provider)))
    assert "never connected to" in error.message
    assert provider.connections == 0
