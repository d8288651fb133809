"""No byte of a prompt leaves before the other side is trusted."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from llmrouter.upstream.client import HttpUpstream
from tests.provider import Provider
from tests.upstream.calling import call, fault, fetch

CERTIFICATES = Path(__file__).parent / "certificates"
CA = str(CERTIFICATES / "ca.pem")


def serving(certificate: str) -> Provider:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate)
    return Provider(tls=context)


@pytest_asyncio.fixture
async def trusted() -> AsyncIterator[Provider]:
    async with serving("server.pem") as running:
        yield running


async def test_a_ca_file_is_trusted(trusted: Provider, upstream: HttpUpstream) -> None:
    first = await fetch(upstream, call(trusted.base_url, ca_file=CA))
    again = await fetch(upstream, call(trusted.base_url, ca_file=CA))
    assert (first.status, again.status) == (200, 200)
    assert first.connect_us is not None
    assert again.connect_us is None


async def test_an_unknown_authority_is_not(trusted: Provider, upstream: HttpUpstream) -> None:
    # Trust is kept apart: a connection that another call opened is not used.
    await fetch(upstream, call(trusted.base_url, ca_file=CA))
    error = await fault(upstream, call(trusted.base_url))
    assert (error.kind, error.phase) == ("tls", "tls")
    assert "certificate verify failed" in error.message
    assert len(trusted.seen) == 1


async def test_an_expired_certificate(upstream: HttpUpstream) -> None:
    async with serving("expired.pem") as provider:
        error = await fault(upstream, call(provider.base_url, ca_file=CA))
        assert (error.kind, error.phase) == ("tls", "tls")
        assert "expired" in error.message
        assert provider.seen == []


async def test_a_certificate_of_another_host(trusted: Provider, upstream: HttpUpstream) -> None:
    url = f"https://127.0.0.2:{trusted.port}/v1"
    async with await asyncio.start_server(
        lambda r, w: _relay(r, w, trusted.port), "127.0.0.2", 0
    ) as front:
        url = f"https://127.0.0.2:{front.sockets[0].getsockname()[1]}/v1"
        error = await fault(upstream, call(url, ca_file=CA))
    assert (error.kind, error.phase) == ("tls", "tls")
    assert "IP address mismatch" in error.message
    assert trusted.seen == []


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carries bytes between a client and a port."""
    back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))


async def test_a_server_that_speaks_no_tls_learns_nothing(upstream: HttpUpstream) -> None:
    received: list[bytes] = []

    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(65536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        received.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(answer_in_plain, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await fault(upstream, call(url, body=b"my secret prompt"))
        await upstream.aclose()
    assert (error.kind, error.phase) == ("tls", "tls")
    assert b"secret" not in b"".join(received)


async def test_a_server_that_speaks_http_2_alone_says_so(upstream: HttpUpstream) -> None:
    no_application_protocol = bytes.fromhex("15 0303 0002 02 78")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(no_application_protocol)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await fault(upstream, call(url))
    assert (error.kind, error.phase) == ("tls", "tls")
    assert "no application protocol" in error.message.lower()


async def test_a_handshake_that_hangs_is_part_of_the_connection(upstream: HttpUpstream) -> None:
    over = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await fault(upstream, call(url, connect_s=0.05, headers_s=9.0))
        over.set()
    assert (error.kind, error.phase) == ("timeout", "tls")


@pytest.mark.parametrize("ca_file", ["/nowhere/ca.pem", str(CERTIFICATES / "README.md")])
async def test_a_ca_file_that_cannot_be_used_is_named(
    trusted: Provider, upstream: HttpUpstream, ca_file: str
) -> None:
    for _ in range(2):
        error = await fault(upstream, call(trusted.base_url, ca_file=ca_file))
        assert (error.kind, error.phase) == ("tls", "tls")
        assert ca_file in error.message
    assert trusted.seen == []
