"""The Operator Lifecycle Manager of the demo cluster: a Subscription installs what its package of a catalogue brings.

As the real one it waits for an OperatorGroup in the namespace, and for an approval where the Subscription asks for one. The kinds
of all packages are served from the start.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ztui.demo import pods, workloads
from ztui.demo.answers import Obj
from ztui.demo.shortform import complete, read
from ztui.demo.store import merge, stamp
from ztui.demo.telling import tell

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

GROUP = "operators.coreos.com"
_USUAL = "catalogs/operators"  # the image of the catalogue that comes with the platform


@cache
def packages() -> dict[str, Obj]:
    """What the catalogues offer, by the name of the package."""
    found: dict[str, Obj] = read("packages.yaml")
    return found


def is_installed(run: Controllers, package: str) -> bool:
    """Whether the operator of a package runs, in any version."""
    name = packages()[package]["csv"].partition(".")[0]
    return any(
        csv["metadata"]["name"].partition(".")[0] == name and (csv.get("status") or {}).get("phase") == "Succeeded"
        for csv in run.store.of(f"clusterserviceversions.{GROUP}")
    )


def catalog_source(run: Controllers, source: Obj) -> None:
    """The pod of a new catalogue starts, and answers."""
    if run.unseen(source):
        run.later(lambda: run.renew(source, {"status": {"connectionState": {"lastObservedState": "READY"}}}))
    elif _is_ready(source):
        _look_again(run)


def operator_group(run: Controllers, group: Obj) -> None:
    """A group says for which namespaces the operators beside it work: all of them where it names none."""
    if run.unseen(group):
        names = (group.get("spec") or {}).get("targetNamespaces") or [""]
        run.update(group, {"status": {"namespaces": names, "lastUpdated": stamp(run.store.now())}})
        _look_again(run)


def subscription(run: Controllers, sub: Obj) -> None:
    """The newest version of a package is planned, and installed once nothing holds it up."""
    status = sub.get("status") or {}
    if not run.is_live or status.get("currentCSV"):
        return
    namespace, spec = sub["metadata"]["namespace"], sub["spec"]
    source = run.store.find(run.cluster.catalogue.named(f"catalogsources.{GROUP}"), spec["source"], spec["sourceNamespace"])
    if source is None or not _is_ready(source) or not run.store.of(f"operatorgroups.{GROUP}", namespace):
        return
    package = packages().get(spec["name"])
    if package is None or package.get("catalogue", _USUAL) not in source["spec"].get("image", ""):
        _refuse(run, sub, f"no operators found in package {spec['name']} in the catalog referenced by subscription")
        return
    manual = spec.get("installPlanApproval") == "Manual"
    plan = run.store.put(
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "InstallPlan",
            "metadata": {
                "name": f"install-{pods.suffix(run.rng)}",
                "namespace": namespace,
                "ownerReferences": [{**pods.owner_reference(sub), "controller": False}],
            },
            "spec": {
                "approval": "Manual" if manual else "Automatic",
                "approved": not manual,
                "clusterServiceVersionNames": [package["csv"]],
                "generation": 1,
            },
            "status": {"phase": "RequiresApproval" if manual else "Installing", "catalogSources": [spec["source"]]},
        }
    )
    ref = {key: plan["metadata"][key] for key in ("name", "namespace", "uid")}
    told = {"state": "UpgradePending", "currentCSV": package["csv"], "lastUpdated": stamp(run.store.now())}
    run.update(sub, {"status": {**told, "installPlanRef": {"apiVersion": plan["apiVersion"], "kind": "InstallPlan", **ref}}})


def install_plan(run: Controllers, plan: Obj) -> None:
    """What is approved is installed after a moment."""
    waits = (plan.get("status") or {}).get("phase") in {"RequiresApproval", "Installing"}
    if run.is_live and waits and plan["spec"].get("approved"):
        run.later(lambda: _install(run, plan))


def _install(run: Controllers, plan: Obj) -> None:
    """Brings the operator itself; it has succeeded a moment later."""
    found = run.again(plan)
    if found is None or found["status"]["phase"] == "Complete":
        return
    run.update(found, {"status": {"phase": "Complete"}})
    by_name = {package["csv"]: package for package in packages().values()}
    for name in by_name.keys() & set(found["spec"]["clusterServiceVersionNames"]):
        csv = _bring(run, name, by_name[name], found["metadata"]["namespace"])
        run.later(lambda csv=csv, name=name: _succeeded(run, csv, by_name[name]))  # type: ignore[misc]  # defaults bind


def _bring(run: Controllers, name: str, package: Obj, namespace: str) -> Obj:
    version = name.partition(".")[2].removeprefix("v")
    strategy = {"strategy": "deployment", "spec": {"deployments": []}}
    modes = [{"type": "AllNamespaces", "supported": True}]
    spec = {"displayName": package["title"], "version": version, "installModes": modes, "install": strategy}
    csv = run.store.put(
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "ClusterServiceVersion",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
            "status": {"phase": "Installing", "reason": "InstallSucceeded", "lastTransitionTime": stamp(run.store.now())},
        }
    )
    labels = {"olm.owner": name, "olm.owner.namespace": namespace, "olm.managed": "true"}
    mine = {"owner": pods.owner_reference(csv), "labels": labels}
    lines = {called: merge(line, mine) for called, line in package["workloads"].items()}
    for obj in workloads.of_namespace(namespace, {"workloads": lines}):
        tell(run.store, obj)
    return csv


def _succeeded(run: Controllers, csv: Obj, package: Obj) -> None:
    """The operator runs: its Subscription says so, and it begins with what it makes by itself."""
    found = run.again(csv)
    if found is None:
        return
    now, meta = stamp(run.store.now()), found["metadata"]
    done = {"phase": "Succeeded", "reason": "InstallSucceeded", "message": "install strategy completed with no errors"}
    run.update(found, {"status": {**done, "lastTransitionTime": now}})
    for sub in run.store.of(f"subscriptions.{GROUP}", meta["namespace"]):
        if (sub.get("status") or {}).get("currentCSV") == meta["name"]:
            run.update(sub, {"status": {"state": "AtLatestKnown", "installedCSV": meta["name"], "lastUpdated": now}})
    for raw in package.get("objects") or ():
        obj = complete({**raw, "ns": meta["namespace"]} if raw.get("ns") == "$ns" else raw)
        run.bring(obj if obj["kind"] != "Namespace" else workloads.namespace(raw["name"], raw))
    run.look_at_all()


def _refuse(run: Controllers, sub: Obj, why: str) -> None:
    held = {"type": "ResolutionFailed", "status": "True", "reason": "ConstraintsNotSatisfiable", "message": why}
    if [item.get("message") for item in (sub.get("status") or {}).get("conditions") or ()] != [why]:
        run.update(sub, {"status": {"conditions": [{**held, "lastTransitionTime": stamp(run.store.now())}]}})


def _is_ready(source: Obj) -> bool:
    state = ((source.get("status") or {}).get("connectionState") or {}).get("lastObservedState")
    return bool(state == "READY")


def _look_again(run: Controllers) -> None:
    """What was not there when a Subscription came may be there now."""
    resource = run.cluster.catalogue.named(f"subscriptions.{GROUP}")
    for sub in run.store.all(resource):
        run.queue(resource, sub["metadata"]["namespace"], sub["metadata"]["name"])
