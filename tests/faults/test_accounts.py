"""Locks of accounts when several requests were under way."""

from __future__ import annotations

import asyncio

import pytest

from tests.provider import Provider, Seen, Wire, status
from tests.running import RunningRouter

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT = ("lab", "default")


async def refused_together(provider: Provider, router: RunningRouter, statuses: list[int]) -> None:
    """Requests that are under way at once, and refused one after the other."""
    router.router.services.availability.reset_all()
    gates = [asyncio.Event() for _ in statuses]
    seen = len(provider.seen)

    def refusing(n: int) -> None:
        async def script(wire: Wire, seen: Seen) -> None:
            await gates[n].wait()
            await status(statuses[n])(wire, seen)

        provider.on(f"refusing-{n}", script)

    for n in range(len(statuses)):
        refusing(n)
    asked = [
        asyncio.create_task(router.chat(model=f"lab/refusing-{n}")) for n in range(len(statuses))
    ]
    await provider.arrived(seen + len(statuses))
    for gate, task in zip(gates, asked, strict=True):
        gate.set()
        await task


async def test_requests_that_were_under_way_do_not_double_the_time(
    provider: Provider, router: RunningRouter
) -> None:
    await refused_together(provider, router, [402, 402, 402])
    assert router.router.services.availability.locks[ACCOUNT].seconds == 900


async def test_a_shorter_lock_does_not_cut_a_longer_one_short(
    provider: Provider, router: RunningRouter
) -> None:
    await refused_together(provider, router, [401, 402])
    lock = router.router.services.availability.locks[ACCOUNT]
    assert (lock.seconds, lock.reason) == (3600, "upstream_auth")
