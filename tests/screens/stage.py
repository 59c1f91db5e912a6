"""A console on a stage: fixed frames from a small world, no cluster, no clock."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from screens.app import ZtuiApp
from tests.worlds import judged, world
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.demo import world as story
from ztui.demo.attack import Attack, Chronicle
from ztui.demo.server import DemoServer
from ztui.demo.telemetry import Telemetry
from ztui.engines.incidents import acted
from ztui.engines.plaintext import COUNTED_CALLS
from ztui.errors import ConnectError, ForbiddenError
from ztui.frame import Frame
from ztui.health import Freshness, Health, KindHealth, SideLink, VaultLink
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.kinds.incident import Act
from ztui.kinds.logline import BESIDE, LINES
from ztui.kinds.measured import HourTraffic, MeasuredKind, Sample, TrafficSecurity
from ztui.kinds.nodereport import NodeReport
from ztui.kinds.notice import NOTICES
from ztui.kinds.session import Session, session
from ztui.roles import kinds_of
from ztui.settings import Settings
from ztui.sources.metrics import QUERIES
from ztui.store import Put, Store, Whole
from ztui.triage import Triage

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
KINDS = (
    KindHealth("pods", "", "", "watching", "", Freshness.LIVE, 0.0, 1, 0, 214),
    KindHealth(
        "clusterrolebindings",
        "rbac.authorization.k8s.io",
        "",
        "backing off",
        "server asks to wait 12 s",
        Freshness.STALE,
        23.0,
        2,
        3,
        190,
    ),
    KindHealth("oauthclients", "oauth.openshift.io", "", "blocked", "forbidden(list oauthclients)", Freshness.LIVE, 0.0, 0, 0, 0),
)


def health(**changes: Any) -> Health:
    """A connection that works."""
    found = {
        "freshness": Freshness.LIVE,
        "user": "ana@corp.example",
        "groups": ("platform", "system:authenticated"),
        "server": "https://api.prod.example:6443",
        "server_version": "v1.33.5",
        "cluster_id": "7f3a1c22-0000",
        "context": "prod-eu-1",
        "latency_s": 0.012,
        "requests": 314,
        "kinds": KINDS,
        **changes,
    }
    return Health(**found)


def small_frame(**changes: Any) -> Frame:
    """A small cluster that has one of everything."""
    objects = json.loads((Path(__file__).parent / "small.json").read_text())
    store = world(objects, now=NOW)
    frame = Frame(store.state, judged(store.state), health(), None, 10, 10, 1)
    return Frame(**{name: changes.get(name, getattr(frame, name)) for name in frame.__struct_fields__})


def demo_frame() -> Frame:
    """The demo cluster's first state, judged: read from its store through the door, without the network."""
    return _framed(_read(_told("default")))


def measured_frame() -> Frame:
    """The same with what the mesh counted of its calls."""
    server = _told("default")
    store, telemetry = _read(server), Telemetry(server.cluster, Chronicle())
    counted: tuple[type[MeasuredKind], ...] = (TrafficSecurity, *COUNTED_CALLS)
    for kind in counted:
        asked = [(name, labels, value) for name, query in QUERIES[kind].items() for labels, value in telemetry.series(query)]
        store.apply(Whole(kind, frozenset()))
        for item in kind.measured(asked if kind is not HourTraffic else _by_hour(telemetry)):
            store.apply(Put(item))
    store.tick(NOW)
    return _framed(store)


