"""The socket that the server listens on."""

from __future__ import annotations

import resource
import socket
from contextlib import closing

import pytest

from llmrouter.web.client import STALL_TIMEOUT_S
from llmrouter.web.serve import PortUnavailable, allow_many_files, listen


def test_a_taken_port_is_known_before_anything_else_starts() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortUnavailable, match=str(port)):
            listen("127.0.0.1", port)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    allow_many_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_the_kernel_gives_up_on_clients_that_take_nothing() -> None:
    with (
        closing(listen("127.0.0.1", 0)) as sock,
        closing(socket.create_connection(sock.getsockname())),
    ):
        sock.setblocking(True)
        accepted, _ = sock.accept()
        with closing(accepted):
            limit_ms = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit_ms == STALL_TIMEOUT_S * 1000
