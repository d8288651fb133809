"""``python -m benchmarks.guard``: has the router become slower?  Fails when it has.

Processor time depends on the machine and on what else it does, so each round also times a loop of
plain Python, and what is compared is the ratio: what a request costs, in rounds of that loop.
``--set`` makes the result the new baseline, after a change that was meant.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.load import Address, closed_loop
from benchmarks.servers import Server, router, upstream

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.3
"""Between two runs of the same code on a busy machine the ratios differ by up to a quarter."""

ROUNDS = 7
LOOPS = 1_500
SCENARIOS: Mapping[str, tuple[str, int]] = {
    "plain": ("lab/plain", 400),
    "stream": ("lab/burst", 20),
}
"""What is asked for, and how often in a round: a request of 1 kB, a stream of 500 events."""

_WORD = re.compile(r"[a-z]+")


def reference_s() -> float:
    """Processor time of one round of the loop, which does what Python programs do."""
    begun = time.process_time()
    for n in range(LOOPS):
        document = {"number": n, "words": [f"word{i}" for i in range(20)], "text": "a b c " * 10}
        read = json.loads(json.dumps(document))
        found = {word: len(word) for word in _WORD.findall(read["text"])}
        sorted(found.items(), key=lambda item: item[1])
    return (time.process_time() - begun) / LOOPS


async def ratios(ours: Server) -> dict[str, float]:
    """What each scenario costs, in rounds of the reference loop: the median of all rounds."""
    found: dict[str, list[float]] = {name: [] for name in SCENARIOS}
    for round_number in range(ROUNDS + 1):
        for name, (model, times) in SCENARIOS.items():
            address = Address(ours.port, model, stream=name == "stream")
            loop_s = reference_s()
            before_s = ours.cpu_s
            result = await closed_loop(
                address, connections=8, until=lambda count, times=times: count >= times
            )
            if result.failures or not result.count:
                raise RuntimeError(f"{result.failures} requests failed; nothing can be said")
            loop_s = (loop_s + reference_s()) / 2
            if round_number:  # the first one warms up
                found[name].append((ours.cpu_s - before_s) / result.count / loop_s)
    return {name: round(median(values), 2) for name, values in found.items()}


def compared(measured: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """What became slower than is tolerated, in words."""
    return [
        f"{name}: {measured[name]:.2f} rounds of the reference loop, {was:.2f} before "
        f"({measured[name] / was - 1:+.0%})"
        for name, was in baseline.items()
        if measured[name] > was * (1 + TOLERANCE)
    ]


def main() -> None:
    """Measures, compares, and says so by the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard")
    parser.add_argument("--set", action="store_true", help="make this the baseline")
    is_setting: bool = parser.parse_args().set
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as provider,
        router(provider, Path(folder)) as ours,
    ):
        ours.wait()
        measured = asyncio.run(ratios(ours))
    print(json.dumps(measured))
    if is_setting:
        BASELINE.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
        return
    slower = compared(measured, json.loads(BASELINE.read_text("utf-8")))
    if slower:
        sys.exit("slower than the baseline:\n" + "\n".join(slower))


if __name__ == "__main__":
    main()
