"""Row G.TEN: tenants cannot reach the node, are born isolated, and stay apart in what they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Evidence, Finding, check, cluster_ref, fail, ok, reason, seen, warn
from ztui.engines import sccs, tenancy, units
from ztui.engines.isolation import ISOLATION, ISOLATION_WHERE_SERVED, stays_closed
from ztui.engines.reach import network_of
from ztui.kinds.gitops import Application, AppProject
from ztui.kinds.platform import FeatureGate
from ztui.kinds.platformconfig import IngressController
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.tenancy import LimitRange, ProjectConfig, Template
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

ENFORCED = reason("level-enforced", "enforces {level}")
BY_DEFAULT = reason("level-by-default", "the platform enforces restricted where no label says otherwise")
PRIVILEGED = reason(
    "level-privileged",
    "enforces privileged, which is no bound at all",
    next="Set pod-security.kubernetes.io/enforce to restricted, or to baseline",
    stands=True,
)
NO_LEVEL = reason(
    "not-a-level",
    "enforces {level}, which is not a level; the server takes it for restricted",
    next="Set pod-security.kubernetes.io/enforce to restricted",
)
RUNS_FREE = reason(
    "privileged-runs",
    "no level is enforced, and {pod} runs with {how}",
    next="Move the pod to a namespace of its own, and enforce baseline here",
    stands=True,
)
USABLE = reason(
    "privileged-usable",
    "no level is enforced, and {account} may use the SCC {scc} ({field}) by {by}",
    next="Take the SCC from the account, and enforce restricted",
    stands=True,
)
WATCHED = reason(
    "only-watched",
    "no level is enforced; SCCs keep its accounts from the node, and {mode} is {level}",
    next="Enforce the level that is watched for",
)
CONFINED = reason(
    "only-confined",
    "no level is enforced or watched for; only SCCs keep its accounts from the node",
    next="Set pod-security.kubernetes.io/enforce to restricted",
)
NOTHING_SEEN = reason(
    "no-level",
    "no level is enforced; a default of the API server cannot be seen from here",
    next="Set pod-security.kubernetes.io/enforce to restricted",
)
BORN = reason("born-isolated", "new projects get {kinds}; {share} % of the user namespaces have a quota and limits")
PARTLY = reason(
    "partly-bounded",
    "new projects get {kinds}; {share} % of the user namespaces have a quota and limits",
    next="Put a NetworkPolicy and a ResourceQuota in the project template, and a quota and limits in {missing}",
)
UNBOUNDED = reason(
    "born-open",
    "new projects get nothing, and {share} % of the user namespaces have a quota",
    next="Set a project template with a NetworkPolicy, a ResourceQuota and a LimitRange",
)

FIREWALLED = reason("boundaries-hold", "shared services keep tenants apart")
OPEN_PROJECT = reason(
    "open-project",
    "the project takes any source to any place, and {tenants} use it",
    next="Give each tenant a project of its own, and empty the project default",
    stands=True,
)
UNOWNED = reason(
    "unowned-reserved",
    "the name looks like the platform's, nothing of the platform answers for it, and {pods} pods run in it",
    next="Find out who made the namespace; rename it or delete it",
    stands=True,
)
SHARED_HOSTS = reason(
    "shared-hosts",
    "namespaces may claim paths of the same host",
    next="Set spec.routeAdmission.namespaceOwnership to Strict",
)
WILDCARDS = reason(
    "wildcard-routes",
    "Routes may claim every host below a name",
    next="Set routeAdmission.wildcardPolicy to WildcardsDisallowed",
)
OWN_NETWORKS = reason("own-networks", "{count} namespaces are on primary networks of their own")
CLOSED = reason("closed-by-default", "{count} namespaces share the cluster's network, each closed by default")
NO_SEPARATION = reason(
    "no-separation",
    "nothing keeps {missing} apart: no network of their own, and open by default",
    next="Preview a default deny, or put each tenant on a primary network of its own",
)

_PSA: Final = "pod-security.kubernetes.io/"
_LEVELS: Final = frozenset({"restricted", "baseline"})
_GATE: Final = "OpenShiftPodSecurityAdmission"


@check(
    "ZTG-TEN-001",
    "Namespaces enforce a pod security level",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(*sccs.SCCS, Pod),
    where_served=(*sccs.SCCS_WHERE_SERVED, FeatureGate),
    recipes=("R-PSA",),
    maps=("CISA Apps", "800-53 AC-6", "800-53 CM-7", "800-53 SC-39", "CIS-OCP 5.2", "CIS-OCP 5.7.3"),
)
def pod_security(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each namespace refuses pods that could reach the node.

    Why: tenants must not escape to the node.
    How: the label decides where it is set; where it is not, who may use an SCC that lets pods out does.
    Rule: pass if restricted or baseline is enforced; fail if privileged is, or if nothing is and an SCC that reaches the node
    is usable or in use here; warn if only SCCs, or only audit and warn, stand in the way.
    Traps: the platform's label sync writes audit and warn only; an SCC may be granted by its own lists or by a role; a value that
    is not a level counts as restricted on the server.
    Source: v1 Namespace, metadata.labels; security.openshift.io/v1 SecurityContextConstraints, allowPrivilegedContainer,
    users, groups; config.openshift.io/v1 FeatureGate, status.featureGates; v1 Pod,
    spec.containers[].securityContext.privileged, spec.hostNetwork.
    Verify: kubectl get ns -L pod-security.kubernetes.io/enforce
    """
    level = namespace.labels.get(f"{_PSA}enforce", "")
    facts = [seen(namespace, f"metadata.labels[{_PSA}enforce]", level)]
    if level in _LEVELS:
        yield ok(namespace, ENFORCED, seen=facts, level=level)
    elif level == "privileged":
        yield fail(namespace, PRIVILEGED, seen=facts)
    elif level:
        yield warn(namespace, NO_LEVEL, seen=facts, level=level)
    else:
        yield _unlabelled(view, namespace, facts)


