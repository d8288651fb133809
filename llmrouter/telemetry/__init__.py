"""Requests told to an OpenTelemetry collector.  Only `export`, `spans` and `measures` import
OpenTelemetry, which is an extra: nothing of it is loaded where nobody asks for it."""
