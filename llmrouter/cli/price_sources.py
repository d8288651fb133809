"""Where `prices import` and `prices diff` read: a file, a package, or OpenRouter's own list."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, assert_never

import orjson

from llmrouter.cli.current import current
from llmrouter.cli.output import fail
from llmrouter.core.clock import Clock
from llmrouter.core.configuration import ProviderConfig
from llmrouter.core.errors import AttemptError
from llmrouter.core.upstream import UpstreamCall
from llmrouter.policy.names import OPENROUTER
from llmrouter.policy.price_sources.found import Found, SourceInvalid
from llmrouter.policy.price_sources.litellm import read_prices
from llmrouter.policy.price_sources.openrouter import read_models
from llmrouter.policy.price_sources.tables import read_table
from llmrouter.policy.table import RoutingTable
from llmrouter.settings import Settings, read_keyring, read_settings
from llmrouter.upstream.client import HttpUpstream

SourceName = Literal["genai-prices", "litellm-json", "openrouter", "csv"]

LIST_S: Final = 20.0
LIST_BYTES: Final = 32 * 2**20
MAX_FILE_BYTES: Final = 64 * 2**20


async def read_source(name: SourceName, file: Path | None, clock: Clock) -> Found:
    """Everything that a source says of the configured providers.  What cannot be read ends the
    command."""
    settings = read_settings()
    table, _ = await current(settings, read_keyring(), clock)
    try:
        match name:
            case "genai-prices":
                return _package(table, clock)
            case "litellm-json":
                return read_prices(_json(_bytes(name, file), str(file)), table.config.providers)
            case "openrouter":
                return read_models(await _openrouter(table, file, settings, clock), OPENROUTER)
            case "csv":
                return read_table(_text(_bytes(name, file), str(file)))
            case never:
                assert_never(never)
    except SourceInvalid as error:
        fail(f"{file or name}: {error}")


def _package(table: RoutingTable, clock: Clock) -> Found:
    if find_spec("genai_prices") is None:
        fail("genai-prices is not installed: pip install 'llmrouter[genai-prices]'")
    genai = import_module("llmrouter.policy.price_sources.genai")
    used: dict[str, list[str]] = {}
    for listed in table.models_listed():
        provider, _, model = listed.id.partition("/")
        used.setdefault(provider, []).append(model)
    addresses = {name: p.base_url for name, p in table.config.providers.items()}
    today = datetime.fromtimestamp(clock.now_us() / 1e6, UTC).date()
    found: Found = genai.read_package(addresses, used, today)
    return found


async def _openrouter(
    table: RoutingTable, file: Path | None, settings: Settings, clock: Clock
) -> Any:
    if file is not None:
        return _json(_bytes("openrouter", file), str(file))
    provider = table.provider(OPENROUTER)
    if provider is None:
        fail("the configuration has no provider `openrouter`; give the list of models as a file")
    upstream = HttpUpstream(client=settings.http_client, clock=clock)
    try:
        body = await _fetch(upstream, provider)
    except (AttemptError, TimeoutError) as error:
        fail(f"{provider.base_url}/models cannot be read: {error or 'no answer in time'}")
    finally:
        await upstream.aclose()
    return _json(body, f"{provider.base_url}/models")


async def _fetch(upstream: HttpUpstream, provider: ProviderConfig) -> bytes:
    call = UpstreamCall(
        method="GET",
        url=f"{provider.base_url}/models",
        headers={"accept": "application/json"},
        body=b"",
        connect_s=LIST_S,
        headers_s=LIST_S,
        ca_file=provider.ca_file,
        max_body_bytes=LIST_BYTES,
    )
    async with asyncio.timeout(LIST_S), aclosing(await upstream.send(call)) as reply:
        body = b"".join([chunk async for chunk in reply.chunks()])
        if reply.status != 200:
            fail(f"{call.url} answered {reply.status}")
        return body


def _bytes(name: SourceName, file: Path | None) -> bytes:
    if file is None:
        fail(f"{name} is read from a file: llmrouter prices import {name} FILE")
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            fail(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        return file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        fail(f"{where} is no UTF-8 text: {error}")


def _json(content: bytes, where: str) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        fail(f"{where} is no JSON: {error}")
