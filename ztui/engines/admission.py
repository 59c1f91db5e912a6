"""Everything that looks at a request before it is stored: what each control does, where, and what becomes of requests without it.

One line of one object: levels of pod security, SCCs, policies of the API server, Kyverno and Gatekeeper, signatures of images,
other webhooks, and what is exempt. What refuses is read as in ``policies``: a rule counts where it takes everything of a
namespace and its engine is called at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from ztui.engines.controls import CONTROLS, COVERAGE, COVERAGE_WHERE_SERVED, parts_of
from ztui.engines.marks import gap_in
from ztui.engines.policies import CONSTRAINTS, IGNORE, Engine, at_admission, hook, pattern_matches, rules
from ztui.engines.sccs import SCCS, usable_names
from ztui.engines.signatures import INCLUDE, nested_under
from ztui.kinds.admission import (
    CELPolicyException,
    CELPolicySpec,
    ClusterImagePolicy,
    ClusterPolicy,
    GatekeeperConfig,
    ImagePolicy,
    ImageValidatingPolicy,
    NamespacedValidatingPolicy,
    Policy,
    PolicyException,
    SigstorePolicy,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingPolicy,
)
from ztui.kinds.base import Kind, Ref
from ztui.kinds.policy import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.workload import Namespace, Pod
from ztui.view import Gap, View, Why

ADMISSION: Final[tuple[type[Kind], ...]] = (*COVERAGE, MutatingWebhookConfiguration)
ADMISSION_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*COVERAGE_WHERE_SERVED, PolicyException, CELPolicyException)

Mode = Literal["enforce", "warn", "audit", "off", "exempt", "usable", "asked", "unknown"]
"""What a control does with a request; an SCC is ``usable`` by accounts of namespaces, a webhook of its own is ``asked``; whether
an engine is asked at all may be ``unknown``."""
_LEVEL: Final = "pod-security.kubernetes.io/"
_SCC: Final = "openshift.io/scc"
_KYVERNO: Final[tuple[type[Kind], ...]] = (
    ClusterPolicy,
    Policy,
    ValidatingPolicy,
    NamespacedValidatingPolicy,
    ImageValidatingPolicy,
)
SOURCES: Final[tuple[tuple[str, tuple[type[Kind], ...]], ...]] = (
    ("pod security", (Namespace,)),
    ("SCC", (SecurityContextConstraints,)),
    ("API server", (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)),
    ("Kyverno", (*_KYVERNO, PolicyException, CELPolicyException)),
    ("Gatekeeper", (*CONSTRAINTS, GatekeeperConfig)),
    ("signatures", (ClusterImagePolicy, ImagePolicy, SigstorePolicy)),
    ("webhook", (ValidatingWebhookConfiguration, MutatingWebhookConfiguration)),
)
"""What each engine's lines are made of."""
_ALSO: Final[dict[str, tuple[type[Kind], ...]]] = {
    "SCC": (Pod, *SCCS),
    "API server": (Namespace,),
    "Kyverno": (ValidatingWebhookConfiguration, Namespace),
    "Gatekeeper": (ValidatingWebhookConfiguration, Namespace),
    "signatures": (Namespace,),
}
"""What is read besides, where the engine is there at all."""


class Control(msgspec.Struct, frozen=True):
    """One control. ``namespaces`` are those of which it takes everything, ``parts`` the baseline controls that it is about.

    ``closed`` says whether requests are refused when it does not answer, where that can happen at all; ``violations`` is what its
    engine counted, ``note`` says what makes it less than it looks.
    """

    engine: str
    on: Ref
    mode: Mode
    namespaces: tuple[str, ...] = ()
    title: str = ""
    parts: tuple[str, ...] = ()
    closed: bool | None = None
    violations: int | None = None
    note: str = ""


def controls(view: View) -> tuple[Control, ...]:
    """Every control of the cluster, engine by engine."""
    found = _Refusing(view)
    return (
        *_levels(view),
        *_sccs(view),
        *_built_in(view, found),
        *_kyverno(view, found),
        *_gatekeeper(view, found),
        *_signatures(view, found),
        *_webhooks(view),
    )


