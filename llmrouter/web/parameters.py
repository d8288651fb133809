"""Reading query parameters; a wrong one is an error that names it."""

from __future__ import annotations

from quart import request

from llmrouter.core.errors import FieldError, InvalidRequest
from llmrouter.core.ids import read_id
from llmrouter.core.moments import read_moment


def whole_number(name: str, default: int, *, maximum: int) -> int:
    """A whole number from 1 to ``maximum``."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= maximum):
        raise _wrong(name, f"must be a whole number from 1 to {maximum}")
    return int(text)


def since_us(now_us: int, name: str = "since") -> int | None:
    """A moment, given as an age (``90s``, ``15m``, ``24h``, ``7d``, ``2w``) or an ISO date."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return read_moment(text, now_us)
    except ValueError as error:
        raise _wrong(name, str(error)) from None


def known_id(name: str) -> int | None:
    """A request's id, as it is shown or in digits."""
    text = request.args.get(name)
    if text is None:
        return None
    number = read_id(text)
    if number is None:
        raise _wrong(name, "must be a request id such as req_…")
    return number


def _wrong(name: str, message: str) -> InvalidRequest:
    return InvalidRequest([FieldError(name, message)])
