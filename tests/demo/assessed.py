"""A demo world judged without its API server: its objects through the door, its Vault and its metrics through their sources.

Every change of the world is an event; nothing waits, so each verdict is that of the world as it is when it is asked for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from tests.sources.small_api import kubeconfig
from tests.worlds import all_kinds, world
from ztui.board import Board, Judge
from ztui.checks.base import CheckId, Status, catalogue
from ztui.clock import ManualClock, SystemClock
from ztui.demo import scenarios, tls, vaultsound, vaultstory
from ztui.demo import world as told
from ztui.demo.attack import Chronicle
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster, new_cluster
from ztui.demo.store import Change
from ztui.demo.telemetry import Telemetry
from ztui.demo.vault import DemoVault
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.kinds.vaultpaths import paths_of
from ztui.settings import ContextSettings, Settings, VaultSettings
from ztui.sources.beside import Beside
from ztui.sources.http import Http
from ztui.sources.target import find_target
from ztui.sources.vault import Vaults
from ztui.sources.vaulttarget import find_vaults
from ztui.store import Broken, Drop, Event, Hole, Put, Whole

Obj = dict[str, Any]
At = tuple[str, str]

VAULT: Final = frozenset(kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind))
MEASURED: Final = frozenset(kind for kind in all_kinds() if kind.SOURCE == "metrics")


def filled(scenario: str) -> tuple[Cluster, Any]:
    """The world of a scenario, settled, and its controllers."""
    cluster = new_cluster(7)
    return cluster, told.fill(cluster, scenario=scenario, seed=7, scale=0)


def vault_story(scenario: str) -> Obj:
    """What the Vault of a scenario tells."""
    found = vaultstory.story()
    if scenario in scenarios.SOUND_VAULT:
        vaultsound.mend(found, time.time())
    return found


def is_made(obj: Obj) -> bool:
    """Whether a controller made it, and would make it again."""
    mirrors = obj["kind"] in ("Endpoints", "Event") or obj["metadata"]["name"] in ("kube-root-ca.crt", "openshift-service-ca.crt")
    return mirrors or any(owner.get("controller") for owner in obj["metadata"].get("ownerReferences") or ())


class Assessed:
    """A world and what is judged of it."""

    def __init__(self, scenario: str, folder: Path) -> None:
        self.cluster, self.run = filled(scenario)
        self.story = vault_story(scenario)
        self._folder = folder
        self._kinds: defaultdict[At, list[type[Kind]]] = defaultdict(list)
        for kind in all_kinds():
            if kind.SOURCE == "cluster":
                self._kinds[kind.GROUP, kind.PLURAL].append(kind)
        self.store = world()
        for resource in self.cluster.catalogue:
            for obj in self.cluster.store.all(resource) if resource.id in self._kinds else ():
                self._put(resource, obj)
        self.cluster.store.listeners.append(self._note)
        self.judge = Judge(catalogue())
        self.ask()

    def board(self) -> Board:
        """The board of the world as it is."""
        return self.judge.judge(self.store.tick(SystemClock().now()))

    def status(self, check_id: str, *, ask: bool = False) -> Status:
        """One verdict; `ask` asks the Vault and the metrics store first."""
        if ask:
            self.ask()
        return self.board().verdicts[CheckId(check_id)].status

    def ask(self) -> None:
        """Asks the Vault and the metrics store anew."""
        asyncio.run(self._ask())

    async def _ask(self) -> None:
        made = tls.make()
        (self._folder / "ca.pem").write_text(made.ca_pem)
        await self._ask_vault(made)
        await self._ask_metrics(made)

    async def _ask_vault(self, made: tls.Tls) -> None:
        vault = DemoVault()
        vault.story = self.story
        await vault.start(made.context)
        (self._folder / "token").write_text(vault.token)
        mine = VaultSettings(vault.url, ca_file=str(self._folder / "ca.pem"), token_file=str(self._folder / "token"))
        known, whole = set(VAULT), asyncio.Event()

        def take(event: Event) -> None:
            self.store.apply(event)
            if isinstance(event, (Whole, Hole)):
                known.discard(event.kind)
            if not known:
                whole.set()

        found = Vaults(find_vaults(Settings(vaults={"demo": mine}), "any", {}), VAULT, take, SystemClock(), timeout_s=20)
        task = asyncio.create_task(found.run())
        try:
            async with asyncio.timeout(30):
                await whole.wait()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await vault.stop()

    async def _ask_metrics(self, made: tls.Tls) -> None:
        runner = web.AppRunner(Telemetry(self.cluster, Chronicle()).application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=made.context)
        await site.start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        login: Obj = {"token": self.cluster.identities.token("admin")}
        path = kubeconfig(self._folder / "config", url, ca_pem=made.ca_pem, user=login)
        beside = ContextSettings(metrics_url=url, alertmanager_url=url, logs_url=url)
        http = Http(find_target(Settings(kubeconfig=str(path), contexts={"test": beside}), {}), ManualClock(), timeout_s=20)
        found = Beside(http, MEASURED, self.store.apply, ManualClock())
        try:
            await found.round()
        finally:
            await found.close()
            await http.close()
            await runner.cleanup()

    def _note(self, resource: Resource, change: Change) -> None:
        if resource.id not in self._kinds:
            return
        if change.type == "DELETED":
            meta = change.obj["metadata"]
            for kind in self._kinds[resource.id]:
                self.store.apply(Drop(kind, meta.get("namespace", ""), meta["name"]))
        else:
            self._put(resource, change.obj)

    def _put(self, resource: Resource, obj: Obj) -> None:
        meta = obj["metadata"]
        at = (meta.get("namespace", ""), meta["name"])
        line = json.dumps({"kind": resource.kind, **obj}).encode()
        for kind in self._kinds[resource.id]:
            field, _, value = kind.FIELDS.partition("=")
            if kind.SINGLE not in (None, at) or (field and not kind.SINGLE and obj.get(field) != value):
                continue
            found = decode_or_malformed(kind, line)
            self.store.apply(Broken(kind, found) if isinstance(found, Malformed) else Put(found))
