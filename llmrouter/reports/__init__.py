"""Reports on what the ledger's daily sums say: for a terminal, as CSV, JSON, or an HTML page."""
