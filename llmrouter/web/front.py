"""The door: an ASGI application in front of Quart's.

Chat endpoints are answered here, on a lean connection's `Line` or on the ASGI scope itself, because
that is where a request's accounting hangs: a client that leaves before the first byte leaves no
generator behind that could notice.  Everything else is Quart's, once the guard has let it in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
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
from llmrouter.web.asgi import AsgiApp, Line, Receive, Scope, Send, header_mapping
from llmrouter.web.client import AsgiClient, LineClient
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
        pipelines: Mapping[tuple[Operation, DialectName], Pipeline],
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
        headers = header_mapping(scope["headers"])
        connection = Connection(headers, receive, send, new_id=self._shown_id)
        client = AsgiClient(connection)
        endpoint = find_endpoint(path) if method == "POST" else None
        if endpoint is not None:
            await self._converse(endpoint, path, scope["query_string"], client)
            return
        if "origin" in headers:
            client.grant(self._guard.grants(method, headers))
        try:
            self._guard.check(method, _area(path), headers)
        except RouterError as error:
            await self._turn_away(error, self._dialects["openai"], client)
            return
        if is_preflight(method, headers):
            await client.start(204, {})
            await client.end()
        else:
            inner_scope = {**scope, "path": _inner_path(path)}
            await self._inner(inner_scope, connection.receive, connection.send)

    def answer(self, line: Line) -> Awaitable[None] | None:
        """Answers a chat request; None for any other, which ASGI has to tell of."""
        if line.method != "POST":
            return None
        path = line.path
        endpoint = find_endpoint(path)
        if endpoint is None:
            return None
        return self._converse(endpoint, path, line.query_string, LineClient(line, self._shown_id))

    async def _converse(
        self, endpoint: Endpoint, path: str, query_string: bytes, client: AsgiClient | LineClient
    ) -> None:
        headers = client.headers
        if "origin" in headers:
            client.grant(self._guard.grants("POST", headers))
        dialect = self._dialects[endpoint.dialect]
        try:
            key_id = self._guard.check("POST", "client", headers)
            if not self._ids.are_ours:
                raise Overloaded(NOT_OURS, code="ledger_unavailable")
            addressed = self._addressed.get(endpoint.dialect)
            if addressed is not None:
                dialect = addressed.at(RequestAddress(path, _parameters(query_string)))
        except RouterError as error:
            await self._turn_away(error, dialect, client)
            return
        exchange = Exchange(self._ids.next(), self._configuration.table, dialect, self._clock)
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
            await self._pipelines[endpoint.operation, endpoint.dialect].run(exchange, client)
        finally:
            self._traffic.end(exchange)
            if watcher is not None:
                watcher.cancel()

    async def _turn_away(
        self, error: RouterError, dialect: Dialect, client: AsgiClient | LineClient
    ) -> None:
        """Refuses without a pipeline."""
        self._traffic.turned_away += 1
        headers = {"content-type": "application/json", **refusal_headers(error)}
        await client.reply(error.status, headers, dialect.error_body(error))

    def _shown_id(self) -> str:
        return show_id(self._ids.next())


def _area(path: str) -> Area:
    """Whose a path is that is no chat endpoint's."""
    if path in PUBLIC_PATHS:
        return "public"
    return "client" if is_client_path(path) else "admin"


def _inner_path(path: str) -> str:
    """Quart knows each path once; clients write the client API's with /v1 or without."""
    return plain_path(path) if is_client_path(path) else path


def _parameters(query_string: bytes) -> dict[str, str]:
    """Each with its last value."""
    return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True))
