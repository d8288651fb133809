"""The law of the export: whatever becomes of it, requests do not notice."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

import pytest

from llmrouter.store.engine import DatabaseAddress
from llmrouter.telemetry.outbox import Outbox
from llmrouter.telemetry.sparing import Sparing
from tests.provider import Provider, answer
from tests.running import KEYS, lab, running_router
from tests.telemetry.collector import Collector, Manner
from tests.telemetry.conftest import MakeRouter


@pytest.mark.parametrize("manner", ["refuses", "hangs"])
async def test_a_collector_that_does_not_take_them_is_no_matter_of_the_requests(
    manner: Manner,
    provider: Provider,
    collector: Collector,
    telling: MakeRouter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector.manner = manner
    provider.on("fast", answer())
    async with telling(OTEL_BSP_SCHEDULE_DELAY="1", OTEL_METRIC_EXPORT_INTERVAL="20") as router:
        for _ in range(3):
            assert (await router.chat()).status_code == 200
            story = router.ledger.rows("SELECT ending FROM request")
            assert {row["ending"] for row in story} == {"completed"}

    told = {"refuses": "requests were lost", "hangs": "did not take what was left"}
    assert told[manner] in caplog.text
    assert collector.received
    assert collector.spans == []


async def test_a_collector_that_is_not_there_is_none_either(
    provider: Provider, sqlite_database: DatabaseAddress, caplog: pytest.LogCaptureFixture
) -> None:
    async with Collector() as gone:
        variables = gone.variables
    provider.on("fast", answer())
    async with running_router(sqlite_database, lab(provider), keys={**KEYS, **variables}) as router:
        assert (await router.chat()).status_code == 200
    assert "OpenTelemetry" in caplog.text


def test_a_full_queue_drops_and_counts_and_never_waits(caplog: pytest.LogCaptureFixture) -> None:
    delivered: list[int] = []
    taken, go_on = threading.Event(), threading.Event()

    def deliver(batch: object) -> bool:
        taken.set()
        assert go_on.wait(10)
        delivered.extend(batch)  # type: ignore[call-overload]
        return True

    outbox: Outbox[int] = Outbox("traces", deliver, most=2, every_s=0.001)
    outbox.put(0)
    assert taken.wait(10)
    for number in range(1, 6):
        outbox.put(number)
    assert outbox.lost == 3
    go_on.set()
    outbox.close()

    assert delivered == [0, 1, 2]
    assert "traces of 3 requests were lost (3 since the start)" in caplog.text
    outbox.put(9)
    assert outbox.lost == 4


def test_a_library_repeats_its_complaints_once_in_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sparing = Sparing(["theirs"], every_s=3600)
    sparing.spare()
    for batch in range(3):
        logging.getLogger("theirs").error("batch %d failed", batch)
    logging.getLogger("theirs").error("something else")
    sparing.stop()
    logging.getLogger("theirs").error("batch %d failed", 3)

    assert caplog.messages == ["batch 0 failed", "something else", "batch 3 failed"]


def test_what_breaks_one_batch_does_not_end_the_export(caplog: pytest.LogCaptureFixture) -> None:
    delivered: list[int] = []

    def deliver(batch: object) -> bool:
        if not caplog.records:
            raise ValueError("broken")
        delivered.extend(batch)  # type: ignore[call-overload]
        return True

    outbox: Outbox[int] = Outbox("traces", deliver, most=9, every_s=0.001)
    outbox.put(1)
    until_s = time.monotonic() + 10
    while not outbox.lost and time.monotonic() < until_s:
        time.sleep(0.001)
    outbox.put(2)
    outbox.close()

    assert (delivered, outbox.lost) == ([2], 1)


async def test_without_the_extra_the_log_says_what_to_install(
    provider: Provider,
    collector: Collector,
    telling: MakeRouter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delitem(sys.modules, "llmrouter.telemetry.export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    provider.on("fast", answer())
    async with telling() as router:
        assert (await router.chat()).status_code == 200
    assert "pip install 'llmrouter[otel]'" in caplog.text
    assert collector.received == []


async def test_what_the_library_cannot_read_leaves_the_router_running(
    provider: Provider, collector: Collector, telling: MakeRouter, caplog: pytest.LogCaptureFixture
) -> None:
    provider.on("fast", answer())
    async with telling(OTEL_BSP_MAX_QUEUE_SIZE="many") as router:
        assert (await router.chat()).status_code == 200
    assert "OTEL_BSP_MAX_QUEUE_SIZE must be a whole number above 0, not `many`" in caplog.text
    assert collector.received == []


def test_a_router_that_exports_nothing_loads_nothing() -> None:
    script = (
        "import sys\n"
        "from llmrouter.telemetry.opening import open_telemetry\n"
        "assert open_telemetry({'OTEL_SDK_DISABLED': 'true', 'OTEL_EXPORTER_OTLP_ENDPOINT': 'x'},"
        " node=0) is None\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


async def test_exporting_is_told_in_the_log(
    provider: Provider, telling: MakeRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with telling():
        pass
    assert "OpenTelemetry: traces and metrics are exported" in caplog.text
