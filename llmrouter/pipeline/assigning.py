"""Prepares calls: what is sent to a target, with whose key, within which clocks and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from llmrouter.core.capabilities import NOTHING_LEARNED, Learned
from llmrouter.core.configuration import TimeoutsConfig
from llmrouter.core.records import record
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import AttemptKind, DialectName, Target
from llmrouter.core.upstream import UpstreamCall
from llmrouter.dialects.limits import within_output
from llmrouter.dialects.wire import Codec, Dialect, TargetFacts
from llmrouter.pipeline.assignment import Assignment
from llmrouter.pipeline.estimator import Estimator
from llmrouter.pipeline.ports import Keyring
from llmrouter.policy.needs import key_variable
from llmrouter.policy.table import RoutingTable


class Codecs(Protocol):
    """Finds the codec between two dialects."""

    def __call__(self, client: DialectName, upstream: DialectName) -> Codec: ...


@record
class Task:
    """What an attempt is for: the ``n``-th of its request, within ``remaining_s``."""

    n: int
    target: Target
    request: ChatRequest
    timeouts: TimeoutsConfig
    deadline_us: int
    remaining_s: float
    route: str | None = None
    kind: AttemptKind = "chat"
    learned: Learned = NOTHING_LEARNED


@record
class Assigner:
    """Turns a `Task` into an `Assignment`; the only place where a key is put into a call."""

    keyring: Keyring
    dialects: Mapping[DialectName, Dialect]
    codec: Codecs
    estimator: Estimator

    def assign(self, task: Task, table: RoutingTable) -> Assignment:
        """The call, ready to be sent."""
        target, timeouts, remaining_s = task.target, task.timeouts, task.remaining_s
        provider = table.config.providers[target.provider]
        dialect = self.dialects[provider.dialect]
        codec = self.codec(task.request.dialect, provider.dialect)
        most = table.model(target).max_output_tokens or task.learned.said.max_output_tokens
        facts = TargetFacts(provider=target.provider, max_output_tokens=most)
        request, notes = within_output(task.request, most)
        outgoing = codec.encode(request, target.model, provider.quirks, facts)
        limits = table.limits(target, task.route)
        variable = key_variable(provider, target.account)
        key = self.keyring.key(variable) if variable else None
        headers = outgoing.headers
        call = UpstreamCall(
            url=provider.base_url + outgoing.path,
            headers={**headers, **dialect.credentials(key)} if key else headers,
            body=outgoing.body,
            connect_s=min(timeouts.connect_s, remaining_s),
            headers_s=min(timeouts.headers_s, remaining_s),
            ca_file=provider.ca_file,
            max_body_bytes=limits.response_body_bytes,
        )
        return Assignment(
            n=task.n,
            kind=task.kind,
            target=target,
            request=request,
            call=call,
            codec=codec,
            facts=facts,
            dialect=dialect,
            dropped=outgoing.losses,
            notes=(*notes, *outgoing.notes),
            timeouts=timeouts,
            limits=limits,
            report_cost=task.kind == "chat" and table.config.routing.report_cost_in_usage,
            deadline_us=task.deadline_us,
            estimator=self.estimator,
        )
