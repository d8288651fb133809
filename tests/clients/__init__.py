"""The vendors' own client libraries, each against upstreams of each dialect, through the router.

`scene` says what is asked and answered, `vendors` are upstreams written from the vendors' manuals,
`libraries` the clients, and `matrix` plays every scene with every pair.
``python -m tests.clients`` plays them and writes the table into docs/dialects.md.
"""
