"""Each remedy of the table against a real API server with the real definitions: shown, tried, made, read back, taken back.

No operator runs here, so what waits for one is applied and not proved: then the objects are the proof. A case makes its objects
as somebody else (the field manager ``story``), so that taking fields over is real too.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.changes.desks import agree, drained, until
from tests.recipes.test_plans import ref_of
from tests.servers import crds
from tests.servers.control_plane import programs
from tests.servers.kube import KubeServer
from tests.worlds import kind_named
from ztui.changes.desk import Desk
from ztui.changes.protocol import Outcome
from ztui.checks.base import catalogue
from ztui.core import Core
from ztui.kinds.base import Kind
from ztui.recipes.base import Recipe, recipes
from ztui.settings import load_settings
from ztui.targets import finder

MERGE = "application/merge-patch+json"
STORY = "fieldManager=story"
PACK = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/ztui-b1"
WAIT_S = 1.0
TRIES = 2000

Obj = dict[str, Any]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``objects`` are made first (``@now`` in them is the time of the test); the recipe is asked ``at`` one of them.

    ``made`` is what the first of ``looks`` then holds; those (``kind/namespace/name``; the object ``at`` where none is named) are
    compared before and after, in all that a person sets. ``proved`` says that no operator has to act for the proof; ``undo`` is
    false where nothing takes it back. ``absent`` is a definition that this server does without.
    """

    recipe: str
    at: str
    objects: list[Obj]
    case: str = ""
    crds: list[str] = []
    absent: str = ""
    answers: dict[str, str] = {}
    looks: list[str] = []
    made: Obj | None = None
    proved: bool = False
    undo: bool = True


def cases() -> list[Case]:
    return [
        case
        for path in sorted(Path(__file__).parent.glob("recipes/*.yaml"))
        for case in msgspec.yaml.decode(path.read_bytes(), type=list[Case])
    ]


def place(kind: type[Kind], name: str, namespace: str) -> str:
    base = f"/apis/{kind.GROUP}/{kind.VERSIONS[0]}" if kind.GROUP else f"/api/{kind.VERSIONS[0]}"
    return f"{base}{f'/namespaces/{namespace}' if namespace else ''}/{kind.PLURAL}/{name}"


def place_of(text: str) -> str:
    ref = ref_of(text)
    return place(kind_named(ref.kind, ref.group), ref.name, ref.namespace)


