"""Somebody who may not list the cluster: every namespace that can be seen is read on its own, and waited for."""

from __future__ import annotations

from pathlib import Path

from tests.faults.rig import ConfigMap, Lease, Rig, config, lease, rig, running
from tests.faults.virtual import in_virtual_time
from ztui.kinds.base import CLUSTER, Kind
from ztui.kinds.workload import Namespace
from ztui.store import Store
from ztui.view import EVERYWHERE, State, Why

ANA = "ana"
ASKS = [
    {"nonResourceURLs": ["*"], "verbs": ["get"]},
    {"apiGroups": ["authentication.k8s.io", "authorization.k8s.io"], "resources": ["*"], "verbs": ["create"]},
    {"apiGroups": ["project.openshift.io"], "resources": ["projects"], "verbs": ["list"]},
]
"""What everybody may."""

READS = {"apiGroups": ["*"], "resources": ["configmaps", "leases", "namespaces"], "verbs": ["get", "list", "watch"]}
KINDS: frozenset[type[Kind]] = frozenset({ConfigMap, Lease, Namespace})


def let_in(it: Rig, namespace: str) -> None:
    """A namespace that ana may read, and no more of the cluster than that."""
    group = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": group, "kind": "User", "name": ANA}]
    it.objects.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for name, rules in (("asks", ASKS), ("reads", [READS])):
        it.objects.put({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules})
    for kind, place, role in (("ClusterRoleBinding", {}, "asks"), ("RoleBinding", {"namespace": namespace}, "reads")):
        bound = {"subjects": subjects, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role}}
        it.objects.put({"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": ANA, **place}, **bound})


def show_out(it: Rig, namespace: str) -> None:
    it.objects.delete("rolebindings", ANA, namespace)


def state(it: Rig) -> State:
    return it.store.tick(it.clock.now())


def placed(of: State, kind: type[Kind] = ConfigMap) -> set[str]:
    return {f"{place}/{name}" for place, part in of.objects.get(kind, {}).items() for name in part}


def first_settled(it: Rig) -> State:
    """The first state, event by event, that does not say that something is still to be read."""
    store = Store()
    for event in it.events:
        store.apply(event)
        found = store.tick(it.clock.now())
        if not found.loading(KINDS):
            return found
    raise AssertionError("it never settled")


@in_virtual_time
async def test_a_kind_that_may_not_be_listed_is_loading_until_each_namespace_was_read(tmp_path: Path) -> None:
    async with rig(tmp_path, user=ANA) as it:
        for place in ("shop", "web"):
            let_in(it, place)
            it.objects.put(config("mine", namespace=place))
        it.objects.put(config("theirs", namespace="kube-system"))
        it.faults.on("slow", "projects", seconds=5)
        it.faults.on("slow", "leases", seconds=20)
        async with running(it.source(ConfigMap, Lease, Namespace)):
            await it.until(lambda: not state(it).loading(KINDS))
            settled = first_settled(it)
    assert placed(settled) == {"shop/mine", "web/mine"}
    assert placed(settled, Namespace) == {f"{CLUSTER}/shop", f"{CLUSTER}/web"}
    for kind in KINDS:
        gap = settled.gap(kind)
        assert gap is not None
        assert gap.why is Why.FORBIDDEN
    assert settled.gap(Lease, "web") is None


@in_virtual_time
async def test_a_namespace_that_is_refused_too_is_no_longer_loading(tmp_path: Path) -> None:
    async with rig(tmp_path, user=ANA) as it:
        let_in(it, "web")
        async with running(it.source(ConfigMap, Lease, Namespace, namespaces=["kube-system"])):
            await it.until(lambda: not state(it).loading(KINDS), within_s=30)
            gap = it.gap(namespace="kube-system")
            assert gap is not None
            assert (gap.why, gap.detail) == (Why.FORBIDDEN, "list configmaps in kube-system")
            assert it.gap(namespace="web") is None


@in_virtual_time
async def test_a_project_that_comes_is_followed_and_one_that_is_taken_away_is_forgotten(tmp_path: Path) -> None:
    async with rig(tmp_path, user=ANA) as it:
        let_in(it, "web")
        it.objects.put(config("mine", namespace="web"))
        it.objects.put(config("new", namespace="shop"))
        it.objects.put(lease("l"))
        async with running(it.source(ConfigMap, Lease, Namespace)):
            await it.until(lambda: not state(it).loading(KINDS))
            assert placed(state(it)) == {"web/mine"}
            let_in(it, "shop")
            await it.until(lambda: placed(state(it)) == {"web/mine", "shop/new"}, within_s=65)
            await it.until(lambda: placed(state(it), Namespace) == {f"{CLUSTER}/shop", f"{CLUSTER}/web"}, within_s=65)
            await it.until(lambda: not state(it).loading(KINDS))
            show_out(it, "web")
            it.proxy.reset()
            await it.until(lambda: placed(state(it)) == {"shop/new"} and not it.held(Lease), within_s=125)
            await it.until(lambda: placed(state(it), Namespace) == {f"{CLUSTER}/shop"}, within_s=125)
            gap = it.gap(namespace="web")
            assert gap is not None
            assert gap.why is Why.FORBIDDEN
            await it.clock.sleep(600)
            assert placed(state(it)) == {"shop/new"}


@in_virtual_time
async def test_the_projects_are_asked_for_once_for_all_kinds_and_again_after_a_failure(tmp_path: Path) -> None:
    async with rig(tmp_path, user=ANA) as it:
        let_in(it, "web")
        it.objects.put(config("mine", namespace="web"))
        it.faults.on("status", "projects", code=503, times=1)
        async with running(it.source(ConfigMap, Lease, Namespace)):
            await it.until(lambda: not state(it).loading(KINDS))
            assert len(it.asked("projects")) == 1
            assert not it.held()
            await it.until(lambda: placed(state(it)) == {"web/mine"}, within_s=65)
            await it.clock.sleep(600)
            assert len(it.asked("projects")) <= 12


def test_what_is_loading_is_told_by_place() -> None:
    found = State(gaps={(ConfigMap, EVERYWHERE): None})
    assert found.loading({ConfigMap}) == set()
    assert found.loading({ConfigMap, Lease}) == {(Lease, EVERYWHERE)}
