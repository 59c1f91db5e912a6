"""Incidents contained on a real API server with its controllers, and taken back; a fuse that ends while nobody looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.changes.desks import agree, drained, until
from tests.changes.test_protocol import person
from tests.recipes.test_contained import answers, hurried
from tests.servers import crds
from tests.servers.kube import KubeServer
from ztui.changes.desk import Desk
from ztui.checks.base import catalogue
from ztui.core import Core
from ztui.engines.openings import openings
from ztui.engines.reach import spot_of
from ztui.kinds.base import Ref
from ztui.kinds.workload import Pod
from ztui.recipes.base import kinds_used, recipes
from ztui.recipes.quarantine import ASIDE, HELD_BY
from ztui.recipes.roots import pods_of
from ztui.roles import bindings, role_documents
from ztui.settings import Settings
from ztui.sources.target import find_target
from ztui.view import View

Obj = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
TRIES = 5_000
"""How often a server is asked that forgets a token within seconds."""


@pytest.fixture(scope="module")
def cluster(kube: KubeServer) -> Iterator[KubeServer]:
    """The server with its controllers; other modules want it without."""
    kube.start_controller_manager()
    yield kube
    kube.stop_controller_manager()


@pytest.fixture
def place(cluster: KubeServer, namespace: str) -> Iterator[str]:
    """A namespace with a Deployment of two pods behind a Service, open among its own, as an account that holds rights."""
    made(
        cluster,
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "web", "namespace": namespace, "labels": {"team": "a"}},
        },
    )
    labels = {"app": "web", "tier": "front"}
    box = {"name": "main", "image": "registry.example/web:1"}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "web", "containers": [box]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    made(
        cluster,
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}, "spec": spec},
    )
    made(
        cluster,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
    )
    within = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    made(
        cluster,
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "within", "namespace": namespace},
            "spec": within,
        },
    )
    cluster.kubectl("create", "rolebinding", "web", "--clusterrole=edit", f"--serviceaccount={namespace}:web", "-n", namespace)
    cluster.kubectl("create", "clusterrolebinding", f"web-{namespace}", "--clusterrole=view", f"--serviceaccount={namespace}:web")
    yield namespace
    cluster.kubectl("delete", "clusterrolebinding", f"web-{namespace}")


def made(kube: KubeServer, obj: Obj) -> Obj:
    found: Obj = json.loads(kube.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(obj)).stdout)
    return found


def got(kube: KubeServer, *what: str) -> list[Obj]:
    found = json.loads(kube.kubectl("get", *what, "-o", "json").stdout)
    return sorted(found.get("items", [found]), key=lambda item: str(item["metadata"]["name"]))


@asynccontextmanager
async def on(kube: KubeServer, state: Path | None = None, *, user: str = "admin") -> AsyncIterator[tuple[Core, Desk]]:
    """The desk of a core that has read everything; ``state`` is where its journal outlives it."""
    settings = Settings(kubeconfig=str(kube.kubeconfig(user)))
    core = Core(Settings(), lambda: find_target(settings, {}), also=kinds_used(), cards={}, state=state)
    async with core.open():
        await core.settled(60)
        yield core, await core.desk()
    await drained()


def web(place: str) -> Ref:
    return Ref("apps", "Deployment", place, "web")


async def running(core: Core, place: str, count: int = 2) -> list[Pod]:
    """The pods of the Deployment, once there are so many."""
    frame = await until(core, lambda frame: len(pods_of(View(frame.state), web(place))) == count)
    return list(pods_of(View(frame.state), web(place)))


async def test_a_quarantine_and_back(cluster: KubeServer, place: str) -> None:
    card = recipes()["R-QUARANTINE"]
    async with on(cluster) as (core, desk):
        before = {pod.name: dict(pod.labels) for pod in await running(core, place)}
        policies = [person(item) for item in await asyncio.to_thread(got, cluster, "networkpolicies", "-n", place)]
        shown = await desk.preview(card, web(place), answers(card))
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        assert "left-out" in {item.reason.code for item in shown.plan.radius}
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        replaced = {pod.name for pod in await running(core, place)}
        assert not replaced & before.keys(), "the ReplicaSet counts them no longer, and started others"
        view = View(core.frame.state)
        for name in before:
            pod = view.get(Pod, name, place)
            assert pod is not None
            assert openings(view, spot_of(view, pod)) == ()
            assert msgspec.json.decode(pod.annotations[ASIDE]) == {"app": "web"}
        slices = await asyncio.to_thread(got, cluster, "endpointslices", "-n", place)
        targets = {point["targetRef"]["name"] for item in slices for point in item["endpoints"] or ()}
        assert not targets & before.keys()
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        assert (await agree(desk, back)).state == "verified"
        assert [person(item) for item in await asyncio.to_thread(got, cluster, "networkpolicies", "-n", place)] == policies
        found = {
            item["metadata"]["name"]: item["metadata"] for item in await asyncio.to_thread(got, cluster, "pods", "-n", place)
        }
        for name in before.keys() & found.keys():  # of four pods for two places two go
            assert found[name]["labels"] == before[name]
            assert ASIDE not in found[name].get("annotations", {})


async def test_a_pod_of_a_stateful_set_holds_its_name_until_it_is_deleted(cluster: KubeServer, namespace: str) -> None:
    box = {"name": "main", "image": "registry.example/db:1"}
    pod: Obj = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [box]}}
    spec = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": pod}
    meta = {"name": "db", "namespace": namespace}
    made(cluster, {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec})
    service = {"selector": {"app": "db"}, "ports": [{"port": 5432}]}
    made(cluster, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service})
    root, card = Ref("apps", "StatefulSet", namespace, "db"), recipes()["R-QUARANTINE"]
    async with on(cluster) as (core, desk):
        await until(core, lambda frame: bool(pods_of(View(frame.state), root)))
        shown = await desk.preview(card, root, answers(card))
        assert "name-held" in {item.reason.code for item in shown.plan.radius}
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        frame = await until(core, lambda frame: not pods_of(View(frame.state), root))
        held = View(frame.state).get(Pod, "db-0", namespace)
        assert held is not None
        assert not held.owners
        gone = await agree(desk, await desk.preview(recipes()["R-POD-DELETE"], held.ref))
        assert gone.state == "verified"
        await until(core, lambda frame: bool(pods_of(View(frame.state), root)))  # a clean one has the name
        back = await desk.preview_undo(outcome.change)
        assert (back.plan.stops, [item.reason.code for item in back.plan.radius]) == ((), ["made-anew"])
        assert (await agree(desk, back)).state == "verified"


async def test_a_fuse_lifts_a_quarantine_while_nothing_of_ours_runs(cluster: KubeServer, place: str, tmp_path: Path) -> None:
    card = recipes()["R-QUARANTINE"]
    async with on(cluster, tmp_path) as (core, desk):
        await running(core, place)
        shown = await desk.preview(hurried(card, 5), web(place), answers(card, fuse="30", labels="stay"))
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        [job, policy, *_] = [write.ref for write in shown.plan.writes]
        outcome = await desk_apply(desk, shown)
        assert outcome.change
    owned = got(cluster, "networkpolicy", policy.name, "-n", place, "--ignore-not-found")
    for item in owned:  # it may be gone already
        [owner] = item["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("Job", job.name)
        assert owner["uid"] != "00000000-0000-0000-0000-000000000000"
    cluster.kubectl("wait", "--for=delete", f"job/{job.name}", "-n", place, "--timeout=180s")
    cluster.kubectl("wait", "--for=delete", f"networkpolicy/{policy.name}", "-n", place, "--timeout=180s")
    pods = got(cluster, "pods", "-n", place)
    assert all(HELD_BY in item["metadata"]["labels"] for item in pods), "what was put on the pods stays until it is taken back"
    async with on(cluster, tmp_path) as (_, desk):
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        assert (await agree(desk, back)).state == "verified"
    assert not any(HELD_BY in item["metadata"]["labels"] for item in got(cluster, "pods", "-n", place))


async def desk_apply(desk: Desk, shown: Any) -> Any:
    """Agree to it and do not wait for its proof: with so short a fuse it may be over before."""
    return await agree(desk, msgspec.structs.replace(shown, plan=msgspec.structs.replace(shown.plan, verify_s=0.1)))


async def test_a_fuse_is_renewed(cluster: KubeServer, place: str) -> None:
    card = recipes()["R-QUARANTINE"]
    async with on(cluster) as (core, desk):
        await running(core, place)
        shown = await desk.preview(card, web(place), answers(card, fuse="30", labels="stay"))
        job = shown.plan.writes[0].ref
        await desk_apply(desk, shown)
        await until(core, lambda frame: job.name in frame.state.objects[shown.plan.writes[0].kind].get(place, {}))
        renewed = await desk.preview(recipes()["R-FUSE-RENEW"], job, {"fuse": "240"})
        assert (renewed.plan.stops, renewed.refusals) == ((), ())
        assert (await agree(desk, renewed)).state == "verified"
        [found] = await asyncio.to_thread(got, cluster, "job", job.name, "-n", place)
        assert found["spec"]["activeDeadlineSeconds"] >= 240 * 60
        assert not [
            item for item in await asyncio.to_thread(got, cluster, "pods", "-n", place) if "fuse" in item["metadata"]["name"]
        ]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "CronJob", "Job"])
async def test_a_workload_is_stopped_and_back(cluster: KubeServer, namespace: str, kind: str) -> None:
    box = {"name": "main", "image": "registry.example/web:1"}
    pod: Obj = {"metadata": {"labels": {"app": "it"}}, "spec": {"containers": [box]}}
    batch = {"template": {"spec": {**pod["spec"], "restartPolicy": "Never"}}}
    specs: dict[str, tuple[str, Obj]] = {
        "Deployment": ("apps", {"replicas": 2}),
        "StatefulSet": ("apps", {"replicas": 1, "serviceName": "it"}),
        "ReplicaSet": ("apps", {"replicas": 2}),
        "DaemonSet": ("apps", {}),
        "CronJob": ("batch", {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": batch}}),
        "Job": ("batch", batch),
    }
    group, spec = specs[kind]
    if group == "apps":
        spec = {**spec, "selector": {"matchLabels": {"app": "it"}}, "template": pod}
    node = f"n-{namespace}"
    if kind == "DaemonSet":
        made(cluster, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        cluster.kubectl("taint", "node", node, "node.kubernetes.io/not-ready-")  # no kubelet says that it is ready
    made(cluster, {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "it", "namespace": namespace}, "spec": spec})
    ref, card = Ref(group, kind, namespace, "it"), recipes()["R-SCALE-ZERO"]
    async with on(cluster) as (core, desk):
        if kind != "CronJob":
            await until(core, lambda frame: bool(pods_of(View(frame.state), ref)))
        [was] = await asyncio.to_thread(got, cluster, kind, "it", "-n", namespace)
        shown = await desk.preview(card, ref)
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        [now] = await asyncio.to_thread(got, cluster, kind, "it", "-n", namespace)
        assert now["spec"] != was["spec"]
        back = await desk.preview_undo(outcome.change)
        assert (back.plan.stops, back.refusals) == ((), ())
        assert (await agree(desk, back)).state == "verified"
        [now] = await asyncio.to_thread(got, cluster, kind, "it", "-n", namespace)
        assert now["spec"] == was["spec"]
    if kind == "DaemonSet":
        cluster.kubectl("delete", "node", node)


@pytest.mark.parametrize("taint", ["no", "yes"])
async def test_a_node_is_cordoned_and_back(cluster: KubeServer, namespace: str, taint: str) -> None:
    node = f"n-{namespace}"
    held = [{"key": "a", "effect": "NoSchedule"}] if taint == "yes" else []
    was = made(cluster, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": {"taints": held}})
    async with on(cluster) as (_, desk):
        shown = await desk.preview(recipes()["R-CORDON"], Ref("", "Node", "", node), {"taint": taint})
        assert (shown.refusals, shown.rights) == ((), ())
        assert [item.note.reason.code for item in shown.plan.stops] == ["only-node"]  # nothing else runs here
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        [now] = await asyncio.to_thread(got, cluster, "node", node)
        assert now["spec"]["unschedulable"] is True
        assert ("ztui.io/incident" in {item["key"] for item in now["spec"].get("taints", [])}) is (taint == "yes")
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        [now] = await asyncio.to_thread(got, cluster, "node", node)
        assert now["spec"] == was["spec"]
    cluster.kubectl("delete", "node", node)


def is_good(kube: KubeServer, token: str) -> bool:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    return bool(kube.call("POST", REVIEWS, body).body["status"].get("authenticated"))


def is_refused_soon(kube: KubeServer, token: str) -> bool:
    return any(not is_good(kube, token) for _ in range(TRIES))


def token_of(kube: KubeServer, place: str, *more: str) -> str:
    return kube.kubectl("create", "token", "web", "-n", place, *more).stdout.strip()


async def test_tokens_end_with_their_pods(cluster: KubeServer, place: str) -> None:
    async with on(cluster) as (core, desk):
        pod = (await running(core, place))[0].name
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod}")
        looked_at, stolen, free = token_of(cluster, place, *bound), token_of(cluster, place, *bound), token_of(cluster, place)
        assert is_good(cluster, looked_at)
        shown = await desk.preview(recipes()["R-SA-PODS"], Ref("", "ServiceAccount", place, "web"))
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert (await agree(desk, shown)).state == "verified"
        assert await asyncio.to_thread(is_refused_soon, cluster, stolen)
        assert is_good(cluster, free), "it is bound to no pod"
        await running(core, place)


async def test_all_tokens_end_with_the_account(cluster: KubeServer, place: str) -> None:
    async with on(cluster) as (core, desk):
        await running(core, place)
        looked_at, stolen = token_of(cluster, place), token_of(cluster, place)
        assert is_good(cluster, looked_at)
        [was] = got(cluster, "serviceaccount", "web", "-n", place)
        shown = await desk.preview(recipes()["R-SA-RECREATE"], Ref("", "ServiceAccount", place, "web"))
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        [now] = got(cluster, "serviceaccount", "web", "-n", place)
        assert now["metadata"]["uid"] != was["metadata"]["uid"]
        assert now["metadata"]["labels"]["team"] == "a"
        assert await asyncio.to_thread(is_refused_soon, cluster, stolen)
        assert is_good(cluster, token_of(cluster, place)), "bindings name it, and it goes on"


async def test_the_account_that_controllers_bring_back_themselves(cluster: KubeServer, namespace: str) -> None:
    stolen = cluster.kubectl("create", "token", "default", "-n", namespace).stdout.strip()
    async with on(cluster) as (_, desk):
        shown = await desk.preview(recipes()["R-SA-RECREATE"], Ref("", "ServiceAccount", namespace, "default"))
        assert (await agree(desk, shown)).state == "verified"
        assert await asyncio.to_thread(is_refused_soon, cluster, stolen)


async def test_rights_are_stripped_and_given_back(cluster: KubeServer, place: str) -> None:
    ask = ("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{place}:web", "-n", place)
    bindings = [("rolebinding", "web", "-n", place), ("clusterrolebinding", f"web-{place}")]
    assert cluster.kubectl(*ask).stdout.strip() == "yes"
    was = [person(item) for what in bindings for item in got(cluster, *what)]
    async with on(cluster) as (_, desk):
        shown = await desk.preview(recipes()["R-STRIP"], Ref("", "ServiceAccount", place, "web"))
        assert (shown.plan.stops, shown.refusals, shown.rights, len(shown.plan.writes)) == ((), (), (), 2)
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        assert cluster.kubectl(*ask, check=False).stdout.strip() == "no"
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
    assert [person(item) for what in bindings for item in got(cluster, *what)] == was


@pytest.fixture
def argo(cluster: KubeServer, namespace: str) -> Iterator[KubeServer]:
    """The server with the kinds of Argo CD."""
    if reason := crds.why_missing():
        pytest.skip(reason)
    crds.load(cluster, ["applications.argoproj.io"])
    yield cluster
    cluster.kubectl("delete", "applications.argoproj.io", "--all", "-n", namespace)


async def test_argo_cd_stands_still_and_goes_on(argo: KubeServer, namespace: str) -> None:
    spec = {
        "project": "default",
        "source": {"repoURL": "https://git.example/a", "path": "."},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
        "syncPolicy": {"automated": {"selfHeal": True, "prune": True}},
    }
    meta = {"name": "app", "namespace": namespace, "labels": {"app.kubernetes.io/instance": "root"}}
    was = person(made(argo, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec}))
    what = ("applications.argoproj.io", "app", "-n", namespace)
    async with on(argo) as (_, desk):
        card = recipes()["R-ARGO-SUSPEND"]
        shown = await desk.preview(card, Ref("argoproj.io", "Application", namespace, "app"), answers(card))
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        [now] = await asyncio.to_thread(got, argo, *what)
        assert "automated" not in now["spec"]["syncPolicy"]
        assert now["metadata"]["annotations"]["argocd.argoproj.io/skip-reconcile"] == "true"
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        [now] = await asyncio.to_thread(got, argo, *what)
        assert person(now)["spec"] == was["spec"]
        assert not now["metadata"].get("annotations")


async def test_an_image_starts_nowhere_any_more(cluster: KubeServer, namespace: str) -> None:
    digest = f"sha256:{'1f' * 32}"
    bad: Obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad", "namespace": namespace}}
    bad["spec"] = {"containers": [{"name": "main", "image": f"registry.example/web@{digest}"}]}
    good = {**bad, "metadata": {"name": "good", "namespace": namespace}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    made(cluster, {**bad, "metadata": {"name": "runs", "namespace": namespace}})
    pods = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    async with on(cluster) as (_, desk):
        shown = await desk.preview(recipes()["R-IMAGE-BLOCK"], Ref("", "Image", "", f"registry.example/web@{digest}"))
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert [text for step in shown.steps if step.dry for text in step.dry.warnings] == []
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        refusing = (cluster.call("POST", pods, bad) for _ in range(TRIES))
        answer = await asyncio.to_thread(next, (item for item in refusing if item.status != 201))
        assert (answer.status, "is blocked" in answer.body["message"]) == (422, True)
        assert cluster.call("POST", pods, good).status == 201
        cluster.kubectl("label", "pod", "runs", "-n", namespace, "still=changed")
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        again = (cluster.call("POST", pods, bad).status for _ in range(TRIES))
        assert await asyncio.to_thread(next, (status for status in again if status == 201)) == 201


async def test_a_grant_ends_while_nothing_of_ours_runs(cluster: KubeServer, namespace: str) -> None:
    card = recipes()["R-JIT-BIND"]
    who = f"on-call-{namespace}"  # nobody else's tests give this person anything
    given = {"who": f"user:{who}", "where": namespace, "hours": "8", "reason": "on call tonight", "fuse": "30"}
    ask = ("auth", "can-i", "list", "pods", "-n", namespace, "--as", who)
    async with on(cluster) as (_, desk):
        shown = await desk.preview(hurried(card, 5), Ref(RBAC, "ClusterRoleBinding", "", "cluster-admin"), given)
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        await desk_apply(desk, shown)
        assert cluster.kubectl(*ask).stdout.strip() == "yes"
        [job, binding] = [write.ref for write in shown.plan.writes]
    cluster.kubectl("wait", "--for=delete", f"rolebinding/{binding.name}", "-n", namespace, "--timeout=180s")
    cluster.kubectl("wait", "--for=delete", f"job/{job.name}", "-n", namespace, "--timeout=180s")
    # The server decides by what its own watch of bindings has told it: a moment later than the binding is gone.
    answers = (cluster.kubectl(*ask, check=False).stdout.strip() for _ in range(50))
    assert "no" in answers


@pytest.fixture
def meshed(cluster: KubeServer, namespace: str) -> Iterator[KubeServer]:
    """The server with the policies of a mesh."""
    if reason := crds.why_missing():
        pytest.skip(reason)
    crds.load(cluster, ["authorizationpolicies.security.istio.io"])
    yield cluster
    cluster.kubectl("delete", "authorizationpolicies.security.istio.io", "--all", "-n", namespace)


async def test_a_pod_of_a_mesh_is_refused_by_the_mesh_too(meshed: KubeServer, namespace: str) -> None:
    boxes = [{"name": name, "image": "registry.example/web:1"} for name in ("main", "istio-proxy")]
    made(
        meshed,
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": namespace}, "spec": {"containers": boxes}},
    )
    card, what = recipes()["R-QUARANTINE"], ("authorizationpolicies.security.istio.io", "-n", namespace)
    async with on(meshed) as (_, desk):
        shown = await desk.preview(card, Ref("", "Pod", namespace, "web"), answers(card, fuse="240"))
        assert (shown.plan.stops, shown.refusals, shown.rights, shown.blind) == ((), (), (), False)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        [policy] = await asyncio.to_thread(got, meshed, *what)
        assert policy["spec"]["action"] == "DENY"
        assert [owner["kind"] for owner in policy["metadata"]["ownerReferences"]] == ["Job"]
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert await asyncio.to_thread(got, meshed, *what) == []


async def test_the_roles_that_are_printed_are_enough(cluster: KubeServer, place: str) -> None:
    """`ben` holds what a viewer and a responder hold, and nothing else."""
    cards = catalogue().values()
    every = [item for profile in ("viewer", "responder") for item in role_documents(profile, cards)]
    roles = [item for item in every if item["kind"] == "ClusterRole"]
    bound = [{**item, "metadata": {**item["metadata"], "name": f"{item['metadata']['name']}-{place}"}} for item in roles]
    for item in (*bound, *bindings(bound, "ben")):
        made(cluster, item)
    async with on(cluster, user="ben") as (core, desk):
        await running(core, place)
        for name, ref, more in (
            ("R-QUARANTINE", web(place), {"fuse": "30", "template": "yes"}),
            ("R-SCALE-ZERO", web(place), {}),
            ("R-SA-PODS", Ref("", "ServiceAccount", place, "web"), {}),
            ("R-SA-RECREATE", Ref("", "ServiceAccount", place, "web"), {}),
        ):
            card = recipes()[name]
            shown = await desk.preview(card, ref, answers(card, **more))
            assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ()), name
        strip = await desk.preview(recipes()["R-STRIP"], Ref("", "ServiceAccount", place, "web"))
        assert strip.rights == ()
        assert any("attempting to grant" in text for text in strip.refusals), "the server asks for the rights, or for bind"
    for item in bound:
        cluster.kubectl("delete", "clusterrolebinding,clusterrole", item["metadata"]["name"])
