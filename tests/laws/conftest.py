"""A provider without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.provider import Provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider without scripts."""
    async with Provider() as started:
        yield started
