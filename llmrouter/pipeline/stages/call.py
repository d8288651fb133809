"""call: drives the fallback plan until a target answers."""

from __future__ import annotations

from llmrouter.pipeline.chain import Chain
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.means import Means


class Call:
    """Fills ``reply``: a whole body, or a relay whose first token has arrived.

    Raises `AllModelsFailed` or `UpstreamRefused`.
    """

    name = "call"

    def __init__(self, means: Means) -> None:
        self._means = means

    async def __call__(self, exchange: Exchange) -> None:
        await Chain(self._means, exchange).run()