def unseen(view: View) -> Iterator[tuple[str, str, Gap]]:
    """Engine, kind and gap of what could not be read; an engine that is not served at all has the gap of its first kind."""
    for engine, kinds in SOURCES:
        gaps = [(kind.PLURAL, gap) for kind in kinds if (gap := view.gap(kind)) is not None]
        if len(gaps) == len(kinds) and all(gap.why is Why.ABSENT for _, gap in gaps):
            yield engine, *gaps[0]
            continue
        gaps += [(kind.PLURAL, gap) for kind in _ALSO.get(engine, ()) if (gap := view.gap(kind)) is not None]
        yield from ((engine, name, gap) for name, gap in gaps if gap.why is not Why.ABSENT)


class _Unasked(msgspec.Struct, frozen=True):
    """An engine that nobody asks, as far as is known."""

    mode: Mode
    note: str


class _Refusing:
    """What refuses, by the object that says so."""

    def __init__(self, view: View) -> None:
        self.namespaces: defaultdict[Ref, set[str]] = defaultdict(set)
        self.parts: defaultdict[Ref, set[str]] = defaultdict(set)
        self.closed: dict[Ref, bool] = {}
        for rule in view.derive(rules):
            self.namespaces[rule.on] |= rule.namespaces
            self.closed[rule.on] = rule.closed
            about = parts_of(rule)
            self.parts[rule.on] |= {control for control, parts in CONTROLS.items() if parts & about}

    def control(self, engine: str, of: Kind, declared: Mode, note: str = "", violations: int | None = None) -> Control:
        """The control of an object: what it declares, and where it really refuses."""
        names = tuple(sorted(self.namespaces.get(of.ref, ())))
        mode: Mode = "enforce" if names else declared
        if declared == "enforce" and not names and not note:
            note = "it takes only some objects, or no namespace that is here"
        parts = tuple(sorted(self.parts.get(of.ref, ())))
        return Control(engine, of.ref, mode, names, "", parts, self.closed.get(of.ref), violations, note)


def _levels(view: View) -> Iterator[Control]:
    """Namespaces by the level of pod security that each mode has there."""
    by_level: defaultdict[tuple[str, str], list[Namespace]] = defaultdict(list)
    for space in sorted(view.all(Namespace), key=_name):
        for mode in ("enforce", "warn", "audit"):
            if level := space.labels.get(f"{_LEVEL}{mode}"):
                by_level[mode, level].append(space)
    modes: dict[str, Mode] = {"enforce": "enforce", "warn": "warn", "audit": "audit"}
    for (mode, level), spaces in sorted(by_level.items(), key=lambda item: (list(modes).index(item[0][0]), item[0][1])):
        parts = {"baseline": ("b1",), "restricted": ("b1", "b2")}.get(level, ())
        names = tuple(space.name for space in spaces)
        if level != "privileged":
            yield Control("pod security", spaces[0].ref, modes[mode], names, f"level {level}", parts)
        elif mode == "enforce":
            yield Control("pod security", spaces[0].ref, "off", names, f"level {level}", note="this level refuses nothing")


def _sccs(view: View) -> Iterator[Control]:
    """SCCs that live pods run under, or that accounts of a namespace may use."""
    used: defaultdict[str, list[Pod]] = defaultdict(list)
    for pod in view.all(Pod):
        if pod.is_live and (name := pod.annotations.get(_SCC)):
            used[name].append(pod)
    may: defaultdict[str, set[str]] = defaultdict(set)
    if view.gap(SecurityContextConstraints) is None:
        for space in view.all(Namespace):
            for name in view.derive(usable_names, space.name):
                may[name].add(space.name)
    for scc in sorted(view.all(SecurityContextConstraints), key=_name):
        names = tuple(sorted(may.get(scc.name, ())))
        if not names and scc.name not in used:
            continue
        where = {pod.namespace for pod in used[scc.name]}
        title = f"{len(used[scc.name])} pods in {len(where)} namespaces run under it"
        note = f"lets pods out to their node by {scc.reaches_node}" if scc.reaches_node else ""
        yield Control("SCC", scc.ref, "usable", names, title, note=note)