def make(kube: KubeServer, obj: Obj) -> str:
    """Make an object and its status anew, with the uids of the owners that it names; where it is."""
    version = obj.get("apiVersion", "")
    kind = kind_named(obj["kind"], version.rpartition("/")[0] if version else None)
    meta = obj["metadata"]
    path = place(kind, meta["name"], meta.get("namespace", "") if kind.NAMESPACED else "")
    obj = json.loads(json.dumps(obj).replace("@now", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    for owner in obj["metadata"].get("ownerReferences", ()):
        held = place(kind_named(owner["kind"]), owner["name"], meta["namespace"])
        owner["uid"] = kube.call("GET", held).body["metadata"]["uid"]
    body = {"apiVersion": path.split("/")[2] if not kind.GROUP else f"{kind.GROUP}/{kind.VERSIONS[0]}", **obj}
    kube.call("DELETE", path)
    answer = kube.call("POST", f"{path.rpartition('/')[0]}?{STORY}", body)
    assert answer.status == 201, answer.body
    if "status" in obj:
        answer = kube.call("PATCH", f"{path}/status?{STORY}", {"status": obj["status"]}, content=MERGE)
        assert answer.status in {200, 404}, answer.body
    return path


def set_by_people(obj: Obj) -> Obj:
    """What people set of an object; nothing of one that is not there."""
    if obj["kind"] == "Status":
        return {}
    meta = {key: value for key, value in obj["metadata"].items() if key in {"name", "namespace", "labels", "annotations"}}
    return {**{key: value for key, value in obj.items() if key not in {"metadata", "status"}}, "metadata": meta}


def within(wanted: object, found: object) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and within(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(within, wanted, found))
    return wanted == found


@asynccontextmanager
async def opened(kube: KubeServer, card: Recipe) -> AsyncIterator[tuple[Core, Desk]]:
    """A core that follows what a recipe and its checks read, and nothing else."""
    settings = load_settings({"kubeconfig": str(kube.kubeconfig())}, dict(os.environ))
    cards = {name: catalogue()[name] for name in card.checks}
    core = Core(settings, finder(settings), cards=cards, also=frozenset((*card.reads, *card.writes)))
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    await drained()


@pytest.fixture
def made(openshift: KubeServer, request: pytest.FixtureRequest) -> Iterator[Case]:
    """The objects of a case on the server, and gone again afterwards."""
    case: Case = request.param
    if case.crds:
        crds.load(openshift, case.crds)
    for namespace in sorted({obj["metadata"].get("namespace", "") for obj in case.objects} - {""}):
        if openshift.call("GET", f"/api/v1/namespaces/{namespace}").status == 404:
            openshift.namespace(namespace)
    definition = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{case.absent}"
    if case.absent:
        openshift.call("DELETE", definition)
        gone = (openshift.call("GET", definition).status == 404 for _ in range(TRIES))
        assert any(gone), "the definition stays"
    paths = [make(openshift, obj) for obj in case.objects]
    yield case
    if case.absent:
        crds.load(openshift, [case.absent])
    for path in paths:
        openshift.call("DELETE", path)


async def apply(desk: Desk, preview: Any) -> Outcome:
    """Agree to it, and wait for its proof for no longer than a server without operators is worth: no rollout ends here."""
    hurried = msgspec.structs.replace(preview.plan, verify_s=WAIT_S, rolls_back=False)
    return await agree(desk, msgspec.structs.replace(preview, plan=hurried))


@pytest.mark.parametrize("made", cases(), ids=lambda case: f"{case.recipe} {case.case}".strip(), indirect=True)
async def test_a_remedy_on_a_real_server(openshift: KubeServer, made: Case) -> None:
    card = recipes()[made.recipe]
    paths = [place_of(text) for text in made.looks or ([] if made.at.startswith("Cluster/") else [made.at])]

    def held() -> list[Obj]:
        return [set_by_people(openshift.call("GET", path).body) for path in paths]

    was = held()
    async with opened(openshift, card) as (core, desk):
        await until(core, lambda frame: frame.board is not None)
        shown = await desk.preview(card, ref_of(made.at), made.answers)
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        outcome = await apply(desk, shown)
        assert outcome.state == ("verified" if made.proved else "applied"), outcome
        if made.made is not None:
            now = openshift.call("GET", paths[0]).body
            assert within(made.made, now), now
        else:
            assert [openshift.call("GET", path).status for path in paths] == [404] * len(paths)
        assert bool(outcome.undo) is made.undo
        if made.undo:
            back = await apply(desk, await desk.preview_undo(outcome.change))
            assert back.state == "verified", back
            assert held() == was


def test_the_script_of_the_docs_ends_what_is_over(kube: KubeServer, tmp_path: Path) -> None:
    """The CronJob for powers that end by themselves, as it stands in the documentation."""
    page = (Path(__file__).parents[2] / "docs" / "remedies.md").read_text(encoding="utf-8")
    job = msgspec.yaml.decode(page.partition("```yaml\n")[2].partition("```")[0])
    script = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][0]
    found = programs()
    assert found is not None
    (tmp_path / "kubectl").write_text(f'#!/bin/sh\nexec {shlex.join(found.kubectl)} "$@"\n')
    (tmp_path / "kubectl").chmod(0o700)
    ends = {"over": "2026-01-01T00:00:00Z", "to-come": "2999-01-01T00:00:00Z", "never": ""}
    for name, end in ends.items():
        meta: Obj = {"name": f"script-{name}", "labels": {"app.kubernetes.io/managed-by": "ztui"}}
        meta |= {"annotations": {"ztui.io/expires": end}} if end else {"annotations": {"a": "b"}}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        make(kube, {"kind": "ClusterRoleBinding", "metadata": meta, "roleRef": role})
        make(kube, {"kind": "RoleBinding", "metadata": {**meta, "namespace": "default"}, "roleRef": role})
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "KUBECONFIG": str(kube.kubeconfig())}
    subprocess.run(["sh", "-c", script], env=env, check=True, capture_output=True)
    left = kube.kubectl("get", "clusterrolebindings,rolebindings", "-n", "default", "-o", "name").stdout.split()
    mine = sorted(item.partition(".")[0] + item.rpartition("/")[2] for item in left if "/script-" in item)
    kube.kubectl("delete", "clusterrolebindings,rolebindings", "-n", "default", "-l", "app.kubernetes.io/managed-by=ztui")
    kinds = ("clusterrolebinding", "rolebinding")
    assert mine == sorted(f"{kind}script-{name}" for kind in kinds for name in ("to-come", "never"))


async def test_the_policy_pack_warns_first_and_refuses_then(openshift: KubeServer) -> None:
    """The server itself evaluates the controls: a bad pod is let in with a warning, then refused; a good one is taken always."""
    openshift.namespace("real-pack")
    openshift.call("PATCH", "/api/v1/namespaces/real-pack", {"metadata": {"labels": {"owner": "ana"}}}, content=MERGE)
    digest = "registry.example/app@sha256:" + "0" * 64
    confined = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    good = {"name": "a", "image": digest, "securityContext": confined, "resources": {"limits": {"memory": "64Mi"}}}
    bad = {"name": "a", "image": "registry.example/app:1", "securityContext": {"privileged": True}}
    pods = "/api/v1/namespaces/real-pack/pods?dryRun=All"

    def tried(container: Obj) -> int:
        spec = {"containers": [container], "automountServiceAccountToken": False}
        return openshift.call("POST", pods, {"metadata": {"name": "tried"}, "spec": spec}).status

    held: Obj = {"name": "held", "namespace": "real-pack"}
    path = make(openshift, {"kind": "Pod", "metadata": held, "spec": {"containers": [good]}})
    made_first, refuses = recipes()["R-VAP-PACK"], recipes()["R-VAP-ENFORCE"]
    async with opened(openshift, made_first) as (core, desk):
        await until(core, lambda frame: frame.board is not None)
        warned = await apply(desk, await desk.preview(made_first, ref_of("Cluster/cluster"), {}))
        assert warned.state == "verified"
        assert tried(bad) == 201
        shown = await desk.preview(refuses, ref_of("Cluster/cluster"), {})
        assert {stop.note.reason.code for stop in shown.plan.stops} >= {"pack-too-new"}
        refused = await apply(desk, shown)
        assert refused.state == "verified", refused
        answers = (tried(bad) for _ in range(TRIES))  # the server takes a moment to learn of a binding
        assert await asyncio.to_thread(next, (status for status in answers if status != 201)) == 422
        assert tried(good) == 201
        for outcome in (refused, warned):
            back = await apply(desk, await desk.preview_undo(outcome.change))
            assert back.state == "verified", back
        assert openshift.call("GET", PACK).status == 404
    openshift.call("DELETE", path)
