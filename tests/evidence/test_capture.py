"""A capture on the demo cluster: everything that is there, named what is not, no secret in any byte, chained to the journal."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.changes.desks import connections, drained
from tests.evidence.planted import Planted
from ztui import capturing
from ztui.changes.journal import Journal, journal_folder
from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.errors import DataError, SettingsError
from ztui.evidence.capture import Captured, Wanted
from ztui.evidence.facts import Item
from ztui.evidence.reading import Bundle, page_of, read_bundle
from ztui.frame import Frame
from ztui.kinds.workload import Pod
from ztui.settings import Settings
from ztui.targets import finder

PODS = 20
WAIT_S = 60.0
BOX = {"name": "main", "image": "shop/many:1", "ports": [{"containerPort": 8080}]}


def deployment(planted: Planted | None = None) -> dict[str, Any]:
    """Twenty pods; with secrets in their variables and annotations, each another one."""
    notes = {f"note-{at}": planted.secret() for at in range(60)} if planted else {}
    env = [{"name": f"SETTING_{at}", "value": f"plain {planted.mark()}"} for at in range(60)] if planted else []
    template = {
        "metadata": {"labels": {"app": "many", "sidecar.istio.io/inject": "false"}, "annotations": notes},
        "spec": {"serviceAccountName": "many", "containers": [{**BOX, "env": env}, {"name": "side", "image": "shop/side:1"}]},
    }
    copy = json.dumps({"spec": {"env": [{"name": "X", "value": planted.mark()}]}}) if planted else "{}"
    mine = (
        {"kubectl.kubernetes.io/last-applied-configuration": copy, **{f"own-{at}": planted.secret() for at in range(20)}}
        if planted
        else {}
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many", "namespace": "shop", "annotations": mine},
        "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "many"}}, "template": template},
    }


@pytest.fixture
def demo() -> Iterator[DemoThread]:
    """A demo cluster with twenty pods of one workload; the controllers of the demo make them."""
    with DemoThread(churn=False) as running:
        running.objects.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "many", "namespace": "shop"}})
        yield running


@asynccontextmanager
async def opened(demo: DemoThread, folder: Path, *, state: bool = True, user: str = "admin", **how: Any) -> AsyncIterator[Core]:
    """A core on the demo that has read everything, the twenty pods included."""
    settings = Settings(kubeconfig=str(demo.write_kubeconfig(folder / f"kubeconfig-{user}", user)), **how)
    core = Core(settings, finder(settings), state=folder / "state" if state else None)
    others = len(connections())
    async with core.open():
        await core.settled(WAIT_S)
        async with asyncio.timeout(WAIT_S):
            async for frame in core.frames():
                if _live(frame) == PODS:
                    break
        yield core
    await drained(others)


def _live(frame: Frame) -> int:
    pods = frame.state.objects.get(Pod, {}).get("shop", {}).values()
    return sum(isinstance(pod, Pod) and pod.labels.get("app") == "many" and bool(pod.spec.node_name) for pod in pods)


async def capture(core: Core, target: str = "deployment/shop/many", **how: Any) -> tuple[Captured, Bundle]:
    done = await core.capture(Wanted(target, **how))
    return done, await asyncio.to_thread(read_bundle, done.path)


def text(bundle: Bundle, name: str) -> str:
    return "\n".join(page_of(bundle, name))


async def test_everything_about_twenty_pods(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        done, bundle = await capture(core, incident="INC-7", also=(Item("signals/falco.json", b"{}", "Falco"),))
    names = {item.path for item in bundle.manifest.files}
    assert bundle.is_sound
    assert done.path.parent == tmp_path / "state" / "bundles"
    assert {"blast.txt", "blast.json", "images.json", "vault.json", "identity.json", "mtls.json", "signals/falco.json"} <= names
    assert {"objects/deployment/shop/many.json", "objects/namespace/shop.json", "objects/serviceaccount/shop/many.json"} <= names
    assert {"history/shop/replicasets.json", "networkpolicies/shop.json"} <= names
    assert len([name for name in names if name.startswith("objects/pod/shop/")]) == PODS
    assert len([name for name in names if name.startswith("logs/shop/") and name.endswith("/main.log")]) == PODS
    assert any(name.startswith("objects/node/") for name in names)
    assert not any("secret" in name.lower() for name in names)
    (replica_set,) = json.loads(text(bundle, "history/shop/replicasets.json"))
    assert replica_set["metadata"]["ownerReferences"][0]["name"] == "many"
    assert "Blast radius of deployment/shop/many" in text(bundle, "blast.txt")
    assert (bundle.manifest.incident, bundle.manifest.target) == ("INC-7", "deployment/shop/many")
    log = next(name for name in sorted(names) if name.endswith("/main.log"))
    assert "level=" in text(bundle, log)


async def test_two_hundred_planted_secrets_are_in_no_byte_of_it(demo: DemoThread, tmp_path: Path) -> None:
    planted = Planted()
    demo.objects.put(deployment(planted))
    lines = [planted.secret() for _ in range(80)]
    async with opened(demo, tmp_path) as core:
        pods = [name for name in core.frame.state.objects[Pod]["shop"] if name.startswith("many-")]
        for at, name in enumerate(sorted(pods)):
            mine = lines[at::PODS]
            demo.server.cluster.logs["shop", name, "main"] = "\n".join(f"level=info {line} done" for line in mine)
        _, bundle = await capture(core)
    raw = await asyncio.to_thread(lambda: gzip.decompress(bundle.path.read_bytes()))
    assert len(planted.marks) >= 200
    assert planted.found_in(raw) == []
    assert raw.count(b"<hidden>") >= 200


async def test_half_of_the_paths_forbidden_costs_those_and_nothing_else(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        for plural, verb in (
            ("pods", "get"),
            ("events", "list"),
            ("networkpolicies", "list"),
            ("nodes", "get"),
            ("replicasets", "list"),
        ):
            demo.faults.on("forbid", plural, verb=verb)
        _, bundle = await capture(core)
    names = {item.path for item in bundle.manifest.files}
    missing = {item.what: item.why for item in bundle.manifest.missing}
    assert bundle.is_sound
    assert {"blast.txt", "objects/deployment/shop/many.json", "objects/namespace/shop.json"} <= names
    assert not any(name.startswith(("objects/pod/", "logs/", "networkpolicies/", "history/")) for name in names)
    assert "no permission: list events (shop)" in missing["events of shop"]
    assert "no permission: list networkpolicies.networking.k8s.io (shop)" in missing["NetworkPolicies of shop"]
    assert sum(what.startswith("pod/shop/many-") for what in missing) == PODS
    assert sum(what.startswith("log of shop/many-") for what in missing) == 2 * PODS


async def test_a_server_that_fails_halfway_still_leaves_a_bundle(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        demo.faults.on("status", "", code=500, text="boom")
        _, bundle = await capture(core)
        demo.faults.off()
    assert "blast.txt" in {item.path for item in bundle.manifest.files}
    assert "500" in next(item.why for item in bundle.manifest.missing if item.what == "deployment/shop/many")


async def test_a_container_s_earlier_life_is_asked_for_where_there_was_one(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        name = min(name for name in core.frame.state.objects[Pod]["shop"] if name.startswith("many-"))
        pod = demo.objects.get("pods", name, "shop")
        for status in pod["status"]["containerStatuses"]:
            status["restartCount"] = 1 if status["name"] == "main" else 0
        demo.objects.put(pod)
        _, bundle = await capture(core)
    previous = [item.path for item in bundle.manifest.files if item.path.endswith(".previous.log")]
    assert len(previous) == 1
    assert previous[0].endswith("/main.previous.log")


async def test_a_log_beyond_its_limit_and_a_full_bundle_are_said(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        first, second, *_ = sorted(name for name in core.frame.state.objects[Pod]["shop"] if name.startswith("many-"))
        demo.server.cluster.logs["shop", first, "main"] = "x" * 12 * 1024 * 1024
        demo.server.cluster.logs["shop", second, "main"] = "a line of a log that goes on and on\n" * 400_000
        _, bundle = await capture(core, limit_bytes=2 * 1024 * 1024)
    kept = {item.path: item for item in bundle.manifest.files}
    missing = {item.what: item.why for item in bundle.manifest.missing}
    assert bundle.is_sound
    assert "cut at 10 MiB" in kept[f"logs/shop/{first}/main.log"].note
    assert missing[f"logs/shop/{second}/main.log"] == "the bundle is full"
    assert sum(item.size for item in bundle.manifest.files) <= bundle.manifest.limits["total"] == 2 * 1024 * 1024


async def test_when_the_time_is_up_nothing_more_is_asked(
    demo: DemoThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ztui.evidence.capture.BUDGET_S", -1.0)
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        demo.requests.clear()
        _, bundle = await capture(core)
    assert not [request for request in demo.requests if "/log" in request.path]
    assert "the time for a bundle is up" in next(item.why for item in bundle.manifest.missing if item.what.startswith("log of"))


async def test_a_bundle_hangs_on_the_journal_by_both_ends(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        first, _ = await capture(core)
        second, bundle = await capture(core, output=tmp_path / "mine.tar.gz")
        assert core.frame.health is not None
        cluster = core.frame.health.cluster_id
    journal = Journal.open(journal_folder(tmp_path / "state", cluster), clock=SystemClock(), reading=True)
    records = journal.records()
    assert [record.seq for record in records] == [first.recorded, second.recorded] == [1, 2]
    assert first.sha256 in records[0].outcome
    assert bundle.sha256 == second.sha256
    assert bundle.sha256 in records[1].outcome
    assert (bundle.manifest.journal.seq, bundle.manifest.journal.hash) == (1, records[0].hash)
    assert str(records[1].ref) == "deployment/shop/many"


async def test_read_only_captures_and_says_that_it_is_not_recorded(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path, read_only=True) as core:
        done, bundle = await capture(core)
    assert bundle.is_sound
    assert (done.recorded, "open for reading" in done.note) == (0, True)
    assert {request.method for request in demo.requests if request.user == "admin"} <= {"GET", "POST"}  # POST asks who we are


@pytest.mark.parametrize("target", ["serviceaccount/shop/many", "node", "user/ana", "pod"])
async def test_the_other_things_that_a_bundle_may_be_about(demo: DemoThread, tmp_path: Path, target: str) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path) as core:
        pods = core.frame.state.objects[Pod]["shop"]
        name = min(name for name in pods if name.startswith("many-"))
        pod = pods[name]
        assert isinstance(pod, Pod)
        named = {"node": f"node/{pod.spec.node_name}", "pod": f"pod/shop/{name}"}.get(target, target)
        _, bundle = await capture(core, named)
    names = {item.path for item in bundle.manifest.files}
    expected = {"serviceaccount/shop/many": "objects/serviceaccount/shop/many.json", "user/ana": "objects/user/ana.json"}
    assert bundle.is_sound
    assert expected.get(target, f"objects/pod/shop/{name}.json") in names or target == "node"
    assert any(path.startswith("objects/node/") for path in names) == (target != "user/ana")


async def test_a_target_that_is_not_there_and_a_place_that_is_taken(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    async with opened(demo, tmp_path, state=False) as core:
        with pytest.raises(SettingsError, match="nothing in shop is called nothing"):
            await core.capture(Wanted("shop/nothing"))
        with pytest.raises(SettingsError, match="the demo keeps nothing"):
            await core.capture(Wanted("shop/many"))
        (tmp_path / "taken").touch()
        with pytest.raises(SettingsError, match="something of that name is there"):
            await core.capture(Wanted("shop/many", output=tmp_path / "taken"))


async def test_the_rights_of_viewer_and_responder_are_enough_and_all_are_used(demo: DemoThread, tmp_path: Path) -> None:
    demo.objects.put(deployment())
    for rule in responder_objects():
        demo.objects.put(rule)
    async with opened(demo, tmp_path, user="viewer") as core:
        demo.requests.clear()
        _, bundle = await capture(core)
    refused = [request.path for request in demo.requests if request.user == "viewer" and request.status == 403]
    assert refused == []
    assert any(item.path.startswith("logs/") for item in bundle.manifest.files)


def responder_objects() -> list[dict[str, Any]]:
    """The role that is shipped for evidence, bound to the demo's viewer."""
    from ztui.checks.base import catalogue  # noqa: PLC0415  only here
    from ztui.roles import bindings, role_documents  # noqa: PLC0415  the same

    documents = role_documents("responder", catalogue().values())
    return [*documents, *bindings(documents, "viewer")]


def test_a_bundle_is_shown_and_its_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    found, status = capturing.show(str(path), None)
    assert status == 0
    assert "all files are what was captured" in found
    assert "not captured:\n  events of shop: no permission" in found
    page, _ = capturing.show(str(path), "blast.txt")
    assert page == "what \\x1b[31mis known\n"
    with pytest.raises(DataError, match="there is no x"):
        capturing.show(str(path), "x")
    assert capsys.readouterr().out == ""


@pytest.fixture
def make() -> Callable[[Path], Path]:
    """Writes a small bundle."""
    from tests.evidence.test_archive import written  # noqa: PLC0415  only here
    from ztui.evidence.manifest import Missing  # noqa: PLC0415  the same

    return lambda folder: written(
        folder, {"blast.txt": b"what \x1b[31mis known\n"}, missing=(Missing("events of shop", "no permission"),)
    )