def _built_in(view: View, found: _Refusing) -> Iterator[Control]:
    for binding in sorted(view.all(ValidatingAdmissionPolicyBinding), key=_name):
        actions = binding.spec.validation_actions or ()
        policy = view.get(ValidatingAdmissionPolicy, binding.spec.policy_name)
        declared: Mode = (
            "enforce" if "Deny" in actions else "warn" if "Warn" in actions else "audit" if "Audit" in actions else "off"
        )
        if policy is None and view.gap(ValidatingAdmissionPolicy) is not None:
            yield found.control("API server", binding, "unknown", f"its policy {binding.spec.policy_name} could not be read")
        elif policy is None:
            yield found.control("API server", binding, "off", f"its policy {binding.spec.policy_name} is not there")
        else:
            yield found.control("API server", binding, declared)
    blind = view.gap(ValidatingAdmissionPolicyBinding) is not None
    bound = {item.spec.policy_name for item in view.all(ValidatingAdmissionPolicyBinding)}
    for policy in sorted(view.all(ValidatingAdmissionPolicy), key=_name):
        if policy.name not in bound and blind:
            yield found.control("API server", policy, "unknown", "whether a binding puts it in force could not be read")
        elif policy.name not in bound:
            yield found.control("API server", policy, "off", "no binding puts it in force")


def _kyverno(view: View, found: _Refusing) -> Iterator[Control]:
    off = _unasked(view, "Kyverno")
    policies: list[ClusterPolicy | Policy] = [*view.all(ClusterPolicy), *view.all(Policy)]
    for policy in sorted(policies, key=_name):
        spec = policy.spec
        actions = {spec.validation_failure_action.lower()}
        for rule in spec.rules or ():
            actions.add((rule.validate.failure_action if rule.validate else "").lower())
            actions.update(item.failure_action.lower() for item in rule.verify_images or ())
        declared: Mode = "enforce" if "enforce" in actions else "audit"
        if not spec.admission:
            yield found.control("Kyverno", policy, "off", "it looks at stored objects only")
        else:
            yield found.control("Kyverno", policy, off.mode if off else declared, off.note if off else "")
    newer: list[ValidatingPolicy | NamespacedValidatingPolicy | ImageValidatingPolicy] = [
        *view.all(ValidatingPolicy),
        *view.all(NamespacedValidatingPolicy),
        *view.all(ImageValidatingPolicy),
    ]
    for item in sorted(newer, key=_name):
        yield found.control("Kyverno", item, off.mode if off else _newer_mode(item.spec), off.note if off else "")
    exceptions: list[PolicyException | CELPolicyException] = [*view.all(PolicyException), *view.all(CELPolicyException)]
    for exception in sorted(exceptions, key=_name):
        yield Control("Kyverno", exception.ref, "exempt", (exception.namespace,), "an exception from policies")


def _newer_mode(spec: CELPolicySpec) -> Mode:
    actions = spec.validation_actions or ("Deny",)
    if spec.evaluation and not spec.evaluation.admission.enabled:
        return "off"
    return "enforce" if "Deny" in actions else "warn" if "Warn" in actions else "audit"


def _gatekeeper(view: View, found: _Refusing) -> Iterator[Control]:
    off = _unasked(view, "Gatekeeper")
    modes: dict[str, Mode] = {"deny": "enforce", "warn": "warn", "dryrun": "audit"}
    for kind in CONSTRAINTS:
        for constraint in sorted(view.all(kind), key=_name):
            spec = constraint.spec
            declared: Mode = "enforce" if spec.denies else modes.get(spec.enforcement_action, "audit")
            count = constraint.status.total_violations
            yield found.control("Gatekeeper", constraint, off.mode if off else declared, off.note if off else "", count)
    spaces = sorted(view.all(Namespace), key=_name)
    for config in view.all(GatekeeperConfig):
        for part in config.spec.match or ():
            names = tuple(item.name for item in spaces if pattern_matches(part.excluded_namespaces, item.name))
            if at_admission(part) and names:
                yield Control("Gatekeeper", config.ref, "exempt", names, "namespaces that it leaves alone")
    for space in spaces:
        if IGNORE in space.labels:
            yield Control("Gatekeeper", space.ref, "exempt", (space.name,), f"the label {IGNORE}")


