"""Row P4.PAC, the gate: an engine refuses what breaks the rules, the baseline holds everywhere, and exemptions end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, check, cluster_ref, fail, ok, reason, seen, warn
from ztui.engines import tenancy
from ztui.engines.controls import CONTROLS, COVERAGE, COVERAGE_WHERE_SERVED, TITLES, coverage
from ztui.engines.policies import (
    CONSTRAINTS,
    IGNORE,
    POLICIES,
    POLICIES_WHERE_SERVED,
    Engine,
    Rule,
    at_admission,
    hook,
    pattern_matches,
    rules,
)
from ztui.kinds.acs import SecuredCluster
from ztui.kinds.admission import (
    CELPolicyException,
    GatekeeperConfig,
    Match,
    MatchFilter,
    PolicyException,
    ValidatingAdmissionPolicyBinding,
)
from ztui.kinds.base import Kind, Selector, instant
from ztui.kinds.network import EndpointSlice
from ztui.kinds.workload import Namespace
from ztui.view import View

GATED = reason("gated", "{engine} refuses by {count} rules, {how}")
FAILS_OPEN = reason(
    "fails-open",
    "{engine} refuses by {count} rules, and lets everything through when it does not answer",
    next="Set failurePolicy to Fail, once two replicas answer",
)
ONE_REPLICA = reason(
    "single-replica",
    "{engine} refuses by {count} rules, with {ready} replicas that answer: one restart stops every change",
    next="Give the engine at least two replicas",
)
NO_GATE = reason(
    "no-gate",
    "nothing that is written as policy refuses anything in a tenant's namespace",
    next="Preview the policy pack: it only audits and warns at first",
)
COVERED = reason("control-covered", "{control} {title}: enforced by {by}")
UNCOVERED = reason(
    "control-uncovered",
    "{control} {title}: nothing enforces it",
    next="Preview the policy pack, or the pod security level",
)
PARTLY = reason(
    "control-partly-covered",
    "{control} {title}: nothing enforces {missing}",
    next="Add the rule that is missing, or preview the pod security level",
)
BOUNDED = reason("exemption-bounded", "ends on {until}, and {owner} answers for it")
ENDLESS = reason(
    "exemption-endless",
    "exempts {what} {until}",
    next="Annotate it with ztui.io/expires and an owner, or delete it",
)
TOTAL = reason(
    "exemption-of-everything",
    "exempts everything in {what} {until}",
    next="Narrow it to the objects that need it, and set ztui.io/expires",
    stands=True,
)
NO_OWNER = reason("exemption-unowned", "exempts {what}, and nobody answers for it", next="Annotate it with an owner")
IGNORED = reason(
    "namespace-ignored",
    "the label {label} takes the whole namespace out {until}",
    next="Take the label off; exempt single objects, for a time",
    stands=True,
)
BREAK_GLASS = reason(
    "break-glass-annotation",
    "whoever may annotate a deployment passes the admission controller",
    next="Set admissionControl.bypass to Disabled",
)

_EXPIRES: Final = "ztui.io/expires"
_SIGSTORE_OUT: Final = "policy.sigstore.dev/exclude"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_ENOUGH: Final = 2
_SERVICE: Final = "kubernetes.io/service-name"
_ENGINES: Final[tuple[Engine, ...]] = ("the API server", "Kyverno", "Gatekeeper")


@check(
    "ZT4-PAC-001",
    "An admission policy engine enforces and fails closed",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(*POLICIES, EndpointSlice),
    where_served=POLICIES_WHERE_SERVED,
    scope="all",
    recipes=("R-VAP-PACK", "R-VAP-ENFORCE"),
    maps=("CISA Gov", "CISA Apps", "800-53 CM-3", "800-53 CM-5", "800-53 CM-7(5)"),
)
def engine_enforces(view: View) -> Iterator[Finding]:
    """Something written as policy refuses changes in tenants' namespaces, and refuses them too when it does not answer.

    Why: advice is not a gate.
    How: who can make the webhook time out deploys what it would have refused.
    Rule: pass if an engine has a rule that refuses in a tenant's namespace, fails closed, and runs in the API server or with two
    replicas that answer; warn if the best one fails open or has fewer; fail if nothing refuses.
    Traps: an engine that fails closed and matches its own namespace cannot start again; a rule that audits refuses nothing, and
    so does one of an engine whose webhook is not registered; only rules that take everything of a namespace count. Rules of
    Gatekeeper are known by the kinds of its standard library; those of Advanced Cluster Security are kept by its Central.
    Source: admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy, spec.failurePolicy, spec.matchConstraints;
    admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding, spec.validationActions, spec.matchResources;
    admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration, webhooks[].failurePolicy, webhooks[].clientConfig.service;
    kyverno.io/v1 ClusterPolicy, Policy, spec.failurePolicy, spec.rules[].validate.failureAction, spec.validationFailureAction;
    policies.kyverno.io/v1 ValidatingPolicy, ImageValidatingPolicy, spec.validationActions, spec.failurePolicy;
    constraints.gatekeeper.sh/v1beta1 K8sRequiredLabels, spec.enforcementAction, spec.match; discovery.k8s.io/v1 EndpointSlice,
    endpoints[].conditions.ready.
    Verify: kubectl get validatingadmissionpolicybindings -o custom-columns=NAME:.metadata.name,ACTIONS:.spec.validationActions
    """
    tenants = frozenset(view.derive(tenancy.user_namespaces))
    found = [item for item in view.derive(rules) if item.namespaces & tenants]
    weak: Finding | None = None
    for engine in _ENGINES:
        mine = [item for item in found if item.engine == engine]
        if not mine:
            continue
        finding = _engine(view, engine, mine)
        if finding.reason is GATED:
            yield finding
            return
        weak = weak or finding
    yield weak or fail(cluster_ref(), NO_GATE)


@check(
    "ZT4-PAC-002",
    "Baseline controls cover every user namespace",
    severity="high",
    gate="R",
    grain="namespace",
    needs=COVERAGE,
    where_served=COVERAGE_WHERE_SERVED,
    beyond=(GatekeeperConfig,),
    ratio=Bands(pass_at=0.9, warn_at=0.6, any_fail=False),
    recipes=("R-VAP-PACK", "R-VAP-ENFORCE", "R-PSA"),
    maps=("800-53 CM-2", "800-53 CM-6", "800-53 CM-7"),
)
def baseline_covers(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each of the eight baseline controls is enforced in every namespace of a tenant.

    Why: gaps are where things deploy.
    How: what is refused in ten namespaces is deployed in the eleventh.
    Rule: enforced of all (namespaces by controls): pass from 90 %, warn from 60 %, fail below. b1 no privileged containers or
    host namespaces; b2 no root, no escalation, no capabilities; b3 allowed registries; b4 signature or digest; b5 limits; b6 no
    token of the default account; b7 owner labels; b8 a NetworkPolicy or TLS for every Ingress.
    Traps: the tight SCCs cover b1 and b2 only where no account may use another; a signature policy counts where it covers every
    image that runs; what refuses is read as in ZT4-PAC-001; a rule that nobody knows counts for nothing until its owner annotates
    it with ztui.io/control=b1,b2.
    Source: v1 Namespace, metadata.labels[pod-security.kubernetes.io/enforce]; security.openshift.io/v1
    SecurityContextConstraints, users, groups; config.openshift.io/v1 Image, spec.registrySources.allowedRegistries;
    config.openshift.io/v1 ClusterImagePolicy, spec.scopes.
    Verify: kubectl get ns -L pod-security.kubernetes.io/enforce; kubectl get clusterpolicies
    """
    found = view.derive(coverage, namespace.name)
    for control in CONTROLS:
        cover, title = found[control], TITLES[control]
        if cover.missing:
            because = PARTLY if cover.by else UNCOVERED
            yield fail(namespace, because, seen=[namespace], control=control, title=title, missing=", ".join(cover.missing))
        else:
            facts = [Evidence(namespace.ref, control, by) for by in cover.by]
            yield ok(namespace, COVERED, seen=facts, control=control, title=title, by=", ".join(cover.by))


