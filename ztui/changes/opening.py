"""Opening the desk of a session: whether it may write at all, where its journal is, who signs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ztui.changes.besidewriter import BesideWriter, Door
from ztui.changes.consent import Mode
from ztui.changes.desk import Desk, Judging
from ztui.changes.hands import Hands
from ztui.changes.journal import Journal, journal_folder
from ztui.changes.protocol import Signature
from ztui.changes.vaultwriter import Doors, VaultWriter
from ztui.changes.writer import Writer
from ztui.clock import Clock
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Namespace
from ztui.settings import ContextSettings, Settings
from ztui.sources.cluster import Cluster

READ_ONLY: Final = "ztui.io/read-only"
"""The annotation of the namespace ``kube-system`` by which a cluster's owner forbids changes from here."""


async def open_desk(
    core: Judging,
    cluster: Cluster,
    doors: Doors,
    beside: Callable[[], Door | None],
    settings: Settings,
    clock: Clock,
    state: Path | None,
) -> Desk:
    """The desk of a session. ``doors`` are those of its Vaults, ``beside`` that of what stands beside the cluster.

    In read-only mode there is no writer, and so nothing that could send.
    """
    health = cluster.health()
    mode = mode_of(core, cluster, settings)
    name = health.cluster_id or health.server
    folder = journal_folder(state, name) if state is not None else None
    journal = await asyncio.to_thread(Journal.open, folder, clock=clock, reading=bool(mode.read_only))
    served = cluster.served

    def held(kind: type[Kind], ref: Ref) -> Kind | None:
        return core.frame.state.objects.get(kind, {}).get(ref.namespace, {}).get(ref.name)

    writer = None
    if not mode.read_only and served:
        writer = Hands(Writer(cluster.http, served), VaultWriter(doors, held), BesideWriter(beside, health.user, clock))
    signature = Signature(health.user, health.context, name, secrets.token_hex(4))
    desk = Desk(core, writer, journal, clock, signature, mode)
    await desk.recover()
    return desk


def mode_of(core: Judging, cluster: Cluster, settings: Settings) -> Mode:
    """Whether this session may write: what the user, the connection and the cluster's owner say."""
    target = cluster.http.target
    mine = settings.contexts.get(target.context, ContextSettings())
    prod = mine.prod or any(fnmatchcase(target.context, pattern) for pattern in settings.prod_patterns)
    return Mode(_read_only(core, cluster, settings, mine), locked=prod, prod=prod)


def _read_only(core: Judging, cluster: Cluster, settings: Settings, mine: ContextSettings) -> str:
    if settings.read_only or mine.read_only:
        return "asked for"
    if any("not verified" in item for item in cluster.http.warnings):
        return "the server's certificate is not verified"
    held = core.frame.state.objects.get(Namespace, {}).get("", {}).get("kube-system")
    if held is not None and held.annotations.get(READ_ONLY) == "true":
        return f"the cluster says so ({READ_ONLY})"
    return ""
