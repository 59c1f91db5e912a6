"""What the logging operators make: a collector on each node, and the store that it may send to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ztui.demo import operators
from ztui.demo.answers import Obj
from ztui.demo.operands.base import Operand, line, of, ready, spec_of, start
from ztui.demo.rbac import SA_PREFIX, Ask, User

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_LOOK_AGAIN_S: Final = 3.0
_TYPES = ("application", "infrastructure", "audit")
_GROUP = "observability.openshift.io"
_LOKI = {"image": "openshift-logging/logging-loki:6.3", "ports": {"http-metrics": 3100}}


def _forwarder(run: Controllers, obj: Obj) -> None:
    """A collector by the forwarder's name, if its account may collect what the pipelines take; else another look is due."""
    place, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
    account = spec_of(obj, "serviceAccount", "name", default="")
    wanted = {item for flow in spec_of(obj, "pipelines", default=()) for item in flow.get("inputRefs") or ()} & set(_TYPES)
    refused = sorted(item for item in wanted if not _may_collect(run, place, account, item))
    authorized = f"{_GROUP}/Authorized"
    if refused:
        text = f"insufficient permissions on service account, not authorized to collect {refused} logs"
        conditions = operators.condition(run, obj, authorized, "False", "ClusterRoleMissing", text)
        held = {**obj, "status": {"conditions": conditions}}
        unready = operators.condition(run, held, "Ready", "False", "ValidationFailure", "one or more validation errors")
        run.update(obj, {"status": {"conditions": unready}})
        run.later(lambda: _again(run, obj, _forwarder), _LOOK_AGAIN_S)
        return
    start(run, place, {name: line("adaptive.yaml", "openshift-logging", "collector", {"sa": account})})
    ready(run, obj, None, authorized, f"{_GROUP}/Valid", "Ready")


def _again(run: Controllers, obj: Obj, make: Operand) -> None:
    found = run.again(obj)
    if found is not None and found["spec"] == obj["spec"]:
        make(run, found)


def _may_collect(run: Controllers, namespace: str, account: str, what: str) -> bool:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    user = User(f"{SA_PREFIX}{namespace}:{account}", groups)
    return bool(run.cluster.authorizer.allows(user, Ask("collect", _GROUP, "logs", name=what)))


def _loki(run: Controllers, obj: Obj) -> None:
    """The parts of a store of logs, behind a gateway; without the keys of its bucket another look is due."""
    name, place = obj["metadata"]["name"], obj["metadata"]["namespace"]
    secret = spec_of(obj, "storage", "secret", "name", default="")
    if run.store.find(run.cluster.catalogue.named("secrets"), secret, place) is None:
        why = ("MissingObjectStorageSecret", "Missing object storage secret")
        conditions = operators.condition(run, obj, "Degraded", "True", *why)
        run.update(obj, {"status": {"conditions": conditions}})
        run.later(lambda: _again(run, obj, _loki), _LOOK_AGAIN_S)
        return
    parts = ("compactor", "index-gateway", "ingester", "ruler") if spec_of(obj, "rules", "enabled") else ("compactor", "ingester")
    lines: Obj = {f"{name}-{part}": {**_LOKI, "kind": "StatefulSet"} for part in parts}
    lines |= {f"{name}-{part}": _LOKI for part in ("distributor", "querier", "query-frontend")}
    lines[f"{name}-gateway"] = {"replicas": 2, "image": "openshift-logging/lokistack-gateway:6.3", "ports": {"public": 8080}}
    start(run, place, lines)
    ready(run, obj)


OPERANDS = {
    (_GROUP, "clusterlogforwarders"): of("cluster-logging", _forwarder),
    ("loki.grafana.com", "lokistacks"): of("loki-operator", _loki),
}
