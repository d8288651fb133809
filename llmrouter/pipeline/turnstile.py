"""`Turnstile`: so many requests go on in one turn of the event loop, the others in later ones."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

PER_TURN: Final = 16
"""Each takes about half a millisecond.  Fewer in a turn would cost more: what is done together is
committed together."""

CROWD: Final = 256
PER_TURN_IN_A_CROWD: Final = 4
"""Where more than so many wait, turns are kept short: everybody else, `/health` first of all, takes
several of them from the connection to the reply."""


class Turnstile:
    """Stands before the two parts of a request's work that are done in one piece: its beginning,
    and the closing of its books.  Of thousands that come in one instant each is let in when those
    before it have begun, and nobody else waits until all of them have."""

    def __init__(self) -> None:
        self._left = PER_TURN
        self._waiting: deque[asyncio.Future[None]] = deque()

    def opens(self) -> bool:
        """Lets one through at once, while this turn has room; otherwise it has to `wait`."""
        if self._left == 0 or self._waiting:
            return False
        if self._left == PER_TURN:
            asyncio.get_running_loop().call_soon(self._turn)
        self._left -= 1
        return True

    def wait(self) -> asyncio.Future[None]:
        """Done when it is one's turn, first come, first served."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    def _turn(self) -> None:
        """A new turn of the loop: who waits comes first."""
        self._left = PER_TURN if len(self._waiting) <= CROWD else PER_TURN_IN_A_CROWD
        while self._waiting and self._left:
            waiter = self._waiting.popleft()
            if not waiter.done():  # who has left has given up
                waiter.set_result(None)
                self._left -= 1
        if self._left < PER_TURN:
            asyncio.get_running_loop().call_soon(self._turn)
