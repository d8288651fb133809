"""What OpenTelemetry's own variables ask for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from llmrouter.telemetry.signals import wanted

HERE = "http://127.0.0.1:4318"
ALL = {"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}


@pytest.mark.parametrize(
    ("environment", "signals"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "router"}, ()),
        (ALL, ("traces", "metrics")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, ()),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": HERE}, ("traces",)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": HERE}, ("metrics",)),
        ({**ALL, "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({**ALL, "OTEL_SDK_DISABLED": "false"}, ("traces", "metrics")),
        ({**ALL, "OTEL_METRICS_EXPORTER": "none"}, ("traces",)),
        ({**ALL, "OTEL_TRACES_EXPORTER": "otlp"}, ("traces", "metrics")),
        ({**ALL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("traces", "metrics")),
    ],
)
def test_a_signal_with_an_address_is_exported(
    environment: Mapping[str, str], signals: tuple[str, ...]
) -> None:
    found = wanted(environment)
    assert found.signals == signals
    assert found.faults == ()


@pytest.mark.parametrize(
    ("variable", "value", "left"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", ()),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", ("metrics",)),
        ("OTEL_METRICS_EXPORTER", "prometheus", ("traces",)),
    ],
)
def test_what_cannot_be_done_is_said_with_its_variable(
    variable: str, value: str, left: tuple[str, ...]
) -> None:
    found = wanted({**ALL, variable: value})
    assert found.signals == left
    assert all(f"{variable}={value}" in fault for fault in found.faults)
    assert len(found.faults) == 2 - len(left)