@check(
    "ZTG-TEN-002",
    "New tenants are born isolated and bounded",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=tenancy.TENANCY,
    where_served=tenancy.TENANCY_WHERE_SERVED,
    variants=("ocp",),
    recipes=("R-PROJTPL", "R-QUOTA"),
    maps=("800-53 SC-5", "800-53 SC-6", "800-53 AC-4", "CIS-OCP 5.7.1"),
)
def born_isolated(view: View) -> Iterator[Finding]:
    """New projects start with isolation and a quota, and those that exist have them.

    Why: isolation must not depend on memory.
    How: a tenant without a quota can starve the others; one without a NetworkPolicy can reach them.
    Rule: pass if the template has a NetworkPolicy and a quota and nine of ten user namespaces have a quota and limits; fail if
    there is no template and less than half have a quota; warn otherwise.
    Traps: a template that is named but does not exist gives nothing; a quota over several namespaces counts in each of them.
    Source: config.openshift.io/v1 Project, spec.projectRequestTemplate.name; template.openshift.io/v1 Template,
    objects[].kind; v1 ResourceQuota, LimitRange, metadata.namespace; quota.openshift.io/v1 ClusterResourceQuota,
    status.namespaces.
    Verify: oc get project.config.openshift.io cluster -o jsonpath='{.spec.projectRequestTemplate.name}'
    """
    kinds = tenancy.template_kinds(view)
    facts = _template_facts(view)
    share = tenancy.bounded_share(view)
    words = {"kinds": ", ".join(sorted(kinds)) or "nothing", "share": round(share * 100)}
    if tenancy.born_isolated(view):
        yield ok(cluster_ref(), BORN, seen=facts, **words)
        return
    quota = tenancy.bounded_share(view, limits=False)
    if not kinds and quota < 0.5:
        yield fail(cluster_ref(), UNBOUNDED, seen=facts, share=round(quota * 100))
        return
    names = view.derive(tenancy.user_namespaces)
    missing = [name for name in names if not tenancy.has_quota(view, name) or not view.within(LimitRange, name)]
    yield warn(cluster_ref(), PARTLY, seen=facts, **words, missing=_some(missing))


