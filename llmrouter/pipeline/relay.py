"""A stream's short way: what a provider sends goes to the client in the same step of the event
loop, and no task wakes up for it.

It is left where there is something to wait for or to decide: a client that is behind or gone, the
end, a failure, a time that is up.  Whoever was on it then goes on part by part, which is the way of
every stream whose connections are not ours, and comes back to it with the next part.
"""

from __future__ import annotations

from llmrouter.core.upstream import Take, UpstreamReply
from llmrouter.dialects.wire import ReplyReader
from llmrouter.pipeline.clocks import ReadingClocks


def is_sign_of_life(content: bytes) -> bool:
    """Whether it says something of the model: comments only keep a connection alive."""
    return not content.startswith(b":")


async def relay(
    reply: UpstreamReply, reader: ReplyReader, pour: Take, clocks: ReadingClocks, idle_s: float
) -> bytes:
    """Passes on what arrives for as long as it can be poured; gives what could not be.

    Raises `AttemptError`, as reading part by part does.
    """
    observed = reader.observed
    left = b""

    def take(data: bytes) -> bool:
        nonlocal left
        spoken = observed.output_characters
        content = reader.feed(data)
        if observed.output_characters != spoken or is_sign_of_life(content):
            clocks.allow(idle_s)
        if content and not pour(content):
            left = content
            return False
        return not observed.done

    await reply.flow(take)
    return left
