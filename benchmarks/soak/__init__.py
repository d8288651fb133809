"""A router under mixed traffic and faults, killed again and again; then its ledger is counted.

python -m benchmarks.soak --minutes 5 --kills 20 [--database-url postgresql://…]
"""
