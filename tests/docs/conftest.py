"""The reader's terminal, with the server that the README has them start."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.docs.terminal import Terminal, clean_environment, provider_beside, serving


@pytest.fixture(scope="session")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A working folder with a server that runs, and one provider whose key is set."""
    folder = tmp_path_factory.mktemp("reader")
    with provider_beside() as base_url:
        environment = {
            **clean_environment(folder),
            # One of the built-in providers whose address the environment may give.
            "KIMI_BASE_URL": base_url,
            "KIMI_API_KEY": "a-key-of-the-reader",
        }
        with serving(["llmrouter", "serve"], folder, environment) as (_, port):
            yield Terminal(
                folder,
                {**environment, "LLMROUTER_PORT": port},
                {
                    "localhost:3456": f"localhost:{port}",
                    "localhost:9000": urlsplit(base_url).netloc,
                },
            )
