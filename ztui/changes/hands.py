"""Whoever can write: one way of asking for it, and the hand for each kind by where the kind comes from."""

from __future__ import annotations

from typing import Protocol

from ztui.changes.writer import Live, Sent
from ztui.kinds.base import Kind
from ztui.recipes.base import Write


class Hand(Protocol):
    """Whoever can read and write the objects of a plan: a cluster's writer, the Vaults', or that of what stands beside it."""

    async def read(self, write: Write) -> Live | None:
        """The object of a write as it is now."""

    async def send(self, write: Write, live: Live | None, change: str, *, dry_run: bool = False, force: bool = False) -> Sent:
        """Make a write, or try it."""

    async def lacks(self, write: Write) -> tuple[str, ...]:
        """The rights for a write that we do not have, in words."""

    def version(self, kind: type[Kind]) -> str:
        """The version of its API by which a kind is written."""


class Hands:
    """The hands of the cluster, of its Vaults and of what stands beside it as one."""

    def __init__(self, cluster: Hand, vault: Hand, beside: Hand) -> None:
        self._cluster = cluster
        self._elsewhere = {"vault": vault, "beside": beside}

    async def read(self, write: Write) -> Live | None:
        """As of the hand for that kind."""
        return await self._of(write.kind).read(write)

    async def send(self, write: Write, live: Live | None, change: str, *, dry_run: bool = False, force: bool = False) -> Sent:
        """As of the hand for that kind."""
        return await self._of(write.kind).send(write, live, change, dry_run=dry_run, force=force)

    async def lacks(self, write: Write) -> tuple[str, ...]:
        """As of the hand for that kind."""
        return await self._of(write.kind).lacks(write)

    def version(self, kind: type[Kind]) -> str:
        """As of the hand for that kind."""
        return self._of(kind).version(kind)

    def _of(self, kind: type[Kind]) -> Hand:
        return self._elsewhere.get(kind.SOURCE, self._cluster)