@check(
    "ZTG-TEN-003",
    "Tenancy boundaries hold in shared services",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=ISOLATION,
    where_served=(IngressController, AppProject, Application, *ISOLATION_WHERE_SERVED),
    recipes=("R-APPPROJ", "R-IC-STRICT"),
    maps=("800-53 AC-4", "800-53 SC-2", "800-53 SC-7"),
)
def boundaries(view: View) -> Iterator[Finding]:
    """What tenants share does not let one reach into another.

    Why: shared control surfaces leak tenancy.
    How: who may deploy by a project without bounds deploys everywhere; who may claim another's host gets its callers.
    Rule: fail if the Argo CD project default is open and two tenants use it, or if pods run in a namespace that only looks like
    the platform's; warn if namespaces may share hosts or claim wildcards, or share the network.
    Traps: a reserved name proves nothing, only what answers for it does; a network needs the label on the namespace to be its
    primary one; where no network is a tenant's own, a default deny decides.
    Source: operator.openshift.io/v1 IngressController, spec.routeAdmission.namespaceOwnership,
    spec.routeAdmission.wildcardPolicy; argoproj.io/v1alpha1 AppProject, spec.sourceRepos, spec.destinations,
    spec.clusterResourceWhitelist; argoproj.io/v1alpha1 Application, spec.project, spec.destination; k8s.ovn.org/v1
    UserDefinedNetwork, spec.topology; networking.k8s.io/v1 NetworkPolicy, spec.podSelector.
    Verify: oc get ingresscontroller -n openshift-ingress-operator -o jsonpath='{.items[*].spec.routeAdmission}'
    """
    yield from _unowned(view)
    for router in sorted(view.all(IngressController), key=lambda item: item.name):
        yield from _router(router)
    for project in sorted(view.all(AppProject), key=lambda item: (item.namespace, item.name)):
        if project.name == "default":
            yield _project(view, project)
    yield from _networks(view)


def _unowned(view: View) -> Iterator[Finding]:
    """Namespaces that look like the platform's, run pods, and belong to nobody that the API server trusts."""
    for name in view.derive(tenancy.user_namespaces):
        if not units.looks_reserved(name):
            continue
        namespace = view.get(Namespace, name)
        live = [item for item in view.within(Pod, name) if item.is_live]
        if namespace is not None and live:
            yield fail(namespace, UNOWNED, seen=live, pods=len(live))


def _router(router: IngressController) -> Iterator[Finding]:
    admission = router.spec.route_admission
    ownership = admission.namespace_ownership if admission else ""
    wildcard = admission.wildcard_policy if admission else ""
    if ownership == "InterNamespaceAllowed":
        yield warn(router, SHARED_HOSTS, seen=[seen(router, "spec.routeAdmission.namespaceOwnership", ownership)])
    if wildcard == "WildcardsAllowed":
        yield warn(router, WILDCARDS, seen=[seen(router, "spec.routeAdmission.wildcardPolicy", wildcard)])
    if ownership != "InterNamespaceAllowed" and wildcard != "WildcardsAllowed":
        yield ok(router, FIREWALLED, seen=[router])


def _project(view: View, project: AppProject) -> Finding:
    spec = project.spec
    anywhere = any(
        item.get("namespace") == "*" and "*" in (item.get("server"), item.get("name")) for item in spec.destinations or ()
    )
    apps = [
        item
        for item in view.all(Application)
        if (item.spec.project or "default") == "default" and item.spec.destination.namespace
    ]
    tenants = sorted({_tenant(view, item.spec.destination.namespace) for item in apps})
    whitelist = spec.cluster_resource_whitelist or ()
    facts = [
        seen(project, "spec.sourceRepos", ", ".join(spec.source_repos or ())),
        seen(project, "spec.destinations", "*" if anywhere else "bounded"),
        seen(project, "spec.clusterResourceWhitelist", ", ".join(f"{item.group}/{item.kind}" for item in whitelist)),
    ]
    if "*" in (spec.source_repos or ()) and anywhere and len(tenants) > 1:
        return fail(project, OPEN_PROJECT, seen=facts, tenants=_some(tenants))
    return ok(project, FIREWALLED, seen=facts)


