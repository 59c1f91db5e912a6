"""Quiet life."""

from __future__ import annotations

from ztui.demo.cluster import Cluster


async def live(cluster: Cluster, seed: int) -> None:
    """Quiet life."""
