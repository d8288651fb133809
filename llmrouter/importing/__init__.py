"""Logs of other gateways and tools, brought into the ledger as imported requests."""