def _signatures(view: View, found: _Refusing) -> Iterator[Control]:
    for policy in sorted(view.all(ClusterImagePolicy), key=_name):
        title = f"images below {_some(policy.spec.scopes)}"
        yield Control("signatures", policy.ref, "enforce", _all(view), title, ("b4",))
    blind = gap_in(view, (ClusterImagePolicy,), "") is not None
    for own in sorted(view.all(ImagePolicy), key=_name):
        above = next((ref for scope in own.spec.scopes or () if (ref := nested_under(view, scope))), None)
        counts: Mode = "off" if above else "unknown" if blind else "enforce"
        unsure = "a policy of the whole cluster may stand above it, and not all could be read" if blind else ""
        note = f"nodes ignore what lies below {above}" if above else unsure
        title = f"images below {_some(own.spec.scopes)}"
        yield Control("signatures", own.ref, counts, (own.namespace,), title, ("b4",), note=note)
    hidden = view.gap(Namespace) is not None
    for sigstore in sorted(view.all(SigstorePolicy), key=_name):
        names = tuple(sorted(item.name for item in view.all(Namespace) if item.labels.get(INCLUDE) == "true"))
        authorities = sigstore.spec.authorities or ()
        asks = any(item.static is None or item.static.action == "fail" for item in authorities)
        mode: Mode = "warn" if sigstore.spec.mode == "warn" else "enforce" if asks and names else "off"
        note = "" if names else f"no namespace has the label {INCLUDE}"
        if mode == "off" and asks and hidden:
            mode, note = "unknown", f"which namespaces have the label {INCLUDE} could not be read"
        title = f"images like {_some(tuple(item.glob for item in sigstore.spec.images or () if item.glob))}"
        yield Control("signatures", sigstore.ref, mode, names, title, ("b4",), note=note if asks else "it lets everything pass")


def _webhooks(view: View) -> Iterator[Control]:
    configs: list[ValidatingWebhookConfiguration | MutatingWebhookConfiguration] = [
        *view.all(ValidatingWebhookConfiguration),
        *view.all(MutatingWebhookConfiguration),
    ]
    for config in sorted(configs, key=lambda item: (item.name, item.KIND)):
        hooks = config.webhooks or ()
        if not hooks:
            continue
        closed = all(item.failure_policy == "Fail" for item in hooks)
        services = sorted({f"{at.namespace}/{at.name}" for item in hooks if (at := item.client_config.service)})
        title = f"{len(hooks)} hooks, answered by {_some(services) if services else 'an address outside'}"
        changes = "it may change requests" if config.KIND.startswith("Mutating") else ""
        yield Control("webhook", config.ref, "asked", (), title, closed=closed, note=changes)


def _unasked(view: View, engine: Engine) -> _Unasked | None:
    """Why policies of an engine are only words, or may be; ``None`` where it is asked."""
    if view.derive(hook, engine) is not None:
        return None
    if view.gap(ValidatingWebhookConfiguration) is not None:
        return _Unasked("unknown", "whether anybody asks its engine is unknown: not all webhooks could be read")
    return _Unasked("off", f"no webhook of {engine} is registered: nobody asks it")


def _all(view: View) -> tuple[str, ...]:
    return tuple(sorted(item.name for item in view.all(Namespace)))


def _some(names: Iterable[str] | None) -> str:
    found = list(names or ())
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "") or "nothing"


def _name(of: Kind) -> tuple[str, str]:
    return of.namespace, of.name
