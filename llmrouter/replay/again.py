"""Decides the requests of a window again under a candidate, each as of its moment."""

from __future__ import annotations

from llmrouter.core.records import Record, replace
from llmrouter.core.replay import LoggedRequest
from llmrouter.pipeline.ports import ResponseStates
from llmrouter.policy.classifier import LocalClassifier
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.deciding import (
    NAME_ERRORS,
    Decided,
    Decider,
    Repeated,
    needs_of,
    recorded_decision,
)
from llmrouter.replay.flags import Flag
from llmrouter.replay.imported import SentHere, as_if_decided, is_imported
from llmrouter.replay.reading import Read
from llmrouter.replay.versions import RanWith, reads_alike
from llmrouter.replay.world import World


class Again(Record):
    """What was decided then, and what would be; or why nothing can be said.  ``body`` is what was
    decided on."""

    before: Decided | None
    repeated: Repeated | None
    undecided: Flag | None = None
    body: bytes | None = None


class DecidesAgain:
    """One request after the other, in the order of their decisions."""

    def __init__(
        self,
        world: World,
        states: ResponseStates,
        ran_with: RanWith,
        candidate: RoutingTable,
        classifier: LocalClassifier | None = None,
        *,
        explains: bool = False,
    ) -> None:
        self._world = world
        self._decider = Decider(world, states, classifier, explains=explains)
        self._ran_with = ran_with
        self._candidate = candidate
        self._sent_here = SentHere(candidate)
        self._alike: dict[RoutingTable, bool] = {}

    async def decide(self, read: Read) -> Again | None:
        """The decision; None for a request that is settled, of which is only learnt."""
        logged = read.due.logged
        table = await self._ran_with.table(logged)
        self._learn(logged, table)
        if read.settled:
            return None
        if is_imported(logged):
            return await self._imported(read)
        before = recorded_decision(logged)
        if before is None or (before.error is not None and before.error not in NAME_ERRORS):
            return Again(before, None, "not_routed")
        if read.body is None:
            return Again(before, None, "no_body")
        repeated = await self._decider.repeat(
            read.due, read.body, self._candidate, as_classified=self._reads_alike(table)
        )
        if "no_state" in repeated.flags and before.error is None:
            return Again(before, None, "no_state")
        return Again(before, repeated, body=read.body)

    async def _imported(self, read: Read) -> Again:
        """What llmrouter would decide on a request that another gateway served."""
        if read.body is None:
            return Again(None, None, "no_body")
        body = self._sent_here.body(read.body)
        repeated = await self._decider.repeat(read.due, body, self._candidate)
        repeated = replace(repeated, flags=(*repeated.flags, "imported"))
        return Again(as_if_decided(read.due.logged, repeated.decided), repeated, body=body)

    def _learn(self, logged: LoggedRequest, table: RoutingTable | None) -> None:
        """Takes in what the request's own decision tells of keys and models."""
        selected = logged.told.get("route.selected")
        if selected is not None and table is not None:
            self._world.known.learn(selected, needs_of(logged), table)

    def _reads_alike(self, table: RoutingTable | None) -> bool:
        """Whether the recorded category is what the candidate would have said."""
        if table is None:
            return False
        known = self._alike.get(table)
        if known is None:
            known = self._alike[table] = reads_alike(table, self._candidate)
        return known