def _tenant(view: View, name: str) -> str:
    """The owner of a namespace, or the namespace itself where nobody owns it."""
    namespace = view.get(Namespace, name)
    return (units.owner_of(namespace, view.limits.owner_keys) if namespace else "") or name


def _networks(view: View) -> Iterator[Finding]:
    """Whether each user namespace with live pods is on a network of its own or closed; a lone tenant has nobody to keep out."""
    names = [name for name in view.derive(tenancy.user_namespaces) if view.derive(tenancy.runs_pods, name)]
    shared = [name for name in names if not view.derive(network_of, name)]
    if len(names) < 2:
        return
    loose = [name for name in shared if not view.derive(stays_closed, name, "ingress")]
    if loose:
        yield warn(cluster_ref(), NO_SEPARATION, missing=_some(loose))
    elif shared:
        yield ok(cluster_ref(), CLOSED, count=len(shared))
    else:
        yield ok(cluster_ref(), OWN_NETWORKS, count=len(names))


def _unlabelled(view: View, namespace: Namespace, facts: list[Evidence]) -> Finding:
    gate = view.get(FeatureGate, "cluster")
    if gate is not None and gate.is_on(_GATE):
        return ok(namespace, BY_DEFAULT, seen=[*facts, seen(gate, "status.featureGates[].enabled[].name", _GATE)])
    free = next(_running_free(view, namespace.name), None)
    if free is not None:
        pod, how, fact = free
        return fail(namespace, RUNS_FREE, seen=[*facts, fact], pod=pod.name, how=how)
    if view.absent(SecurityContextConstraints):
        return warn(namespace, NOTHING_SEEN, seen=facts)
    usable = next((item for item in sccs.usable(view, namespace.name) if item[1].reaches_node), None)
    if usable is not None:
        account, scc, by = usable
        fact = seen(scc, scc.reaches_node, "true")
        return fail(namespace, USABLE, seen=[*facts, fact], account=account, scc=scc.name, field=scc.reaches_node, by=by)
    for mode in ("audit", "warn"):
        watched = namespace.labels.get(_PSA + mode, "")
        if watched == "restricted":
            fact = seen(namespace, f"metadata.labels[{_PSA}{mode}]", watched)
            return warn(namespace, WATCHED, seen=[*facts, fact], mode=mode, level=watched)
    return warn(namespace, CONFINED, seen=facts)


def _running_free(view: View, namespace: str) -> Iterator[tuple[Pod, str, Evidence]]:
    """The live pods that no level but privileged would admit, with the field that says so."""
    for pod in sorted(view.within(Pod, namespace), key=lambda item: item.name):
        if not pod.is_live or pod.is_mirror:
            continue
        if any(item.security_context and item.security_context.privileged for item in pod.containers):
            yield pod, "a privileged container", seen(pod, "spec.containers[].securityContext.privileged", "true")
        elif pod.spec.host_network:
            yield pod, "the node's network", seen(pod, "spec.hostNetwork", "true")
        else:
            name = pod.annotations.get("openshift.io/scc", "")
            scc = view.get(SecurityContextConstraints, name) if name else None
            if scc is not None and scc.reaches_node:
                yield pod, f"the SCC {name}", seen(pod, "metadata.annotations[openshift.io/scc]", name)


def _template_facts(view: View) -> list[Evidence]:
    config = view.get(ProjectConfig, "cluster")
    if config is None:
        return []
    name = config.spec.project_request_template.name
    facts = [seen(config, "spec.projectRequestTemplate.name", name)]
    template = view.get(Template, name, tenancy.CONFIG_NAMESPACE) if name else None
    if template is not None:
        facts.append(seen(template, "objects[].kind", ", ".join(item.kind for item in template.objects or ())))
    return facts


def _some(names: list[str]) -> str:
    """Three names and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more if names else "none"
