"""call: drives the fallback plan until a target answers."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from llmrouter.pipeline.chain import Chain
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.means import Means


class Call:
    """Gives the reply: a whole body, or a relay whose first token has arrived.

    Raises `AllModelsFailed` or `UpstreamRefused`.
    """

    name = "call"

    def __init__(self, means: Means) -> None:
        self._means = means

    def __call__(self, exchange: Exchange) -> Coroutine[Any, Any, Reply]:
        return Chain(self._means, exchange).run()