def _by_hour(telemetry: Telemetry) -> list[Sample]:
    found = (one for query in QUERIES[HourTraffic].values() for one in telemetry.hours(query))
    return [(str(at // 3600), labels, value) for labels, told in found for at, value in told]


def attacked_frame() -> Frame:
    """The demo cluster under attack, its incident folded of what its sources tell."""
    server = _told("incident")
    chronicle, minutes = Chronicle(), itertools.count()
    attack = Attack(server.cluster, chronicle, 7)
    server.cluster.store.now = lambda: NOW + timedelta(seconds=7 * next(minutes))
    while attack.step():
        pass
    store, judge, triage = _read(server), Judge({}), Triage()
    lines = [line for told in chronicle.lines.values() for _, line in told]
    triage.tell(told for line in lines for kind in LINES if (item := kind.read(line)) for told in item.signals())
    triage.ready = True
    folded = triage.fold(judge, store.state, judge.judge(store.state), settled=True)
    [mine] = folded.changed if folded else ()
    mine = acted(mine, Act(NOW + timedelta(minutes=3), "ana", "", "acknowledged"))
    mine = acted(mine, Act(NOW + timedelta(minutes=4), "ana", "the owner is told"))
    store.apply(Put(mine))
    store.tick(NOW + timedelta(minutes=5))
    return _framed(store)


def _told(scenario: str) -> DemoServer:
    server = DemoServer(churn=False)
    server.cluster.store.now = lambda: NOW  # a picture does not depend on the day
    story.fill(server.cluster, scenario=scenario, seed=7, scale=0)
    return server


def _read(server: DemoServer) -> Store:
    store = Store()
    store.apply(Whole(NodeReport, frozenset()))
    for kind in kinds_of(catalogue().values()):
        store.apply(Whole(kind, frozenset()))
        if not kind.PLURAL:
            continue
        resource = server.cluster.catalogue.get(kind.GROUP, kind.PLURAL)
        for obj in server.objects.all(resource) if resource else ():
            meta = obj["metadata"]
            if kind.SINGLE and (meta.get("namespace", ""), meta["name"]) != kind.SINGLE:
                continue
            found = decode_or_malformed(kind, json.dumps(obj).encode())
            assert not isinstance(found, Malformed), (kind, found)
            store.apply(Put(found))
    store.apply(Whole(Session, frozenset()))
    store.apply(Put(session("admin", ("platform-admins",), "v1.33.5", "", "", "https://api.demo.example:6443")))
    for notice in (*NOTICES, *BESIDE):
        store.apply(Whole(notice, frozenset()))
    store.tick(NOW)
    return store


def _framed(store: Store) -> Frame:
    return Frame(store.state, judged(store.state), health(context="demo", user="admin"), None, 10, 10, 1)


def beside_frame() -> Frame:
    """The small cluster with a Vault, a metrics store that has gone quiet, a log store that refuses, and no alert manager."""
    refused = ForbiddenError("get", "audit logs")
    sides = (
        SideLink("metrics", "https://thanos.apps.example", Freshness.STALE, 65.0),
        SideLink("alerts", found=False),
        SideLink("logs", "https://logs.apps.example", Freshness.LOST, 240.0, problem=refused),
    )
    vault = VaultLink("main", "https://vault.example:8200", "active", Freshness.LIVE, 3.0, "assessor", 3600.0, renewable=True)
    return small_frame(vaults=(vault,), sides=sides)


def uid_of(frame: Frame, kind: type[Kind], namespace: str, name: str) -> str:
    """The uid of an object that is held."""
    return frame.state.objects[kind][namespace][name].ref.uid


def without(frame: Frame, kind: type[Kind], namespace: str, name: str) -> Frame:
    """The next state of a cluster, in which one object is gone; nothing is judged again."""
    objects = {key: dict(parts) for key, parts in frame.state.objects.items()}
    part = dict(objects[kind][namespace])
    del part[name]
    objects[kind][namespace] = part
    state = msgspec.structs.replace(frame.state, objects=objects, tick=frame.state.tick + 1)
    return msgspec.structs.replace(frame, state=state)


def start_frame() -> Frame:
    """No cluster at all."""
    problem = ConnectError(
        "cannot connect to api.prod.example:6443",
        where="context prod-eu-1",
        why="connection refused",
        next="Check the VPN, or choose another context",
    )
    return Frame(health=health(freshness=Freshness.CONNECTING, problem=problem, user="", cluster_id=""), kinds=10, serial=1)


class StagedApp(ZtuiApp):
    """The real app with a frame put in front of it instead of a core."""

    def __init__(self, frame: Frame, **settings: Any) -> None:
        super().__init__(Settings(**settings), _nowhere)
        self.frame = frame
        self.looked_at = ("~/.kube/config",)

    def _start(self) -> None:
        self.redraw()


def _nowhere() -> Any:
    raise AssertionError("a staged console has no target")
