"""Law 4 at large: ``python -m benchmarks.law 10000`` makes so many requests of every kind through a
running router, then decides and counts every one of them again.  Nothing may change.

The traffic is that of `tests.laws.test_replay`, only more of it and under more versions.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import orjson

from llmrouter.store.engine import read_address
from tests.provider import Provider
from tests.replay.traffic import checked, document, generate
from tests.running import RunningRouter, running_router

REQUESTS = 10_000
VERSIONS = 9
SEED = 11
DECIDED_BY = """
    SELECT json_extract(data, '$.decided_by') FROM event WHERE kind = 'request.classified'
"""


async def main(requests: int, folder: Path | None) -> bool:
    """Whether the law holds; the ledger stays in the folder, if one is given."""
    with tempfile.TemporaryDirectory() as name:
        database = read_address(None, folder or Path(name))
        async with (
            Provider() as provider,
            running_router(database, document(provider)) as router,
        ):
            # A round of four clients makes about five requests.
            rounds = requests // (VERSIONS * 5) + 1
            await generate(router, provider, rounds=rounds, seed=SEED, versions=VERSIONS)
            tell(router)
            begun_s = time.process_time()
            found = await checked(router)
            spent_s = time.process_time() - begun_s
    print(orjson.dumps(found.document(), option=orjson.OPT_INDENT_2).decode())
    print(f"{found.requests:,} requests in {spent_s:.1f} s of CPU")
    return found.holds


def tell(router: RunningRouter) -> None:
    """Says what the traffic was."""
    for what, sql in (
        ("dialects", "SELECT dialect FROM request"),
        ("endings", "SELECT ending FROM request"),
        ("attempts", "SELECT outcome FROM attempt"),
        ("decided by", DECIDED_BY),
        ("events", "SELECT kind FROM event WHERE kind LIKE 'breaker.%' OR kind LIKE 'target.%'"),
    ):
        counts = Counter(str(next(iter(row.values()))) for row in router.ledger.rows(sql))
        print(f"{what}: {', '.join(f'{name} {n:,}' for name, n in counts.most_common())}")


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    held = asyncio.run(main(asked, Path(sys.argv[2]) if len(sys.argv) > 2 else None))
    sys.exit(0 if held else 1)
