"""A provider and an upstream for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from llmrouter.settings.values import HttpClient
from llmrouter.upstream.client import HttpUpstream
from tests.provider import Provider


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running


@pytest.fixture(params=["lean", "httpx"])
def client(request: pytest.FixtureRequest) -> HttpClient:
    """Whose connections carry the calls: everything holds for both."""
    chosen: HttpClient = request.param
    return chosen


@pytest_asyncio.fixture
async def upstream(client: HttpClient) -> AsyncIterator[HttpUpstream]:
    opened = HttpUpstream(client=client)
    try:
        yield opened
    finally:
        await opened.aclose()
