"""What is to be exported, by OpenTelemetry's own environment variables.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from llmrouter.core.records import Record

Signal = Literal["traces", "metrics"]

SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics")
PROTOCOL: Final = "http/protobuf"


class Wanted(Record):
    """The signals to export, and what was asked for and cannot be done."""

    signals: tuple[Signal, ...] = ()
    faults: tuple[str, ...] = ()


def wanted(environment: Mapping[str, str]) -> Wanted:
    """A signal is exported where it, or everything, has an address.  Blank is not set."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Wanted()
    addressed = tuple(
        signal
        for signal in SIGNALS
        if f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT" in given
        or "OTEL_EXPORTER_OTLP_ENDPOINT" in given
    )
    asked = [s for s in addressed if given.get(f"OTEL_{s.upper()}_EXPORTER", "otlp") != "none"]
    faults = {signal: tuple(_faults(signal, given)) for signal in asked}
    return Wanted(
        signals=tuple(signal for signal in asked if not faults[signal]),
        faults=tuple(fault for signal in asked for fault in faults[signal]),
    )


def _faults(signal: Signal, given: Mapping[str, str]) -> Iterator[str]:
    name = f"OTEL_{signal.upper()}_EXPORTER"
    if given.get(name, "otlp") != "otlp":
        yield f"{name}={given[name]}: {signal} are exported by otlp, or by none"
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if name in given:
            if given[name] != PROTOCOL:
                yield f"{name}={given[name]}: {signal} are exported by {PROTOCOL} (port 4318)"
            return
