"""A self-contained tour: simulated providers, a real router, real HTTP, a real ledger."""
