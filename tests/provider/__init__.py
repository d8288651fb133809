"""A programmable provider of chat completions: a real HTTP/1.1 server on loopback, on raw sockets.

    async with Provider() as provider:
        provider.on("fast", answer("Hello"))
        provider.on("flaky", status(500), answer("Hello"))
        provider.on("cut", stream("Hel", RESET))
        ...                                     # requests to provider.base_url
        assert provider.seen[0].json["model"] == "fast"

**Scripts.** What is done with a request is a script, chosen by the request's ``model``.  Several
scripts for one model serve one request each, in order, and the last one all further ones.  A model
without a script gets ``answer("Hello.")``, or what ``Provider(otherwise=…)`` says;
`Provider.on_connect` scripts run before a request is read.  A script is any
``async def script(wire: Wire, seen: Seen) -> None``; these make one:

* `answer`: a good reply, streamed if the request asks for it;
* `stream`: an event stream, step by step; `drip`: one with pauses;
* `raw`: bytes from the status line on, step by step;
* `body`: any body; `status`: an error; `hang`: no answer; `drop`: close or reset instead of one.

**Steps** of `stream` and `raw`: a ``str`` is a delta of text, a ``dict`` a JSON event, ``bytes`` go
as they are, an ``asyncio.Event`` is waited for, `STALL` waits until the client has gone, `CLOSE`
and `RESET` end the connection there.  Nothing is added: finish with `FINISH`, `USAGE` and `DONE`.

**What it saw.** `Provider.seen` lists every request as a `Seen`; `Provider.arrived` waits for the
next ones.  `Seen.gone` is set when the client closed the connection before its script had ended.
"""

from __future__ import annotations

from tests.provider.documents import (
    DONE,
    FINISH,
    HTTP_2_SETTINGS,
    SOME_USAGE,
    USAGE,
    chunk,
    completion,
    event,
)
from tests.provider.scripts import answer, body, drip, drop, hang, raw, status, stream
from tests.provider.server import Provider
from tests.provider.wire import CLOSE, RESET, STALL, Ending, Script, Seen, Step, Wire

__all__ = [
    "CLOSE",
    "DONE",
    "FINISH",
    "HTTP_2_SETTINGS",
    "RESET",
    "SOME_USAGE",
    "STALL",
    "USAGE",
    "Ending",
    "Provider",
    "Script",
    "Seen",
    "Step",
    "Wire",
    "answer",
    "body",
    "chunk",
    "completion",
    "drip",
    "drop",
    "event",
    "hang",
    "raw",
    "status",
    "stream",
]
