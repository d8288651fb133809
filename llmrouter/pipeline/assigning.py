"""Prepares calls: what is sent to a target, with whose key, within which clocks and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from llmrouter.core.capabilities import NOTHING_LEARNED, Learned
from llmrouter.core.configuration import LimitsConfig, TimeoutsConfig
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import AttemptKind, DialectName, Target
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.limits import within_output
from llmrouter.dialects.wire import Codec, Dialect, TargetFacts
from llmrouter.pipeline.assignment import Assignment, Prepared
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import RoutingTable

KEPT_PREPARED: Final = 1_000
"""Of more, all are forgotten: names of models may be a client's invention."""


class Codecs(Protocol):
    """Finds the codec between two dialects."""

    def __call__(self, client: DialectName, upstream: DialectName) -> Codec: ...


class Assigner:
    """Makes an `Assignment` of what is wanted; the only place where a key is put into a call."""

    def __init__(
        self,
        keyring: Keyring,
        dialects: Mapping[DialectName, Dialect],
        codec: Codecs,
        estimator: Estimator,
    ) -> None:
        self.keyring = keyring
        self._dialects = dialects
        self._codec = codec
        self._estimator = estimator
        self._table: RoutingTable | None = None
        self._prepared: dict[tuple[str, str, DialectName, int | None], Prepared] = {}
        """Of that table."""

    def assign(
        self,
        table: RoutingTable,
        target: Target,
        request: ChatRequest,
        *,
        n: int,
        timeouts: TimeoutsConfig,
        limits: LimitsConfig,
        remaining_s: float,
        elapsed_us: int,
        learned: Learned = NOTHING_LEARNED,
        kind: AttemptKind = "chat",
    ) -> Assignment:
        """The ``n``-th call of a request, ready to be sent within ``remaining_s``."""
        if table is not self._table or len(self._prepared) > KEPT_PREPARED:
            self._table, self._prepared = table, {}
        said_tokens = learned.said.max_output_tokens
        key = (target.name, target.account, request.dialect, said_tokens)
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = self._prepare(table, target, request.dialect, said_tokens)
            self._prepared[key] = prepared
        facts, provider = prepared.facts, prepared.provider
        request, notes = within_output(request, facts.max_output_tokens)
        outgoing = prepared.codec.encode(request, target.model, provider.quirks, facts)
        headers, credentials = outgoing.headers, prepared.credentials
        call = UpstreamCall(
            url=provider.base_url + outgoing.path,
            headers={**headers, **credentials} if credentials else headers,
            body=outgoing.body,
            connect_s=min(timeouts.connect_s, remaining_s),
            headers_s=min(timeouts.headers_s, remaining_s),
            ca_file=provider.ca_file,
            max_body_bytes=limits.response_body_bytes,
        )
        return Assignment(
            n=n,
            kind=kind,
            target=target,
            prepared=prepared,
            request=request,
            call=call,
            dropped=outgoing.losses,
            notes=(*notes, *outgoing.notes),
            timeouts=timeouts,
            limits=limits,
            deadline_us=elapsed_us + round(remaining_s * 1e6),
            estimator=self._estimator,
        )

    def _prepare(
        self, table: RoutingTable, target: Target, client: DialectName, said_tokens: int | None
    ) -> Prepared:
        """``said_tokens`` is the longest answer that the provider says the model can give."""
        provider = table.config.providers[target.provider]
        dialect = self._dialects[provider.dialect]
        variable = key_variable(provider, target.account)
        key = self.keyring.key(variable) if variable else None
        most = table.model(target).max_output_tokens or said_tokens
        return Prepared(
            provider=provider,
            dialect=dialect,
            codec=self._codec(client, provider.dialect),
            is_native=dialect.name == client,
            credentials=dialect.credentials(key) if key else {},
            facts=TargetFacts(provider=target.provider, max_output_tokens=most),
            report_cost=table.config.routing.report_cost_in_usage,
        )
