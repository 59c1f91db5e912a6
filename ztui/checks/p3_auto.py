"""Row P3.AUTO: drift is undone by itself, an event is answered by itself, and what answers is no door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, aside, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.acs import ACS_WHERE_SERVED, acs
from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, EntryPoint, entry_points
from ztui.engines.escalation import primitives
from ztui.engines.grants import ACCESS, Grant, cluster_grants, grants_in, server_minor
from ztui.engines.holders import account_of
from ztui.kinds.base import Kind, condition, instant
from ztui.kinds.gitops import Application, AppProject, ArgoCD, Automated, Kustomization
from ztui.kinds.network import Service
from ztui.kinds.pipeline import PipelineRun
from ztui.kinds.response import AlertmanagerConfig, EventListener, Interceptor, Trigger, TriggerTemplate
from ztui.kinds.session import Session
from ztui.kinds.workload import Deployment, Namespace
from ztui.view import View, Why

GOVERNED = reason("governed", "{by} keeps the namespace as its repository says, and heals it")
DRIFTED = reason(
    "out-of-sync", "{by} is out of sync, and its last sync {what}", next="Look at the sync errors of the application"
)
WINDOWED = reason(
    "sync-window", "{by} is kept from healing by a sync window of its project at times", next="Drop the window, or let it sync"
)
NO_HEAL = reason(
    "no-self-heal",
    "{by} follows its repository, and leaves what is changed by hand",
    next="Preview self-heal for the application",
)
BY_HAND = reason("synced-by-hand", "{by} is only synced by hand", next="Preview automated sync with self-heal")
SKIPPED = reason("reconcile-off", "{by} is told not to be looked at", next="Remove the annotation, or resume it")
CONTROLLER_DOWN = reason(
    "controller-down", "{by} was last looked at {when}: its controller does not work", next="Look at the pods of the controller"
)
NOT_GOVERNED = reason("not-governed", "no repository keeps the namespace", next="Bring it under GitOps")
ELSEWHERE = reason(
    "governed-elsewhere",
    "{unit} says that GitOps keeps it, and no application here does",
    next="Attest the hub that does, or bring the application into this cluster",
)
PATH = reason("response-ready", "{source} calls {listener}, which ran well {days} days ago")
UNTRIED = reason(
    "response-untried", "{source} calls {listener}, which has not run well in 90 days", next="Run a drill: send it a test event"
)
NO_CALLER = reason(
    "response-uncalled",
    "{listener} is ready; who calls it is not seen in the objects of the cluster",
    next="Connect {where} once this release can, or attest who calls it",
)
NO_PATH = reason("no-response", "no event starts anything: {why}", next="Walk through the response pipeline in the guide")
RESPONDER = reason(
    "responder-untold",
    "{responder} answers events; what it did is known where its events go",
    next="Connect {where} once this release can, or attest a drill",
)
SAFE = reason("responder-safe", "{listener} asks for proof, and its account does no more than it should")
UNPROVEN_CALLER = reason(
    "responder-open",
    "{listener} can be called from outside by {host}, and {trigger} asks for no proof",
    next="Add an interceptor that checks a signature",
    stands=True,
)
PLAINTEXT = reason(
    "responder-plaintext", "{listener} can be called in plaintext by {host}", next="Add TLS to the Route", stands=True
)
STRONG = reason(
    "responder-strong",
    "the account {account} of {listener} may {what}",
    next="Bind it to a role for the namespaces it answers for",
)
WEAK_PROOF = reason(
    "responder-weak-proof",
    "{trigger} of {listener} looks at what an event says and not at who sends it",
    next="Add an interceptor that checks a signature",
)
SHARED_ACCOUNT = reason(
    "responder-shared",
    "the account {account} of {listener} is also that of {other}",
    next="Give the listener an account of its own",
)

_HOUR: Final = timedelta(hours=1)
_HERE: Final = frozenset({"https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"})
_SKIP: Final = "argocd.argoproj.io/skip-reconcile"
_LISTENER: Final = "triggers.tekton.dev/eventlistener"
_RECENT: Final = timedelta(days=90)
_WRITES: Final = frozenset({"*", "create", "update", "patch", "delete", "deletecollection"})


@check(
    "ZT3-AUTO-001",
    "GitOps owns and heals user namespaces",
    severity="high",
    gate="R",
    grain="namespace",
    needs=units.WORKLOADS,
    where_served=(*units.WORKLOADS_WHERE_SERVED, ArgoCD, Application, AppProject, Kustomization),
    beyond=(ArgoCD, Application, AppProject, Kustomization),
    ratio=Bands(0.80, 0.50, any_fail=False),
    recipes=("R-ARGO-SELFHEAL",),
    maps=("CISA A&O", "800-53 CM-3(6)", "800-53 SI-7(7)"),
)
def governed(view: View, namespace: Namespace) -> Iterator[Finding]:
    """A repository says what runs in the namespace, and what is changed by hand is undone.

    Why: undoing what nobody asked for is the first automatic answer to tampering.
    How: an intruder's change stays until somebody compares by eye.
    Rule: a namespace passes if an Argo CD application with automated sync and self-heal, or a Flux Kustomization, writes to it;
    pass from 80 % of the user namespaces, warn from 50 %, fail below. An application that is out of sync for an hour, or that a
    sync window holds back at times, warns.
    Traps: automated with enabled false is not automated; a sync window denies healing; a controller that does not look heals
    nothing; a hub in another cluster is not seen here.
    Source: argoproj.io/v1alpha1 Application, spec.destination, spec.syncPolicy.automated, status.sync.status,
    status.reconciledAt, status.operationState.finishedAt, metadata.annotations; argoproj.io/v1beta1 ArgoCD, status.phase;
    argoproj.io/v1alpha1 AppProject, spec.syncWindows; kustomize.toolkit.fluxcd.io/v1 Kustomization, spec.suspend,
    spec.targetNamespace, status.conditions.
    Verify: kubectl get applications.argoproj.io -A
    """
    apps = view.derive(applications).get(namespace.name, ())
    flux = [item for item in view.all(Kustomization) if item.spec.target_namespace == namespace.name]
    found = [_argo(view, namespace, item) for item in apps]
    found += [_flux(namespace, item) for item in sorted(flux, key=lambda one: (one.namespace, one.name))]
    if found:
        yield min(found, key=lambda item: _BEST.index(item.reason.code))
        return
    kept = next((unit for unit in view.derive(units.workloads, namespace.name) if unit.manager == "gitops"), None)
    if kept is not None:
        yield unknown(namespace, ELSEWHERE, Why.NO_SOURCE, "GitOps hub", seen=[kept.pods[0]], unit=str(kept.root))
    else:
        yield fail(namespace, NOT_GOVERNED)


@check(
    "ZT3-AUTO-002",
    "A security event triggers an automated response",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Deployment, *ENTRIES),
    where_served=(
        EventListener,
        Trigger,
        TriggerTemplate,
        PipelineRun,
        AlertmanagerConfig,
        *ACS_WHERE_SERVED,
        *ENTRIES_WHERE_SERVED,
    ),
    maps=("CISA A&O", "800-53 IR-4(1)", "800-53 SI-4(7)"),
)
def response(view: View) -> Iterator[Finding]:
    """An alert starts something, without waiting for somebody to wake up.

    Why: minutes decide how far an intruder gets.
    How: between the alarm and the first human look lies the whole attack.
    Rule: pass if a source of alerts calls a listener that is ready and starts a template that exists, and a run that it started
    went well in the last 90 days; warn if it never did; fail without any of it. Where a listener or responder is there and its
    caller or its deeds are told only by systems that are not connected, it is unknown.
    Traps: webhook URLs in Secrets and in Alertmanager's own file are not read; a listener without a template starts nothing.
    Source: triggers.tekton.dev/v1beta1 EventListener, spec.triggers[].template.ref, spec.triggers[].triggerRef,
    status.conditions, status.configuration.generatedName; triggers.tekton.dev/v1beta1 Trigger, spec.template.ref;
    triggers.tekton.dev/v1beta1 TriggerTemplate, metadata.name; tekton.dev/v1 PipelineRun, metadata.labels, status.conditions,
    status.completionTime; monitoring.coreos.com/v1alpha1 AlertmanagerConfig, spec.receivers[].webhookConfigs[].url; apps/v1
    Deployment, metadata.labels.
    Verify: kubectl get eventlisteners,triggertemplates -A; kubectl get pipelineruns -A -l triggers.tekton.dev/eventlistener
    """
    listeners = sorted(view.all(EventListener), key=lambda item: (item.namespace, item.name))
    ready = [item for item in listeners if _starts(view, item)]
    called = [(item, source) for item in ready if (source := _caller(view, item)) is not None]
    for item, source in called:
        yield _exercised(view, item, source)
    if called:
        return
    central: Kind | None = acs(view)
    talon: Kind | None = next(
        (item for item in view.all(Deployment) if item.labels.get("app.kubernetes.io/name") == "falco-talon"), None
    )
    if ready:
        where = "acs" if central is not None else "alertmanager"
        listener = str(ready[0].ref)
        yield unknown(ready[0], NO_CALLER, Why.NOT_CONNECTED, where, seen=[ready[0]], listener=listener, where=where)
    elif (on := central or talon) is not None:
        where = "acs" if central is not None else "log store"
        yield unknown(on, RESPONDER, Why.NOT_CONNECTED, where, seen=[on], responder=str(on.ref), where=where)
    else:
        why = "no listener is ready with a template that exists" if listeners else "no listener and no responder is installed"
        yield fail(listeners[0] if listeners else cluster_ref(), NO_PATH, seen=[*listeners], why=why)


@check(
    "ZT3-AUTO-003",
    "Responders are safe",
    severity="high",
    gate="S",
    grain="namespace",
    needs=(*ACCESS, *ENTRIES, *units.WORKLOADS, Service),
    where_served=(EventListener, Trigger, *ENTRIES_WHERE_SERVED, *units.WORKLOADS_WHERE_SERVED, Session),
    scope="all",
    recipes=("R-ROUTE-TLS",),
    maps=("800-53 AC-6", "800-53 SC-8", "800-53 SI-10"),
)
def safe_responders(view: View, namespace: Namespace) -> Iterator[Finding]:
    """What answers events listens only to who proves themselves, and may do only what its answer needs.

    Why: an open webhook with rights is a tool for whoever finds it.
    How: one request with an invented alert quarantines, or deletes, what the caller chooses.
    Rule: fail if a listener can be called from outside and a trigger has no interceptor, if it can be called in plaintext, or if
    its account has a way up or may write in the whole cluster; warn if interceptors look at the content alone, or if the account
    is shared; pass otherwise.
    Traps: a Trigger that is referred to has interceptors of its own, as has a group of triggers; a CEL expression is no proof.
    Source: triggers.tekton.dev/v1beta1 EventListener, spec.serviceAccountName, spec.triggers[].interceptors,
    spec.triggerGroups[].interceptors, status.configuration.generatedName; triggers.tekton.dev/v1beta1 Trigger,
    spec.interceptors; route.openshift.io/v1 Route, spec.to, spec.tls; v1 Service, spec.type; rbac.authorization.k8s.io/v1
    ClusterRoleBinding, RoleBinding, subjects, roleRef.
    Verify: kubectl get eventlisteners -A -o yaml; kubectl get routes -A
    """
    for listener in sorted(view.within(EventListener, namespace.name), key=lambda item: item.name):
        yield from _safety(view, listener)


def applications(view: View) -> dict[str, tuple[Application, ...]]:
    """The applications that write into this cluster, by the namespace they write to."""
    found: dict[str, list[Application]] = {}
    for item in sorted(view.all(Application), key=lambda one: (one.namespace, one.name)):
        to = item.spec.destination
        if to.namespace and (to.server in _HERE or to.name == "in-cluster"):
            found.setdefault(to.namespace, []).append(item)
    return {name: tuple(items) for name, items in found.items()}


_BEST: Final = (
    "governed",
    "sync-window",
    "out-of-sync",
    "no-self-heal",
    "synced-by-hand",
    "reconcile-off",
    "controller-down",
)
"""The best of several applications speaks for a namespace."""


def _argo(view: View, namespace: Namespace, app: Application) -> Finding:
    words = {"by": str(app.ref)}
    automated = app.spec.sync_policy.automated if app.spec.sync_policy else None
    fact = seen(app, "spec.syncPolicy.automated", _told(automated))
    if app.annotations.get(_SKIP) == "true":
        return fail(namespace, SKIPPED, seen=[seen(app, f"metadata.annotations[{_SKIP}]", "true")], **words)
    looked = instant(app.status.reconciled_at)
    down = [item for item in view.within(ArgoCD, app.namespace) if item.status.phase != "Available"]
    if down or looked is None or view.now - looked > _HOUR:
        facts: list[Kind | Evidence] = [seen(app, "status.reconciledAt", app.status.reconciled_at), *down]
        return fail(namespace, CONTROLLER_DOWN, seen=facts, **words, when=app.status.reconciled_at or "never")
    if automated is None or not automated.enabled:
        return fail(namespace, BY_HAND, seen=[fact], **words)
    if not automated.self_heal:
        return warn(namespace, NO_HEAL, seen=[fact], **words)
    if late := _late(view, app):
        return aside(warn(namespace, DRIFTED, seen=[fact, seen(app, "status.sync.status", "OutOfSync")], **words, what=late))
    project = view.get(AppProject, app.spec.project, app.namespace)
    if project is not None and _is_windowed(project, app):
        return aside(warn(namespace, WINDOWED, seen=[fact, seen(project, "spec.syncWindows")], **words))
    return ok(namespace, GOVERNED, seen=[fact], **words)


def _flux(namespace: Namespace, item: Kustomization) -> Finding:
    words = {"by": str(item.ref)}
    state = condition(item.status.conditions, "Ready")
    if item.spec.suspend:
        return fail(namespace, SKIPPED, seen=[seen(item, "spec.suspend", "true")], **words)
    if state is None or state.status != "True":
        fact = seen(item, "status.conditions[type=Ready].status", state.status if state else "")
        return aside(warn(namespace, DRIFTED, seen=[fact], **words, what="did not succeed"))
    return ok(namespace, GOVERNED, seen=[seen(item, "spec.targetNamespace", namespace.name)], **words)


def _told(automated: Automated | None) -> str:
    return f"enabled={automated.enabled} selfHeal={automated.self_heal}".lower() if automated else "none"


def _late(view: View, app: Application) -> str:
    """What is wrong with an application that is out of sync for long; empty where it is being healed."""
    last = app.status.operation_state
    if app.status.sync.status != "OutOfSync":
        return ""
    if last is not None and last.phase in {"Failed", "Error"}:
        return "failed"
    at = instant(last.finished_at) if last else None
    return "is more than an hour ago" if at is None or view.now - at > _HOUR else ""


def _is_windowed(project: AppProject, app: Application) -> bool:
    to = app.spec.destination
    return any(
        _fits(window.applications, app.name)
        or _fits(window.namespaces, to.namespace)
        or _fits(window.clusters, to.server or to.name)
        for window in project.spec.sync_windows or ()
    )


def _fits(patterns: tuple[str, ...] | None, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns or ())


def _starts(view: View, listener: EventListener) -> bool:
    """Whether a listener is ready and one of its triggers starts a template that exists."""
    state = condition(listener.status.conditions, "Ready")
    if state is None or state.status != "True":
        return False
    for item in listener.spec.triggers or ():
        template = item.template
        if item.trigger_ref:
            trigger = view.get(Trigger, item.trigger_ref, listener.namespace)
            template = trigger.spec.template if trigger else None
        if template is None:
            continue
        if template.spec or (template.ref and view.get(TriggerTemplate, template.ref, listener.namespace)):
            return True
    return False


def _caller(view: View, listener: EventListener) -> AlertmanagerConfig | None:
    """A source of alerts whose webhook ends at the listener, by its Service or a way in that leads to it."""
    name = f"{listener.service}.{listener.namespace}"
    hosts = {f"{name}.svc", f"{name}.svc.cluster.local", name}
    hosts |= {entry.host for entry in view.derive(entry_points, listener.namespace) if listener.service in entry.services}
    for item in sorted(view.all(AlertmanagerConfig), key=lambda one: (one.namespace, one.name)):
        if hosts & set(item.hosts):
            return item
    return None


def _exercised(view: View, listener: EventListener, source: AlertmanagerConfig) -> Finding:
    words = {"listener": str(listener.ref), "source": str(source.ref)}
    ended = []
    for run in view.all(PipelineRun):
        state = condition(run.status.conditions, "Succeeded")
        at = instant(run.status.completion_time or (state.last_transition_time if state else None))
        if run.labels.get(_LISTENER) == listener.name and state is not None and state.status == "True" and at is not None:
            ended.append((at, run.ref, run))
    facts: list[Kind | Evidence] = [listener, seen(source, "spec.receivers[].webhookConfigs[].url")]
    if not ended or view.now - max(ended)[0] > _RECENT:
        return warn(listener, UNTRIED, seen=facts, **words)
    at, _, run = max(ended)
    return ok(listener, PATH, seen=[*facts, run], **words, days=str((view.now - at).days))


def _safety(view: View, listener: EventListener) -> Iterator[Finding]:
    words = {"listener": str(listener.ref)}
    bad = []
    ways = [
        entry for entry in view.derive(entry_points, listener.namespace) if entry.admitted and listener.service in entry.services
    ]
    service = view.get(Service, listener.service, listener.namespace)
    outside = [entry.host or "any host" for entry in ways]
    outside += [str(service.ref)] if service is not None and service.spec.type in {"LoadBalancer", "NodePort"} else []
    proofs = _proofs(view, listener)
    blank = next((name for name, found in proofs if not found), None)
    if outside and blank is not None:
        bad.append(fail(listener, UNPROVEN_CALLER, seen=[listener], **words, host=outside[0], trigger=blank))
    bad += [fail(listener, PLAINTEXT, seen=[entry.of], **words, host=entry.host) for entry in ways if _is_plain(entry)]
    account = listener.spec.service_account_name or "default"
    powers = [what for grant in _held(view, listener.namespace, account) for what in _power(view, grant)]
    if powers:
        what = ", ".join(dict.fromkeys(powers))
        bad.append(
            fail(listener, STRONG, seen=[seen(listener, "spec.serviceAccountName", account)], **words, account=account, what=what)
        )
    weak = next((name for name, found in proofs if found and not any(item.proves for item in found)), None)
    if weak is not None or (blank is not None and not outside):
        bad.append(warn(listener, WEAK_PROOF, seen=[listener], **words, trigger=weak or blank or ""))
    other = next((item for item in view.derive(units.workloads, listener.namespace) if _is_other(item, account, listener)), None)
    if other is not None:
        bad.append(warn(listener, SHARED_ACCOUNT, seen=[other.pods[0]], **words, account=account, other=str(other.root)))
    yield from bad or [ok(listener, SAFE, seen=[listener], **words)]


def _proofs(view: View, listener: EventListener) -> list[tuple[str, tuple[Interceptor, ...]]]:
    """The interceptors of each trigger by its name."""
    found = []
    for number, item in enumerate(listener.spec.triggers or ()):
        own = item.interceptors or ()
        if item.trigger_ref:
            trigger = view.get(Trigger, item.trigger_ref, listener.namespace)
            own = (*own, *((trigger.spec.interceptors or ()) if trigger else ()))
        found.append((item.name or item.trigger_ref or f"trigger {number}", own))
    found += [(group.name or "a group", group.interceptors or ()) for group in listener.spec.trigger_groups or ()]
    return found


def _is_plain(entry: EntryPoint) -> bool:
    return not entry.raw_tcp and not entry.redirects and (not entry.termination or entry.insecure == "Allow")


def _held(view: View, namespace: str, account: str) -> list[Grant]:
    """What the account holds by its own name; what everybody holds is judged elsewhere."""
    grants = (*view.derive(cluster_grants), *view.derive(grants_in, namespace))
    return [grant for grant in grants if account_of(grant) == (namespace, account)]


def _power(view: View, grant: Grant) -> list[str]:
    """Ways up, and writing everywhere."""
    found = list(primitives(grant, server_minor(view)))
    if not grant.namespace:
        writes = sorted({of for rule in grant.rules if _WRITES & set(rule.verbs or ()) for of in rule.resources or ()})
        found += [f"write {of} in every namespace" for of in writes[:2]]
    return found


def _is_other(unit: units.Workload, account: str, listener: EventListener) -> bool:
    return unit.account == account and unit.root.name not in {listener.service, listener.name}
