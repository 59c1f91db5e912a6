"""Row G.PLAT: the platform's operators work, can be upgraded, and run as they were made to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import Evidence, Finding, check, fail, ok, reason, seen, warn
from ztui.kinds.base import Condition, Kind, condition, instant
from ztui.kinds.clusternetwork import NetworkOperator
from ztui.kinds.gitops import ClusterServiceVersion
from ztui.kinds.meshcontrol import Istio
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.platform import (
    AuthenticationOperator,
    ClusterVersion,
    Etcd,
    InstallPlan,
    KubeAPIServer,
    OpenShiftAPIServer,
    OperatorKind,
    OperatorSpec,
    Subscription,
)
from ztui.kinds.telemetry import PodMonitor, ServiceMonitor
from ztui.kinds.workload import Deployment
from ztui.view import View

HEALTHY = reason("operator-healthy", "works and can be upgraded")
UNAVAILABLE = reason("unavailable", "is not available: {why}", next="Read the operator's conditions and its pods", stands=True)
DEGRADED = reason(
    "degraded",
    "has been degraded for more than ten minutes: {why}",
    next="Read the operator's conditions and its pods",
    stands=True,
)
UNMANAGED = reason(
    "unmanaged",
    "leaves {object} alone (spec.overrides)",
    next="Remove the override, so that the object is kept as the release has it",
    stands=True,
)
CSV_FAILED = reason(
    "csv-failed",
    "the operator's installation failed: {why}",
    next="Read the conditions of the ClusterServiceVersion",
    stands=True,
)
HELD = reason("not-upgradeable", "blocks the next minor release: {why}", next="Do what the condition Upgradeable asks for")
PENDING = reason(
    "upgrade-pending",
    "an upgrade has waited for {days} days",
    next="Approve the install plan {plan}, or choose automatic approval",
)
SUPPORTED = reason("supported", "runs as the platform made it")
OVERRIDDEN = reason(
    "overridden",
    "unsupportedConfigOverrides sets {names}",
    next="Remove spec.unsupportedConfigOverrides",
    stands=True,
)
SWITCHED_OFF = reason(
    "switched-off", "is {state}: nothing keeps it as it should be", next="Set spec.managementState to Managed", stands=True
)
NO_METRICS = reason(
    "mesh-without-metrics", "nothing scrapes {namespace}", next="Add a ServiceMonitor for istiod and a PodMonitor for the proxies"
)
ONE_ISTIOD = reason(
    "single-istiod", "istiod runs once ({name})", next="Give istiod two replicas, or an autoscaler with at least two"
)
WATCHED_MESH = reason("mesh-watched", "the mesh has metrics, and istiod runs more than once")

_GRACE: Final = timedelta(minutes=10)
_PATIENCE: Final = timedelta(days=30)
_MUST_RUN: Final[tuple[type[OperatorKind], ...]] = (KubeAPIServer, OpenShiftAPIServer, AuthenticationOperator, NetworkOperator)
_OPERATORS: Final[tuple[type[OperatorKind], ...]] = (*_MUST_RUN, Etcd)
_ELSEWHERE: Final = frozenset({"remote", "external"})


@check(
    "ZTG-PLAT-001",
    "Cluster operators are healthy and upgradable",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(ClusterOperator, ClusterVersion),
    where_served=(Subscription, ClusterServiceVersion, InstallPlan),
    variants=("ocp",),
    scope="all",
    maps=("800-53 CM-6", "800-53 SI-2"),
)
def operators_healthy(view: View) -> Iterator[Finding]:
    """The platform's operators and the installed ones work and can be upgraded.

    Why: security operators that do not reconcile do not secure.
    How: what an operator that is down should undo stays as an attacker left it.
    Rule: fail if an operator is unavailable, has been degraded for ten minutes, or failed to install, or an object is exempt from
    the release; warn if an upgrade is blocked, or has waited for 30 days.
    Traps: an operator may be degraded for a moment while it rolls out; copies of a ClusterServiceVersion are not installations.
    Source: config.openshift.io/v1 ClusterOperator, status.conditions; config.openshift.io/v1 ClusterVersion,
    spec.overrides[].unmanaged, status.conditions; operators.coreos.com/v1alpha1 Subscription, status.state;
    operators.coreos.com/v1alpha1 InstallPlan, spec.approved; operators.coreos.com/v1alpha1 ClusterServiceVersion,
    status.phase.
    Verify: oc get clusteroperators
    """
    for operator in sorted(view.all(ClusterOperator), key=_name):
        yield from _operator(view, operator, operator.status.conditions, ("Degraded",))
    for version in view.all(ClusterVersion):
        exempt = [item for item in version.spec.overrides or () if item.unmanaged]
        for item in exempt:
            what = f"{item.kind}/{item.namespace}/{item.name}" if item.namespace else f"{item.kind}/{item.name}"
            yield fail(version, UNMANAGED, seen=[seen(version, "spec.overrides[].unmanaged", "true")], object=what)
        found = list(_operator(view, version, version.status.conditions, ("Failing",)))
        yield from (item for item in found if item.reason is not HEALTHY or not exempt)
    for csv in sorted(view.all(ClusterServiceVersion), key=_name):
        if not csv.is_copy and csv.status.phase == "Failed":
            yield fail(csv, CSV_FAILED, seen=[seen(csv, "status.phase", "Failed")], why=csv.status.reason or "no reason given")
    for subscription in sorted(view.all(Subscription), key=_name):
        yield from _waiting(view, subscription)


@check(
    "ZTG-PLAT-002",
    "No unsupported overrides; mesh is integrated with the platform",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Deployment,),
    where_served=(*_OPERATORS, Istio, ServiceMonitor, PodMonitor),
    variants=("ocp",),
    scope="all",
    maps=("800-53 CM-6", "CIS-OCP 1.2.33"),
)
def no_overrides(view: View) -> Iterator[Finding]:
    """Operators run as the platform made them, and the mesh is watched and survives the loss of a pod.

    Why: overrides void guarantees.
    How: an override turns off what the platform promises, and no report says so.
    Rule: fail if unsupportedConfigOverrides sets anything, or an operator of login, API or network is switched off; warn if
    nothing scrapes the mesh's control plane, or istiod runs once.
    Traps: an empty override is none; a mesh whose control plane runs elsewhere has no istiod here.
    Source: operator.openshift.io/v1 KubeAPIServer, OpenShiftAPIServer, Authentication, Network, spec.managementState,
    spec.unsupportedConfigOverrides; sailoperator.io/v1 Istio, spec.namespace; monitoring.coreos.com/v1 ServiceMonitor,
    PodMonitor, metadata.namespace; apps/v1 Deployment, spec.replicas.
    Verify: oc get kubeapiserver cluster -o jsonpath='{.spec.unsupportedConfigOverrides}'
    """
    for kind in _OPERATORS:
        for operator in view.all(kind):
            yield _switches(operator, operator.spec, must_run=kind in _MUST_RUN)
    for mesh in sorted(view.all(Istio), key=_name):
        if mesh.spec.profile not in _ELSEWHERE:
            yield from _mesh(view, mesh)


def _operator(view: View, of: Kind, conditions: tuple[Condition, ...] | None, bad: tuple[str, ...]) -> Iterator[Finding]:
    """What the conditions of an operator, or of the version, say."""
    available = condition(conditions, "Available")
    if available is not None and available.status == "False":
        yield fail(of, UNAVAILABLE, seen=[_fact(of, available)], why=_words(available))
        return
    for type_ in bad:
        found = condition(conditions, type_)
        if found is not None and found.status == "True" and _lasts(view, found):
            yield fail(of, DEGRADED, seen=[_fact(of, found)], why=_words(found))
            return
    upgradeable = condition(conditions, "Upgradeable")
    if upgradeable is not None and upgradeable.status == "False":
        yield warn(of, HELD, seen=[_fact(of, upgradeable)], why=_words(upgradeable))
        return
    yield ok(of, HEALTHY, seen=[_fact(of, available)] if available else ())


def _waiting(view: View, subscription: Subscription) -> Iterator[Finding]:
    """The upgrade that a subscription has been waiting for too long."""
    status = subscription.status
    if status.state != "UpgradePending":
        return
    name = status.install_plan_ref.name if status.install_plan_ref else ""
    plan = view.get(InstallPlan, name, subscription.namespace) if name else None
    if plan is not None and plan.spec.approved:
        return
    since = plan.created if plan else instant(status.last_updated)
    if since is not None and view.now - since > _PATIENCE:
        facts: list[Kind | Evidence] = [seen(subscription, "status.state", status.state), *([plan] if plan else [])]
        yield warn(subscription, PENDING, seen=facts, days=(view.now - since).days, plan=name or "that it names")


def _switches(operator: Kind, spec: OperatorSpec, *, must_run: bool) -> Finding:
    names: tuple[str, ...] = spec.unsupported_config_overrides
    if names:
        path = "spec.unsupportedConfigOverrides"
        return fail(operator, OVERRIDDEN, seen=[seen(operator, path, ", ".join(names))], names=", ".join(names))
    if must_run and spec.management_state in {"Unmanaged", "Removed"}:
        fact = seen(operator, "spec.managementState", spec.management_state)
        return fail(operator, SWITCHED_OFF, seen=[fact], state=spec.management_state)
    return ok(operator, SUPPORTED, seen=[seen(operator, "spec.managementState", spec.management_state)])


def _mesh(view: View, mesh: Istio) -> Iterator[Finding]:
    home = mesh.spec.namespace
    scraped = (*view.within(ServiceMonitor, home), *view.within(PodMonitor, home))
    once = [item for item in view.within(Deployment, home) if item.labels.get("app") == "istiod" and item.spec.replicas < 2]
    if not scraped:
        yield warn(mesh, NO_METRICS, seen=[seen(mesh, "spec.namespace", home)], namespace=home)
    for item in sorted(once, key=_name):
        yield warn(mesh, ONE_ISTIOD, seen=[seen(item, "spec.replicas", item.spec.replicas)], name=item.name)
    if scraped and not once:
        yield ok(mesh, WATCHED_MESH, seen=[*scraped])


def _lasts(view: View, found: Condition) -> bool:
    """Whether a condition has held for longer than a rollout; one without a time has."""
    since = instant(found.last_transition_time)
    return since is None or view.now - since > _GRACE


def _fact(of: Kind, found: Condition) -> Evidence:
    return seen(of, f"status.conditions[type={found.type}].status", found.status)


def _words(found: Condition) -> str:
    return found.message or found.reason or "no reason given"


def _name(of: Kind) -> str:
    return of.name
