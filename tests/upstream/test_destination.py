"""Where a URL leads: as httpx says, whether httpx is asked or not."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmrouter.upstream.destination import Destination, destination
from llmrouter.upstream.faults import NotSendable

HOSTS = st.sampled_from(
    [
        *("api.example.com", "localhost", "127.0.0.1", "999.1.1.1", "01.2.3.4", "[::1]", "[zz]"),
        *("API.Example.com", "bücher.example", "a_b.example", "1.2.3", "-", "", "x y"),
    ]
)
PORTS = st.sampled_from(["", ":", ":80", ":443", ":8080", ":08080", ":0", ":x"])
PATHS = st.lists(
    st.sampled_from(["/", "v1", "chat", ".", "..", "/.well-known", "%2F", "%", "%zz", "?", "#"])
    | st.characters(max_codepoint=0x17F),
    max_size=8,
).map("".join)


@given(st.sampled_from(["http", "https", "HTTP"]), HOSTS, PORTS, PATHS)
@example("http", "127.0.0.1", ":11434", "/api/chat")
@example("https", "generativelanguage.googleapis.com", "", "/v1beta/models/x:generate?alt=sse")
@example("https", "api.example.com", ":443", "/v1?a={b}`")
def test_it_is_where_httpx_would_go(scheme: str, host: str, port: str, path: str) -> None:
    url = f"{scheme}://{host}{port}{path}"
    try:
        expected = httpx.URL(url)
    except httpx.InvalidURL:
        with pytest.raises(NotSendable):
            destination(url)
        return
    assert destination(url) == Destination(
        expected.scheme,
        expected.raw_host.decode(),
        expected.port or {"http": 80, "https": 443}[expected.scheme],
        expected.netloc.decode(),
        expected.raw_path.decode(),
    )


@pytest.mark.parametrize("url", ["ftp://x.example/", "x.example/v1", "", "http://x.example/\n"])
def test_what_is_no_url_of_http_is_refused(url: str) -> None:
    with pytest.raises(NotSendable):
        destination(url)


def test_a_usual_url_needs_no_httpx() -> None:
    program = (
        "import sys\n"
        "from llmrouter.upstream.destination import destination\n"
        "for url in ('https://api.example.com/v1/chat/completions', 'http://127.0.0.1:11434/x?a=b'):\n"
        "    destination(url)\n"
        "sys.exit('httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
