"""Time in the demo's controllers: whether the story is told already, what comes a moment later, what has changed since."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ztui.demo.answers import Obj
from ztui.demo.cluster import Cluster

ROLLOUT_S = 1.0


class Moments:
    """What controllers of a store know of time. Until `go_live` the story is being told, and nothing waits."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self._loop: asyncio.AbstractEventLoop | None = None
        self._specs: dict[str, str] = {}

    def go_live(self) -> None:
        """From now on changes settle in the running loop, and new pods take a moment to start."""
        self._loop = asyncio.get_running_loop()

    @property
    def is_live(self) -> bool:
        """Whether the story is told, and somebody may be changing it."""
        return self._loop is not None

    def later(self, work: Callable[[], None], seconds: float = ROLLOUT_S) -> None:
        """Has work done after a moment, or after so many seconds."""

        def locked() -> None:
            with self.store.lock:
                work()

        if self._loop:
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, locked)

    def moved(self, obj: Obj) -> bool:
        """Whether somebody has changed what an object asks for since the last look at it."""
        before, asked = self._look(obj, obj.get("spec"))
        return self.is_live and before is not None and before != asked

    def unseen(self, obj: Obj) -> bool:
        """Whether what an object asks for was never looked at; what the story tells with its outcome is done already."""
        before, asked = self._look(obj, {key: value for key, value in obj.items() if key not in ("metadata", "status")})
        return self.is_live and before != asked and (before is not None or not obj.get("status"))

    def _look(self, obj: Obj, asked: object) -> tuple[str | None, str]:
        """What an object asked for at the last look, `None` where there was none, and what it asks for now."""
        uid, now = obj["metadata"]["uid"], json.dumps(asked, sort_keys=True)
        before = self._specs.get(uid)
        self._specs[uid] = now
        return before, now

    def again(self, obj: Obj) -> Obj | None:
        """An object as it is now; None where it is gone."""
        resource = self.cluster.catalogue.of_kind(obj["apiVersion"], obj["kind"])
        found = self.store.find(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        return found if found is not None and found["metadata"]["uid"] == obj["metadata"]["uid"] else None
