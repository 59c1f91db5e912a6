"""The core: opens the sources, ticks, judges, publishes frames. Everything that does IO hangs on its one task group.

The console, ``ztui check`` and an agent are readers of the same frames. A frame that nobody took yet is replaced, never queued.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from ztui.board import Board, CellOf, Judge
from ztui.checks.base import Check, CheckId, catalogue
from ztui.clock import Clock, SystemClock, to_the_end, within
from ztui.diary import RECORD_KINDS, Diary
from ztui.engines.units import SCOPE
from ztui.errors import ConnectError, LoginError, SettingsError, ZtuiError
from ztui.frame import Frame
from ztui.health import SideLink, VaultLink
from ztui.kinds.base import CLUSTER, Kind, Ref
from ztui.kinds.incident import Act, Incident, Phase
from ztui.kinds.nodereport import NodeReport
from ztui.kinds.record import Waiver
from ztui.kinds.workload import Namespace
from ztui.limits import Limits
from ztui.settings import Settings
from ztui.store import Drop, Event, Hole, Put, Store, Whole
from ztui.view import Gap, State, View, Why

if TYPE_CHECKING:
    from ztui.changes.change import Change
    from ztui.changes.desk import Desk
    from ztui.evidence.capture import Captured, Wanted
    from ztui.evidence.tail import Tail
    from ztui.sources.beside import Beside
    from ztui.sources.cluster import Cluster
    from ztui.sources.falco import FalcoDoor
    from ztui.sources.http import Http
    from ztui.sources.target import Target
    from ztui.sources.vault import Vaults
    from ztui.sources.vaultdoor import VaultDoor
    from ztui.triage import Folded, Triage

T = TypeVar("T")

GATHER_S: Final = 0.01
"""How long a tick waits for more events after the first."""

TICK_S: Final = 0.1
"""The shortest time between two ticks under a flood."""

HEALTH_S: Final = 1.0


class Core:
    """One cluster, assessed live.

    ``find_target`` is called when the core opens, so that an unreadable kubeconfig is a frame and not an exception; it may be
    called again after ``retry``. ``also`` are kinds to follow beside those of the checks. ``state`` is the folder of the records;
    without one they live as long as the core. ``show`` shows a person where to log in to a Vault, where one waits for it.
    ``triage`` follows security signals too, and makes incidents of them.
    """

    def __init__(
        self,
        settings: Settings,
        find_target: Callable[[], Target],
        *,
        clock: Clock | None = None,
        cards: Mapping[CheckId, Check] | None = None,
        also: frozenset[type[Kind]] = frozenset(),
        state: Path | None = None,
        show: Callable[[str, str], None] | None = None,
        triage: bool = False,
    ) -> None:
        self.settings = settings
        self.cards = dict(cards if cards is not None else catalogue())
        self._find_target = find_target
        self._clock = clock or SystemClock()
        self._store = Store()
        records = RECORD_KINDS if self.cards else ()
        self.triage: Triage | None = None
        if triage:
            from ztui.triage import TRIAGE_KINDS, Triage  # noqa: PLC0415  only for whoever looks for incidents

            self.triage = Triage()
            also |= TRIAGE_KINDS
        self._kinds: frozenset[type[Kind]] = also.union(SCOPE, records, *(card.kinds for card in self.cards.values()))
        self._state = state
        self._desk: Desk | None = None
        self._opening = asyncio.Lock()
        self._diary = Diary(state, strict=settings.strict, attestations=settings.attestations)
        self._judge = Judge(
            self.cards,
            strict=settings.strict,
            namespace=settings.namespace,
            platform_namespaces=frozenset(settings.platform_namespaces),
            include_addons=settings.include_addons,
            limits=Limits(
                settings.max_cluster_admins,
                settings.max_token_age_s,
                settings.max_idle_s,
                settings.owner_keys,
                settings.secure_boot_labels,
            ),
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._cluster: Cluster | None = None
        self._vaults: Vaults | None = None
        self._show = show
        self._vault_problem: ZtuiError | None = None
        self._beside: Beside | None = None
        self._falco: FalcoDoor | None = None
        self._target_problem: ZtuiError | None = None
        self._folded: Folded | None = None
        self._unsaved = asyncio.Event()
        self._stirred = asyncio.Event()
        self._published = asyncio.Event()
        self._again = asyncio.Event()
        self._identified = asyncio.Event()
        self.frame = Frame(kinds=len(self._kinds))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Core]:
        """Run until the block is left. Nothing of the outside raises here: it shows in the frames."""
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._source(), name="cluster"),
                    tasks.create_task(self._ticks(), name="ticks"),
                    tasks.create_task(self._minutes(), name="minutes"),
                    tasks.create_task(self._health(), name="health"),
                    tasks.create_task(self._keep_records(), name="records"),
                    tasks.create_task(self._keep_incidents(), name="incidents"),
                    tasks.create_task(self._listen(), name="falco"),
                ]
                self._say_unconnected()
                try:
                    yield self
                finally:
                    for task in running:
                        task.cancel()
        finally:
            self._judge.close()
            self._thread.shutdown(wait=False, cancel_futures=True)
            if self._desk is not None:
                self._desk.close()
            await to_the_end(self._closed())  # who switches contexts twice in a row cancels this too

    async def _closed(self) -> None:
        try:  # one after the other, whatever becomes of it
            if self._cluster is not None:
                await self._cluster.http.close()
        finally:
            await self._diary.close()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The frame of now, and each newer one that is ready when the reader is."""
        serial = -1
        while True:
            if self.frame.serial != serial:
                serial = self.frame.serial
                yield self.frame
            else:
                published = self._published
                await published.wait()

    async def settled(self, wait_s: float) -> Frame:
        """The frame once everything has been read, at the latest after so long: what is missing then is ``timeout``."""
        done = asyncio.Event()

        async def look() -> None:
            async for frame in self.frames():
                if frame.problem is not None or (frame.settled and frame.board is not None and not self._store.dirty):
                    done.set()

        watching = asyncio.ensure_future(look())
        try:
            if not await within(self._clock, wait_s, done):
                for kind, scope in self._store.state.loading(self._kinds):
                    self._store.apply(Hole(kind, Gap(Why.TIMEOUT, f"not read within {wait_s:g} s"), scope))
            await self._open_records()
            await self._tick()
            await self._sweep(now=True)
            await self._write_incidents()
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        return self.frame

    def retry(self) -> None:
        """Try again now what waits: finding a target, connecting, being allowed."""
        self._again.set()
        if self._cluster is not None:
            self._cluster.retry()
        if self._vaults is not None:
            self._vaults.retry()

    async def derive(self, function: Callable[..., T], *arguments: Hashable) -> T:
        """``function(view, *arguments)``, found in the judge's thread: a screen computes nothing about clusters.

        It is kept between ticks, so that asked again it costs what has changed, until it is released.
        """
        found: T = await asyncio.get_running_loop().run_in_executor(self._thread, self._judge.memo.value, function, arguments)
        return found

    async def suppose(self, change: Callable[[State], State], *panes: Callable[[View], Any]) -> tuple[Board, tuple[Any, ...]]:
        """The board as it would be after a change of the state, and what these functions say then; in the judge's thread."""
        asked = partial(self._judge.suppose, change, *panes)
        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    @property
    def opened_desk(self) -> Desk | None:
        """The desk, where it was opened."""
        return self._desk

    async def desk(self) -> Desk:
        """Where changes are shown, made and taken back; made when first asked for. Raises ConnectError without a cluster."""
        async with self._opening:
            if self._desk is None:
                cluster = self._cluster
                if cluster is None or not self._identified.is_set():
                    raise ConnectError("there is no cluster yet", next="r tries again to find one")
                from ztui.changes.opening import open_desk  # noqa: PLC0415  only for whoever changes something

                self._desk = await open_desk(
                    self, cluster, self._vault_door, lambda: self._beside, self.settings, self._clock, self._state
                )
            return self._desk

    async def changes(self) -> list[Change] | None:
        """What was changed from here, oldest first; ``None`` where no journal tells."""
        try:
            return await (await self.desk()).changes()
        except ZtuiError:
            return None

    async def capture(self, wanted: Wanted, tell: Callable[[str], None] | None = None) -> Captured:
        """Write what can be known of one thing into a file, before anything is done to it. Raises ZtuiError."""
        from ztui.evidence.capture import captured  # noqa: PLC0415  only for whoever captures something

        if self._cluster is None:
            raise ConnectError("there is no cluster yet", next="r tries again to find one")
        return await captured(self, self._cluster, self._clock, self._state, wanted, tell or _quiet)

    async def tails(self, unit: Ref) -> tuple[Tail, ...]:
        """The last lines that the containers of a workload wrote. Raises ConnectError without a cluster."""
        from ztui.evidence.tail import tails  # noqa: PLC0415  only for whoever reads logs
        from ztui.recipes.roots import pods_of  # noqa: PLC0415  the same

        if self._cluster is None:
            raise ConnectError("there is no cluster yet", next="r tries again to find one")
        return await tails(self._cluster.http, pods_of(View(self.frame.state), unit))

    def look_again(self, *, vaults: bool = False) -> None:
        """Read now what is otherwise read now and then: single objects, whose resource nobody may watch; and the Vaults."""
        if self._cluster is not None:
            self._cluster.look_again()
        if vaults and self._vaults is not None:
            self._vaults.retry()

    def _vault_door(self, name: str) -> VaultDoor | None:
        return self._vaults.door(name) if self._vaults is not None else None

    def release(self, function: Callable[..., Any], *arguments: Hashable) -> None:
        """Nobody looks at this any more: what was only kept for it is dropped."""
        with suppress(RuntimeError):  # the core is closed, and everything with it
            self._thread.submit(self._judge.memo.release, function, arguments)

    @property
    def cell_of(self) -> CellOf:
        """How a pane that joins verdicts asks for the cell of a check."""
        return self._judge.cell_of

    async def skip(self, check_id: str) -> None:
        """Leave a step of the guide for later, or take it back; it comes to the screen as any other change."""
        for event in await self._diary.skip(check_id):
            self._take(event)

    async def waive(self, waiver: Waiver) -> None:
        """Keep a waiver; it comes to the screen as any other change."""
        for event in await self._diary.waive(waiver):
            self._take(event)

    def act(self, incident: str, words: str, phase: Phase | Literal[""] = "") -> None:
        """Note something about an incident, or bring it to another state; it comes to the screen as any other change."""
        if self.triage is not None:
            user = (self._cluster.login.user if self._cluster else "") or "?"
            self.triage.act(incident, Act(self._clock.now(), user, words, phase))
            self._stirred.set()

    async def ask_node(self, node: str) -> NodeReport:
        """Ask a node itself, by a debug pod; what it says is evidence for as long as we run. Raises ZtuiError."""
        from ztui.sources.oc import NodeDoor  # noqa: PLC0415  only for whoever asks

        mine = self.settings.contexts.get(self._cluster.http.target.context) if self._cluster is not None else None
        if self.settings.read_only or (mine is not None and mine.read_only):
            raise SettingsError("asking a node makes a pod for a moment", why="this session changes nothing (read-only)")
        if self._cluster is None:
            raise ConnectError("there is no cluster yet", next="r tries again to find one")
        http = self._cluster.http
        door = NodeDoor(http.target, http.credentials, self._clock, os.environ)
        try:
            found = await door.ask(node)
        finally:
            door.close()
        self._take(Put(found))
        return found

    def stop_login(self) -> bool:
        """End the login program that keeps us waiting; says whether there was one."""
        return self._cluster is not None and self._cluster.http.credentials.stop_waiting()

    def log_in_to_vault(self, show: Callable[[str, str], None]) -> bool:
        """Let somebody log in to the Vaults that wait for it, at addresses that are shown; says whether there is one."""
        return self._vaults is not None and self._vaults.ask_person(show)

    async def log_in_here(self) -> None:
        """Run the login program where it has the terminal, then go on. Raises LoginError."""
        if self._cluster is None:
            raise LoginError("there is no login program yet", next="r tries again to find the cluster")
        await self._cluster.http.credentials.log_in_here()
        self.retry()

    async def _source(self) -> None:
        """Find the target and follow it; a target that cannot be found is looked for again when asked."""
        while True:
            self._again.clear()
            try:
                # In a thread: it reads files, imports the client, and may start a demo, all after the first paint.
                target, make_http, make_cluster = await asyncio.to_thread(self._prepare)
                break
            except ZtuiError as error:
                self._target_problem = error
                self._publish()
                await self._again.wait()
        self._target_problem = None
        hints = dict.fromkeys(name for name in (self.settings.namespace, target.namespace) if name)
        http = make_http(target, self._clock, timeout_s=self.settings.request_timeout_s)
        of_vault = frozenset(kind for kind in self._kinds if kind.SOURCE == "vault")
        self._cluster = make_cluster(http, self._kinds, self._take, self._clock, hints)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._cluster.run(), name="cluster")
            tasks.create_task(self._follow_vaults(target.context, of_vault), name="vaults")
            tasks.create_task(self._follow_beside(http), name="beside")

    async def _follow_beside(self, http: Http) -> None:
        """Ask what stands beside the cluster, where a check wants to know."""
        from ztui.sources.beside import Beside  # noqa: PLC0415  after the first paint

        kinds = frozenset(kind for kind in self._kinds if kind.SOURCE == "metrics")
        self._beside = Beside(http, kinds, self._take, self._clock)
        await self._beside.run()

    async def _listen(self) -> None:
        """Take what Falco posts, where the settings open a door for it."""
        if self.triage is None or not self.settings.falco_listen:
            return
        from ztui.sources.falco import FalcoDoor  # noqa: PLC0415  only for whoever opens it

        self._falco = FalcoDoor(self.settings.falco_listen, self._take, self._clock)
        await self._falco.run()

    async def _follow_vaults(self, context: str, kinds: frozenset[type[Kind]]) -> None:
        """Follow the Vaults of the context; settings that name an unusable one cost its checks and nothing else."""
        from ztui.sources.vault import Vaults  # noqa: PLC0415  after the first paint
        from ztui.sources.vaulttarget import find_vaults  # noqa: PLC0415  as above

        while kinds:
            self._again.clear()
            try:
                found = await asyncio.to_thread(find_vaults, self.settings, context, os.environ)
                break
            except ZtuiError as error:
                self._vault_problem = error
                for kind in kinds:
                    self._take(Hole(kind, Gap(Why.FORBIDDEN, f"vault: login: {error.what}")))
                await self._again.wait()
        else:
            return
        self._vault_problem = None
        timeout_s = self.settings.request_timeout_s
        self._vaults = Vaults(found, kinds, self._take, self._clock, timeout_s=timeout_s, show=self._show)
        await self._vaults.run()

    def _say_unconnected(self) -> None:
        """What is served by a source that is not there is known not to be, so that nobody waits for it."""
        for kind in self._kinds:
            if kind.SOURCE == "node":  # asked on request only: until then it is known that none was
                self._take(Whole(kind, frozenset()))
            elif kind.SOURCE not in {"cluster", "session", "vault", "metrics"}:
                self._take(Hole(kind, Gap(Why.NOT_CONNECTED, kind.SOURCE)))

    def _prepare(self) -> tuple[Target, type[Http], type[Cluster]]:
        from ztui.sources.cluster import Cluster  # noqa: PLC0415  the first paint must not pay for the client
        from ztui.sources.http import Http  # noqa: PLC0415

        return self._find_target(), Http, Cluster

    async def _keep_records(self) -> None:
        """Open the records once it is known which cluster this is, then keep a snapshot whenever it is time for one."""
        await self._identified.wait()
        await self._open_records()
        async for _ in self.frames():
            await self._sweep()

    async def _open_records(self) -> None:
        """Read the records of this cluster into the store; of a cluster that nobody can name there are none."""
        health = self._cluster.health() if self._cluster else None
        if health is not None and self._identified.is_set() and self.cards:
            for event in await self._diary.open(health.cluster_id or health.server):
                self._take(event)
            if self.triage is not None and not self.triage.ready:
                self.triage.remember(await self._diary.heard())
                self.triage.ready = True
                self._stirred.set()

    async def _keep_incidents(self) -> None:
        """Write what the ticks made of incidents, many ticks at once where the disk is slow."""
        while True:
            await self._unsaved.wait()
            await self._write_incidents()

    async def _write_incidents(self) -> None:
        self._unsaved.clear()
        folded, self._folded = self._folded, None
        for event in await self._diary.keep(folded, self._clock.now()) if folded is not None else ():
            self._take(event)

    async def _sweep(self, *, now: bool = False) -> None:
        """Keep a snapshot of a board that rests on everything; ``now`` does not wait for the next one to be due."""
        frame = self.frame
        if frame.board is None or not frame.settled or frame.health is None or not self.cards:
            return
        for event in await self._diary.note(frame.board, frame.state.now, frame.health, now=now):
            self._take(event)
        if now:
            await self._tick()

    def _take(self, event: Event) -> None:
        self._store.apply(event)
        if self.triage is not None and isinstance(event, Put):
            self.triage.take(event.obj)
        self._stirred.set()
        # The uid of kube-system names the cluster; whoever may not read it is known by the server's address.
        if isinstance(event, (Whole, Hole)) and event.kind is Namespace and not self._identified.is_set():
            reached = isinstance(event, Whole) or event.gap.why is Why.FORBIDDEN
            if reached and self._cluster is not None and self._cluster.problem is None:
                self._identified.set()

    async def _ticks(self) -> None:
        last, rest = -TICK_S, 0.0
        while True:
            await self._stirred.wait()
            await self._clock.sleep(max(GATHER_S, rest, last + TICK_S - self._clock.monotonic()))
            self._stirred.clear()
            last = self._clock.monotonic()
            await self._tick()
            # Long judgements are those of a cluster that is still being read: the reading gets its half of the time.
            rest = self._clock.monotonic() - last

    async def _tick(self) -> None:
        """Fold what came, judge it, publish."""
        state = self._store.tick(self._clock.now())
        board, folded = await asyncio.get_running_loop().run_in_executor(self._thread, self._judged, state)
        self._publish(state, board)
        if folded is None:
            return
        self._folded = folded.after(self._folded) if self._folded is not None else folded
        self._unsaved.set()
        for incident in folded.changed:
            self._store.apply(Put(incident))
        for name in folded.dropped:
            self._store.apply(Drop(Incident, CLUSTER, name))
        if folded.changed or folded.dropped:
            self._stirred.set()

    def _judged(self, state: State) -> tuple[Board, Folded | None]:
        """The board of a state, and what its signals make of the incidents where that is news; in the judge's thread."""
        board = self._judge.judge(state)
        if self.triage is None:
            return board, None
        return board, self.triage.fold(self._judge, state, board, settled=self.frame.settled)

    async def _minutes(self) -> None:
        """Checks that read the time read it by the minute."""
        while True:
            now = self._clock.now()
            await self._clock.sleep(60.0 - now.second - now.microsecond / 1e6 + 0.01)
            self._stirred.set()

    async def _health(self) -> None:
        """Publish when the connection changed, not when only an age did: an idle screen sends no byte."""
        before: object = None
        while True:
            await self._clock.sleep(HEALTH_S)
            if self._cluster is None:
                continue
            health = self._cluster.health()
            waiting = health.login_waiting_s is not None
            kinds = tuple((item.state, item.freshness) for item in health.kinds)
            links = tuple((item.state, item.freshness, item.problem, item.waiting) for item in self._links())
            sides = tuple((item.address, item.freshness, item.found, item.problem) for item in self._sides())
            now = (health.freshness, health.problem, waiting, kinds, links, sides)
            if now != before or health.silent_s > 10 or waiting:
                before = now
                self._publish()

    def _links(self) -> tuple[VaultLink, ...]:
        if self._vault_problem is not None:
            return (VaultLink("vault", "", problem=self._vault_problem),)
        return self._vaults.links() if self._vaults is not None else ()

    def _sides(self) -> tuple[SideLink, ...]:
        links = self._beside.links() if self._beside is not None else ()
        return (*links, self._falco.link()) if self._falco is not None else links

    def _publish(self, state: State | None = None, board: Board | None = None) -> None:
        found = state or self.frame.state
        loading = len({kind for kind, _ in found.loading(self._kinds)})
        self.frame = Frame(
            found,
            board or self.frame.board,
            self._cluster.health() if self._cluster else None,
            self._target_problem,
            len(self._kinds) - loading,
            len(self._kinds),
            self.frame.serial + 1,
            self._diary.problems,
            self._links(),
            self._sides(),
        )
        published, self._published = self._published, asyncio.Event()
        published.set()


def _quiet(text: str) -> None:
    """Nobody is told how far it is."""
    del text
