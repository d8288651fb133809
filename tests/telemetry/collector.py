"""An OpenTelemetry collector on loopback: what it is sent by OTLP/HTTP, decoded.

async with Collector() as collector:
    async with running_router(database, document, keys={**KEYS, **collector.variables}): ...
    assert collector.spans          # a router delivers what is waiting before it stops
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

Manner = Literal["takes", "refuses", "hangs"]


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived; ids in hexadecimal, as headers have them."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    is_error: bool
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Any]
    events: Mapping[str, Mapping[str, Any]]

    def __getitem__(self, attribute: str) -> Any:
        return self.attributes[attribute]


@dataclass(frozen=True, slots=True)
class Point:
    """The last word on a metric, for one set of attributes."""

    name: str
    unit: str
    attributes: Mapping[str, Any]
    value: float
    """A counter's, or a histogram's sum."""
    count: int = 0
    bounds: tuple[float, ...] = ()


@dataclass(slots=True)
class Collector:
    """The server; an asynchronous context manager."""

    manner: Manner = "takes"
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    received: list[bytes] = field(default_factory=list)
    """Bodies, as they came."""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def variables(self) -> dict[str, str]:
        """What leads a router here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3"}

    def of_kind(self, kind: str) -> list[Span]:
        """Spans of a kind, the earliest first."""
        return sorted((s for s in self.spans if s.kind == kind), key=lambda s: s.began_ns)

    def the(self, metric: str, **attributes: Any) -> Point:
        """The one point of a metric that says this."""
        named = [point for point in self.points if point.name == metric]
        found = [p for p in named if attributes.items() <= dict(p.attributes).items()]
        assert len(found) == 1, f"{len(found)} points say {attributes}: {named}"
        return found[0]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.split("\r\n")[:-2]
        headers = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(body)
        if self.manner == "hangs":
            await asyncio.Event().wait()
        if self.manner == "takes":
            self._read(start.split(" ")[1], body)
        status = "200 OK" if self.manner == "takes" else "500 Internal Server Error"
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()

    def _read(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            for told in traces.resource_spans:
                self.resource = _attributes(told.resource.attributes)
                self.spans += [_span(s) for scope in told.scope_spans for s in scope.spans]
            return
        assert path == "/v1/metrics"
        metrics = ExportMetricsServiceRequest.FromString(body)
        self.points = [
            point
            for measured in metrics.resource_metrics
            for scope in measured.scope_metrics
            for metric in scope.metrics
            for point in _points(metric)
        ]


def _span(span: WireSpan) -> Span:
    return Span(
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        is_error=span.status.code == 2,
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events={event.name: _attributes(event.attributes) for event in span.events},
    )


def _points(metric: Any) -> list[Point]:
    if metric.HasField("histogram"):
        return [
            Point(
                metric.name,
                metric.unit,
                _attributes(p.attributes),
                p.sum,
                p.count,
                tuple(p.explicit_bounds),
            )
            for p in metric.histogram.data_points
        ]
    return [
        Point(metric.name, metric.unit, _attributes(p.attributes), p.as_double or p.as_int)
        for p in metric.sum.data_points
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs if isinstance(pair, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, str(kind))
