"""Asks providers what their models can do; no request ever waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from typing import NoReturn

from llmrouter.core.capabilities import ModelFacts
from llmrouter.core.configuration import ProviderConfig
from llmrouter.core.errors import AttemptError
from llmrouter.core.routing import DialectName
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.wire import DescribingDialect, Dialect, FactsQuestion
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.ports import Keyring, Upstream
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import DEFAULT_ACCOUNT, RoutingTable

SURVEY_EVERY_S = 3600.0
LOOK_EVERY_S = 1.0
"""How soon a new configuration version is noticed."""

ANSWER_S = 20.0
ANSWER_BYTES = 16 * 2**20

_log = logging.getLogger(__name__)


class Survey:
    """Keeps a `Knowledge` fresh: at the start, every hour, and with each configuration version."""

    def __init__(
        self,
        configuration: ActiveConfiguration,
        knowledge: Knowledge,
        upstream: Upstream,
        keyring: Keyring,
        dialects: Mapping[DialectName, Dialect],
    ) -> None:
        self._configuration = configuration
        self._knowledge = knowledge
        self._upstream = upstream
        self._keyring = keyring
        self._dialects = dialects

    async def run(self) -> NoReturn:
        """Goes on until it is cancelled."""
        while True:
            table = self._configuration.table
            await self.ask_all(table)
            for _ in range(round(SURVEY_EVERY_S / LOOK_EVERY_S)):
                await asyncio.sleep(LOOK_EVERY_S)
                if self._configuration.table.version != table.version:
                    break

    async def ask_all(self, table: RoutingTable) -> None:
        """Asks every provider that a route uses, that has its key, and that says so of itself."""
        models: dict[str, list[str]] = {}
        for target in table.known_targets():
            models.setdefault(target.provider, []).append(target.model)
        for name, used in models.items():
            provider = table.provider(name)
            if provider is not None and provider.describes_models and self._has_key(provider):
                await self._ask_provider(name, provider, list(dict.fromkeys(used)))

    async def _ask_provider(self, name: str, provider: ProviderConfig, used: list[str]) -> None:
        dialect = self._dialects[provider.dialect]
        if not isinstance(dialect, DescribingDialect):
            return
        found: dict[str, ModelFacts] = {}
        for question in dialect.facts_questions(used):
            try:
                body = await self._ask(provider, dialect, question)
                found.update(dialect.read_facts(question, body) if body is not None else {})
            except (AttemptError, TimeoutError, ValueError) as error:
                _log.info("%s did not say what its models can do: %s", name, error)
                return
        self._knowledge.note_said(name, found)

    async def _ask(
        self, provider: ProviderConfig, dialect: Dialect, question: FactsQuestion
    ) -> bytes | None:
        """The answer's body; None when there is none."""
        variable = key_variable(provider, DEFAULT_ACCOUNT)
        key = self._keyring.key(variable) if variable else None
        call = UpstreamCall(
            method=question.method,
            url=provider.base_url + question.path,
            headers={
                "accept": "application/json",
                **({"content-type": "application/json"} if question.body else {}),
                **(dialect.credentials(key) if key else {}),
            },
            body=question.body,
            connect_s=ANSWER_S,
            headers_s=ANSWER_S,
            ca_file=provider.ca_file,
            max_body_bytes=ANSWER_BYTES,
        )
        async with asyncio.timeout(ANSWER_S), aclosing(await self._upstream.send(call)) as reply:
            if reply.status != 200:
                return None
            return b"".join([chunk async for chunk in reply.chunks()])

    def _has_key(self, provider: ProviderConfig) -> bool:
        variable = key_variable(provider, DEFAULT_ACCOUNT)
        return variable is None or provider.key_optional or self._keyring.key(variable) is not None
