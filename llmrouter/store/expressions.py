"""Expressions that the views are made of, in the words of each database."""

from __future__ import annotations

from typing import Final, Protocol

from llmrouter.store.engine import DatabaseKind
from llmrouter.store.schema import HISTOGRAM_BITS

_ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_CHARACTERS: Final = 13


class Sql(Protocol):
    """What SQLite and PostgreSQL say differently; arguments are SQL expressions."""

    def iso(self, micros: str) -> str:
        """Microseconds since 1970 as ISO 8601 in UTC with milliseconds."""

    def day(self, micros: str) -> str:
        """Microseconds since 1970 as the day in UTC."""

    def usd(self, nusd: str) -> str:
        """Nano-dollars as dollars."""

    def ms(self, micros: str) -> str:
        """Microseconds as milliseconds."""

    def ratio_ms(self, micros: str, count: str) -> str:
        """The average of summed microseconds in milliseconds; NULL of none."""

    def text(self, data: str, member: str) -> str:
        """A member of a JSON object as text."""

    def real(self, data: str, member: str) -> str:
        """A member of a JSON object as a number."""

    def json(self, data: str, member: str) -> str:
        """A member of a JSON object as JSON text."""

    def document(self, head: str, rest: str) -> str:
        """JSON whose beginning may stand elsewhere; ``head`` is NULL where it does not."""


class _Shared:
    # "DOUBLE PRECISION" is a type to PostgreSQL, and REAL by affinity to SQLite.
    def ms(self, micros: str) -> str:
        return f"CAST({micros} AS DOUBLE PRECISION) / 1000"

    def ratio_ms(self, micros: str, count: str) -> str:
        return f"CAST({micros} AS DOUBLE PRECISION) / nullif({count}, 0) / 1000"


class SqliteSql(_Shared):
    """As SQLite says it, in words that versions before 3.38 know too."""

    def iso(self, micros: str) -> str:
        return (
            f"strftime('%Y-%m-%dT%H:%M:%S', {micros} / 1000000, 'unixepoch')"
            f" || printf('.%03dZ', {micros} / 1000 % 1000)"
        )

    def day(self, micros: str) -> str:
        return f"date({micros} / 1000000, 'unixepoch')"

    def usd(self, nusd: str) -> str:
        return f"{nusd} / 1e9"

    def text(self, data: str, member: str) -> str:
        return f"json_extract({data}, '$.{member}')"

    def real(self, data: str, member: str) -> str:
        return f"CAST(json_extract({data}, '$.{member}') AS REAL)"

    def json(self, data: str, member: str) -> str:
        return f"json_extract({data}, '$.{member}')"

    def document(self, head: str, rest: str) -> str:
        return f"coalesce({head}, '') || {rest}"


class PostgresSql(_Shared):
    """As PostgreSQL says it."""

    def iso(self, micros: str) -> str:
        return (
            f"to_char(to_timestamp({micros} / 1000000) AT TIME ZONE 'UTC',"
            " 'YYYY-MM-DD\"T\"HH24:MI:SS')"
            f" || '.' || lpad(({micros} / 1000 % 1000)::text, 3, '0') || 'Z'"
        )

    def day(self, micros: str) -> str:
        return f"to_char(to_timestamp({micros} / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"

    def usd(self, nusd: str) -> str:
        # A product keeps nine decimals; a quotient would show twenty.
        return f"{nusd} * 0.000000001"

    def text(self, data: str, member: str) -> str:
        return f"{data} ->> '{member}'"

    def real(self, data: str, member: str) -> str:
        return f"CAST({data} ->> '{member}' AS DOUBLE PRECISION)"

    def json(self, data: str, member: str) -> str:
        return f"CAST({data} -> '{member}' AS TEXT)"

    def document(self, head: str, rest: str) -> str:
        return f"CAST(coalesce({head}, '') || {rest} AS JSONB)"


def sql_for(kind: DatabaseKind) -> Sql:
    """The words of one kind of database."""
    return SqliteSql() if kind == "sqlite" else PostgresSql()


def shown_id(request_id: str) -> str:
    """A request id as `llmrouter.core.ids.show_id` writes it."""
    characters = (
        f"substr('{_ID_ALPHABET}', CAST(({request_id} >> {5 * place}) & 31 AS INTEGER) + 1, 1)"
        for place in reversed(range(_ID_CHARACTERS))
    )
    return "'req_' || " + " || ".join(characters)


def cumulated(histogram: str) -> str:
    """For a group of rows, how many lie in each bucket of a histogram or below it."""
    buckets = [f"{histogram}_log2_{bits}" for bits in HISTOGRAM_BITS]
    return ",\n    ".join(
        f"sum({' + '.join(buckets[: place + 1])}) AS {_up_to(histogram, bits)}"
        for place, bits in enumerate(HISTOGRAM_BITS)
    )


def quantile_ms(histogram: str, share: float) -> str:
    """The duration in ms below which ``share`` of a `cumulated` histogram lies; NULL of none.

    Interpolated within its bucket, so it is never off by more than the bucket's width.
    """
    rank = f"{share} * {_up_to(histogram, HISTOGRAM_BITS[-1])}"
    cases, below, lower_us = [], "0", 0
    for bits in HISTOGRAM_BITS:
        up_to, upper_us = _up_to(histogram, bits), 1 << bits
        cases.append(
            f"WHEN {up_to} >= {rank} AND {up_to} > {below} THEN ({lower_us} + {upper_us - lower_us}"
            f" * CAST({rank} - {below} AS DOUBLE PRECISION) / ({up_to} - {below})) / 1000.0"
        )
        below, lower_us = up_to, upper_us
    return f"CASE {' '.join(cases)} END"


def _up_to(histogram: str, bits: int) -> str:
    return f"{histogram}_up_to_{bits}"
