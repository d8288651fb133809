"""The door: an ASGI application in front of Quart's.

Chat endpoints are answered here, on the ASGI scope itself, because that is where a request's
accounting hangs: a client that leaves before the first byte leaves no generator behind that could
notice.  Everything else is Quart's, once the guard has let it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from llmrouter.core.clock import Clock
from llmrouter.core.errors import Overloaded, RouterError
from llmrouter.core.ids import RequestIds, show_id
from llmrouter.core.routing import DialectName
from llmrouter.dialects.wire import AddressedDialect, Dialect, RequestAddress
from llmrouter.pipeline.active import ActiveConfiguration
from llmrouter.pipeline.exchange import Caller, Exchange
from llmrouter.pipeline.runner import Pipeline
from llmrouter.pipeline.tasks import Tasks
from llmrouter.pipeline.traffic import Traffic
from llmrouter.web.asgi import AsgiApp, Receive, Scope, Send
from llmrouter.web.client import AsgiClient, client_on
from llmrouter.web.connection import Connection
from llmrouter.web.endpoints import Endpoint, Operation, find_endpoint, is_client_path, plain_path
from llmrouter.web.guard import Area, Guard, is_preflight, refusal_headers

PUBLIC_PATHS = frozenset({"/health", "/health/ready"})
CLIENT_REQUEST_ID_CHARACTERS = 200
NOT_OURS = "the database was away for so long that this node's number may be another's by now"


class Front:
    """Guards every request, answers chat requests, and hands the rest to ``inner``."""

    def __init__(
        self,
        *,
        guard: Guard,
        inner: AsgiApp,
        pipelines: Mapping[Operation, Pipeline],
        configuration: ActiveConfiguration,
        dialects: Mapping[DialectName, Dialect],
        traffic: Traffic,
        tasks: Tasks,
        ids: RequestIds,
        clock: Clock,
    ) -> None:
        self._guard = guard
        self._inner = inner
        self._pipelines = pipelines
        self._configuration = configuration
        self._dialects = dialects
        # Asked once: whether an object follows a protocol takes as long to say as reading a body.
        self._addressed = {
            name: dialect
            for name, dialect in dialects.items()
            if isinstance(dialect, AddressedDialect)
        }
        self._traffic = traffic
        self._tasks = tasks
        self._ids = ids
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        endpoint = find_endpoint(path) if method == "POST" else None
        connection = Connection(scope, receive, send, new_id=self._shown_id)
        if "origin" in connection.headers:
            connection.grant(self._guard.grants(method, connection.headers))
        spoken: DialectName = endpoint.dialect if endpoint else "openai"
        dialect, addressed = self._dialects[spoken], self._addressed.get(spoken)
        try:
            key_id = self._guard.check(method, _area(path, endpoint), connection.headers)
            if endpoint is not None and not self._ids.are_ours:
                raise Overloaded(NOT_OURS, code="ledger_unavailable")
            if addressed is not None:
                dialect = addressed.at(RequestAddress(path, _query(scope)))
        except RouterError as error:
            self._traffic.turned_away += 1
            body, headers = dialect.error_body(error), refusal_headers(error)
            await _answer(client_on(connection), error.status, body, headers)
            return
        if endpoint is not None:
            exchange = Exchange(self._ids.next(), self._configuration.table, dialect, self._clock)
            await self._converse(exchange, endpoint, key_id, connection)
        elif is_preflight(method, connection.headers):
            await _answer(client_on(connection), 204)
        else:
            inner_scope = {**scope, "path": _inner_path(path)}
            await self._inner(inner_scope, connection.receive, connection.send)

    async def _converse(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        key_id: str | None,
        connection: Connection,
    ) -> None:
        client, headers = client_on(connection), connection.headers
        client_id = headers.get("x-request-id") or headers.get("x-client-request-id")
        exchange.caller = Caller(
            endpoint=endpoint.path,
            headers=headers,
            key_id=key_id,
            purpose="probe" if endpoint.operation == "count" else "live",
            counts=endpoint.operation == "count",
            client_request_id=client_id[:CLIENT_REQUEST_ID_CHARACTERS] if client_id else None,
            provider=endpoint.provider,
        )
        watcher = client.watch(exchange, self._tasks)
        self._traffic.begin(exchange)
        try:
            await self._pipelines[endpoint.operation].run(exchange, client)
        finally:
            self._traffic.end(exchange)
            if watcher is not None:
                watcher.cancel()

    def _shown_id(self) -> str:
        return show_id(self._ids.next())


async def _answer(
    client: AsgiClient, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> None:
    """Answers without a pipeline."""
    content = {"content-type": "application/json", "content-length": str(len(body))}
    await client.start(status, {**(content if body else {}), **(headers or {})})
    await client.end(body)


def _area(path: str, endpoint: Endpoint | None) -> Area:
    if endpoint is not None:
        return "client"
    if path in PUBLIC_PATHS:
        return "public"
    return "client" if is_client_path(path) else "admin"


def _inner_path(path: str) -> str:
    """Quart knows each path once; clients write the client API's with /v1 or without."""
    return plain_path(path) if is_client_path(path) else path


def _query(scope: Scope) -> dict[str, str]:
    """The query's parameters, each with its last value."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