@check(
    "ZT4-PAC-003",
    "Exemptions are bounded",
    severity="medium",
    gate="S",
    grain="both",
    needs=(Namespace,),
    where_served=(
        PolicyException,
        CELPolicyException,
        GatekeeperConfig,
        *CONSTRAINTS,
        ValidatingAdmissionPolicyBinding,
        SecuredCluster,
    ),
    recipes=("R-ANNOTATE",),
    maps=("800-53 CM-3", "800-53 PL-4"),
)
def exemptions_bounded(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """What is exempt from the rules is so for single objects, for a time, and somebody answers for it.

    Why: exceptions become the policy.
    How: the exemption that was made for one release two years ago is where the miner runs today.
    Rule: fail if a tenant's namespace is exempt as a whole without an end; warn if an exemption has no end or no owner, or if an
    annotation passes the admission controller; pass otherwise.
    Traps: an end that has passed is none; system namespaces may be left out. Conditions in expressions are not looked into, and
    exclusions of Advanced Cluster Security are kept by its Central.
    Source: kyverno.io/v2 PolicyException, spec.match; policies.kyverno.io/v1 PolicyException, spec.matchConditions,
    spec.expiresAt; config.gatekeeper.sh/v1alpha1 Config, spec.match[].excludedNamespaces;
    constraints.gatekeeper.sh/v1beta1 K8sRequiredLabels,
    spec.match.excludedNamespaces; admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding,
    spec.matchResources.namespaceSelector; platform.stackrox.io/v1alpha1 SecuredCluster, spec.admissionControl.bypass;
    v1 Namespace, metadata.labels.
    Verify: kubectl get policyexceptions -A; kubectl get ns -l admission.gatekeeper.sh/ignore
    """
    if namespace is None:
        yield from _of_cluster(view)
        return
    for label, out in ((IGNORE, None), (_SIGSTORE_OUT, "true")):
        if label in namespace.labels and out in {None, namespace.labels[label]}:
            fact = seen(namespace, f"metadata.labels[{label}]", namespace.labels[label])
            end = _end(view, namespace)
            found = warn if end else fail
            yield found(namespace, IGNORED, seen=[fact], label=label, until=_until(view, namespace, end))
    for exception in sorted(view.within(PolicyException, namespace.name), key=_name):
        broad = _is_broad(exception.spec.match)
        yield _exemption(view, exception, namespace.name, "spec.match", broad=broad, end=_end(view, exception))
    for newer in sorted(view.within(CELPolicyException, namespace.name), key=_name):
        spec = newer.spec
        expires = instant(spec.expires_at)
        end = expires if expires and expires > view.now else _end(view, newer)
        broad = not spec.match_conditions and not spec.images
        yield _exemption(view, newer, namespace.name, "spec.matchConditions", broad=broad, end=end)


def _engine(view: View, engine: Engine, found: list[Rule]) -> Finding:
    """How well an engine keeps the gate; the first rules are the evidence."""
    facts = [Evidence(item.on, "failurePolicy", "Fail" if item.closed else "Ignore") for item in found]
    closed = [item for item in found if item.closed]
    if not closed:
        return warn(cluster_ref(), FAILS_OPEN, seen=facts, engine=engine, count=len(found))
    if engine == "the API server":
        return ok(cluster_ref(), GATED, seen=facts, engine=engine, count=len(closed), how="inside the API server")
    ready = _answering(view, engine)
    if ready < _ENOUGH:
        return warn(cluster_ref(), ONE_REPLICA, seen=facts, engine=engine, count=len(closed), ready=ready)
    return ok(cluster_ref(), GATED, seen=facts, engine=engine, count=len(closed), how=f"with {ready} replicas that answer")


def _answering(view: View, engine: Engine) -> int:
    """How many replicas of an engine answer."""
    found = view.derive(hook, engine)
    target = found.service if found else None
    if target is None:
        return 0
    slices = [item for item in view.within(EndpointSlice, target.namespace) if item.labels.get(_SERVICE) == target.name]
    ready = {
        address
        for item in slices
        for endpoint in item.endpoints or ()
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses or ()
    }
    return len(ready)


def _of_cluster(view: View) -> Iterator[Finding]:
    """Exemptions that no namespace holds."""
    tenants = view.derive(tenancy.user_namespaces)
    for config in sorted(view.all(GatekeeperConfig), key=_name):
        for part in config.spec.match or ():
            if at_admission(part):
                yield from _left_out(view, config, part.excluded_namespaces, tenants, "spec.match[].excludedNamespaces")
    for kind in CONSTRAINTS:
        for constraint in sorted(view.all(kind), key=_name):
            if constraint.spec.denies:
                names = constraint.spec.match.excluded_namespaces
                yield from _left_out(view, constraint, names, tenants, "spec.match.excludedNamespaces")
    for binding in sorted(view.all(ValidatingAdmissionPolicyBinding), key=_name):
        where = binding.spec.match_resources
        if "Deny" in (binding.spec.validation_actions or ()) and where and where.namespace_selector:
            names = _not_in(where.namespace_selector)
            yield from _left_out(view, binding, names, tenants, "spec.matchResources.namespaceSelector", broad=False)
    for secured in sorted(view.all(SecuredCluster), key=_name):
        control = secured.spec.admission_control
        if control.bypass == "BreakGlassAnnotation":
            yield warn(secured, BREAK_GLASS, seen=[seen(secured, "spec.admissionControl.bypass", control.bypass)])


def _left_out(
    view: View, of: Kind, patterns: tuple[str, ...] | None, tenants: tuple[str, ...], path: str, *, broad: bool = True
) -> Iterator[Finding]:
    """The exemption of tenants' namespaces from a rule or an engine, one finding for each object that exempts."""
    names = [name for name in tenants if pattern_matches(patterns, name)]
    if names:
        yield _exemption(view, of, _some(names), path, broad=broad, end=_end(view, of))


def _exemption(view: View, of: Kind, what: str, path: str, *, broad: bool, end: datetime | None) -> Finding:
    fact = seen(of, path, what)
    owner = next(
        (of.labels.get(key) or of.annotations.get(key) for key in view.limits.owner_keys if key in {*of.labels, *of.annotations}),
        "",
    )
    if end is None:
        found, because = (fail, TOTAL) if broad else (warn, ENDLESS)
        return found(of, because, seen=[fact], what=what, until=_until(view, of, end))
    if not owner:
        return warn(of, NO_OWNER, seen=[fact], what=what)
    return ok(of, BOUNDED, seen=[fact], until=end.date().isoformat(), owner=owner)


def _end(view: View, of: Kind) -> datetime | None:
    """When an exemption ends by its annotation (a day or a time); ``None`` where it does not, or has already."""
    told = of.annotations.get(_EXPIRES, "")
    at = instant(told) or instant(f"{told}T00:00:00Z")
    return at if at is not None and at > view.now else None


def _until(view: View, of: Kind, end: datetime | None) -> str:
    if end is not None:
        return f"until {end.date().isoformat()}"
    return "and should have ended" if of.annotations.get(_EXPIRES) else "for ever"


def _is_broad(match: Match) -> bool:
    """Whether an exception takes everything: no name, label or person narrows it."""
    if match.any:
        return any(item.is_broad for item in match.any)
    if match.all:
        return all(item.is_broad for item in match.all)
    return MatchFilter(match.resources, match.subjects).is_broad


def _not_in(selector: Selector) -> tuple[str, ...]:
    """The names of namespaces that a selector leaves out."""
    return tuple(
        name
        for item in selector.match_expressions or ()
        if item.key == _NAME_LABEL and item.operator == "NotIn"
        for name in item.values or ()
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _name(of: Kind) -> str:
    return of.name
