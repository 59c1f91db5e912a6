"""Which policy as code refuses requests, in which namespaces, and what becomes of requests when its engine does not answer.

Source: Kubernetes' ValidatingAdmissionPolicy, Kyverno's rules (any before all, rule before policy, overrides by namespace),
Gatekeeper's constraints and Config. A policy counts only where it takes everything of a namespace, and only while a webhook of
its engine is registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

from ztui.kinds.admission import (
    ActionOverride,
    AllowedRepos,
    AllowedUsers,
    AutomountToken,
    CapabilitiesConstraint,
    ClusterPolicy,
    Constraint,
    ContainerLimits,
    ExcludedNamespaces,
    GatekeeperConfig,
    HostNamespace,
    HttpsOnly,
    ImageDigests,
    ImageValidatingPolicy,
    KyvernoRule,
    KyvernoSpec,
    Match,
    MatchFilter,
    MatchResources,
    NamespacedValidatingPolicy,
    Policy,
    PrivilegedContainer,
    PrivilegeEscalation,
    RequiredLabels,
    RequiredResources,
    ResourceFilter,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingPolicy,
)
from ztui.kinds.base import Kind, Ref, matches
from ztui.kinds.policy import ServiceTarget, ValidatingWebhookConfiguration
from ztui.kinds.workload import Namespace
from ztui.view import View

CONSTRAINTS: Final[tuple[type[Constraint], ...]] = (
    PrivilegedContainer,
    HostNamespace,
    AllowedUsers,
    PrivilegeEscalation,
    CapabilitiesConstraint,
    AllowedRepos,
    ImageDigests,
    ContainerLimits,
    RequiredResources,
    AutomountToken,
    RequiredLabels,
    HttpsOnly,
)
POLICIES: Final[tuple[type[Kind], ...]] = (Namespace, ValidatingWebhookConfiguration)
POLICIES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ClusterPolicy,
    Policy,
    ValidatingPolicy,
    NamespacedValidatingPolicy,
    ImageValidatingPolicy,
    GatekeeperConfig,
    *CONSTRAINTS,
)

Engine = Literal["the API server", "Kyverno", "Gatekeeper"]
Firmness = Literal["enforce", "warn", "audit"]
"""What a rule does with what breaks it: refuse it, tell who asks, or only write it down."""
IGNORE: Final = "admission.gatekeeper.sh/ignore"
_HOOKS: Final[dict[Engine, str]] = {"Kyverno": ".kyverno.svc", "Gatekeeper": "validation.gatekeeper.sh"}
_WHOLE: Final = MatchResources()


class Rule(msgspec.Struct, frozen=True):
    """One rule: of which object and engine, what it is known by, where it applies, whether it fails closed, how firm it is.

    ``notes`` holds its annotations, ``level`` the level of pod security that it checks, ``images`` the patterns of images that
    it verifies and those that it skips.
    """

    on: Ref
    engine: Engine
    namespaces: frozenset[str]
    closed: bool
    notes: tuple[tuple[str, str], ...] = ()
    level: str = ""
    images: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    firmness: Firmness = "enforce"


class Hook(msgspec.Struct, frozen=True):
    """How an engine is called: by which configuration, which service, and what happens when it does not answer."""

    service: ServiceTarget | None
    closed: bool
    by: Ref


def rules(view: View) -> tuple[Rule, ...]:
    """Every rule that refuses requests somewhere, by object."""
    return tuple(item for item in view.derive(_all_rules) if item.firmness == "enforce")


def soft_rules(view: View) -> tuple[Rule, ...]:
    """Every rule that only warns, or only writes down what it would refuse, by object."""
    return tuple(item for item in view.derive(_all_rules) if item.firmness != "enforce")


def _all_rules(view: View) -> tuple[Rule, ...]:
    spaces = tuple(sorted(view.all(Namespace), key=lambda item: item.name))
    found = [*_built_in(view, spaces)]
    if view.derive(hook, "Kyverno") is not None:
        found += [*_kyverno(view, spaces), *_kyverno_newer(view, spaces)]
    if (gate := view.derive(hook, "Gatekeeper")) is not None:
        found += _gatekeeper(view, spaces, closed=gate.closed)
    return tuple(sorted((item for item in found if item.namespaces), key=lambda item: item.on))


def hook(view: View, engine: Engine) -> Hook | None:
    """The webhook that calls an engine; ``None`` where none is registered, so that its policies are only words."""
    part = _HOOKS[engine]
    configs = sorted(view.all(ValidatingWebhookConfiguration), key=lambda item: item.name)
    told = [(config.ref, item) for config in configs for item in config.webhooks or () if part in item.name]
    if not told:
        return None
    found = [item for _, item in told]
    service = next((item.client_config.service for item in found if item.client_config.service), None)
    return Hook(service, any(item.failure_policy == "Fail" for item in found), told[0][0])


def pattern_matches(patterns: Iterable[str] | None, name: str) -> bool:
    """Whether any pattern, with ``*`` and ``?``, takes the name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns or ())


def _built_in(view: View, spaces: tuple[Namespace, ...]) -> Iterator[Rule]:
    for binding in view.all(ValidatingAdmissionPolicyBinding):
        policy = view.get(ValidatingAdmissionPolicy, binding.spec.policy_name)
        firmness = _firmness(binding.spec.validation_actions or ())
        if policy is None or firmness is None or not policy.spec.validations:
            continue
        names = _selected(policy.spec.match_constraints, spaces) & _selected(binding.spec.match_resources, spaces)
        notes = (*_notes(policy), *_notes(binding))
        closed = policy.spec.failure_policy == "Fail"
        yield Rule(binding.ref, "the API server", names, closed, notes, firmness=firmness)


def _firmness(actions: Iterable[str]) -> Firmness | None:
    """The firmest of the actions of a policy in CEL; ``None`` where it does nothing."""
    found: tuple[tuple[str, Firmness], ...] = (("Deny", "enforce"), ("Warn", "warn"), ("Audit", "audit"))
    return next((firmness for action, firmness in found if action in actions), None)


def _selected(where: MatchResources | None, spaces: Iterable[Namespace]) -> frozenset[str]:
    """The namespaces of which everything is taken: none where labels of objects choose."""
    told = where or _WHOLE
    if told.object_selector and (told.object_selector.match_labels or told.object_selector.match_expressions):
        return frozenset()
    chosen = told.namespace_selector
    return frozenset(item.name for item in spaces if chosen is None or matches(chosen, item.labels))


def _kyverno(view: View, spaces: tuple[Namespace, ...]) -> Iterator[Rule]:
    policies: list[ClusterPolicy | Policy] = [*view.all(ClusterPolicy), *view.all(Policy)]
    for policy in policies:
        if not policy.spec.admission:
            continue
        mine = spaces if policy.KIND == "ClusterPolicy" else tuple(item for item in spaces if item.name == policy.namespace)
        for rule in policy.spec.rules or ():
            yield from _kyverno_rule(policy, rule, mine)


def _kyverno_rule(policy: ClusterPolicy | Policy, rule: KyvernoRule, spaces: tuple[Namespace, ...]) -> Iterator[Rule]:
    """A rule as one that validates, and as one for each way in which it verifies images."""
    spec = policy.spec
    taken = [item for item in spaces if _takes(rule.match, item) and not (rule.exclude and _takes(rule.exclude, item))]
    settings = spec.webhook_configuration
    closed = ((settings.failure_policy if settings else "") or spec.failure_policy or "Fail") == "Fail"
    if rule.validate is not None:
        names = frozenset(item.name for item in taken if _action(spec, rule, item) == "enforce")
        rest = frozenset(item.name for item in taken) - names
        pod = rule.validate.pod_security
        level = pod.level if pod and not pod.exclude else ""
        yield Rule(policy.ref, "Kyverno", names, closed, _notes(policy), level)
        yield Rule(policy.ref, "Kyverno", rest, closed, _notes(policy), level, firmness="audit")
    for verified in rule.verify_images or ():
        action = (verified.failure_action or spec.validation_failure_action).lower()
        if verified.required and action == "enforce":
            patterns = verified.image_references or ((verified.image,) if verified.image else ())
            names = frozenset(item.name for item in taken)
            skipped = verified.skip_image_references or ()
            yield Rule(policy.ref, "Kyverno", names, closed, images=patterns, skipped=skipped)


def _action(spec: KyvernoSpec, rule: KyvernoRule, namespace: Namespace) -> str:
    """What a violation of a rule leads to in a namespace, in lower case; what a rule says comes before what its policy says."""
    told = rule.validate
    own = told.failure_action if told else ""
    overrides = (told.failure_action_overrides if told else None) or (() if own else spec.validation_failure_action_overrides)
    other = next((item.action for item in overrides or () if _overrides(item, namespace)), "")
    return (other or own or spec.validation_failure_action).lower()


def _overrides(override: ActionOverride, namespace: Namespace) -> bool:
    if override.namespaces and not pattern_matches(override.namespaces, namespace.name):
        return False
    return override.namespace_selector is None or matches(override.namespace_selector, namespace.labels)


def _takes(match: Match, namespace: Namespace) -> bool:
    """Whether a match takes everything of a namespace that it is about; an empty one takes nothing."""
    if match.any:
        return any(_filter_takes(item, namespace) for item in match.any)
    if match.all:
        return all(_filter_takes(item, namespace) for item in match.all)
    return match.resources is not None and _filter_takes(MatchFilter(match.resources, match.subjects), namespace)


def _filter_takes(told: MatchFilter, namespace: Namespace) -> bool:
    found = told.resources or ResourceFilter()
    if not told.is_broad or (found.namespaces and not pattern_matches(found.namespaces, namespace.name)):
        return False
    return found.namespace_selector is None or matches(found.namespace_selector, namespace.labels)


def _kyverno_newer(view: View, spaces: tuple[Namespace, ...]) -> Iterator[Rule]:
    """Rules of the newer policies: denied unless they say otherwise."""
    policies: list[ValidatingPolicy | NamespacedValidatingPolicy | ImageValidatingPolicy] = [
        *view.all(ValidatingPolicy),
        *view.all(NamespacedValidatingPolicy),
        *view.all(ImageValidatingPolicy),
    ]
    for policy in policies:
        spec = policy.spec
        firmness = _firmness(spec.validation_actions or ("Deny",))
        if firmness is None or (spec.evaluation and not spec.evaluation.admission.enabled):
            continue
        mine = [item for item in spaces if not policy.namespace or item.name == policy.namespace]
        names = _selected(spec.match_constraints, mine)
        images = tuple(item.glob for item in spec.match_image_references or () if item.glob)
        closed = spec.failure_policy == "Fail"
        if policy.KIND == "ImageValidatingPolicy":
            yield Rule(policy.ref, "Kyverno", names, closed, images=images, firmness=firmness)
        else:
            yield Rule(policy.ref, "Kyverno", names, closed, _notes(policy), firmness=firmness)


def _gatekeeper(view: View, spaces: tuple[Namespace, ...], *, closed: bool) -> Iterator[Rule]:
    """Constraints of the standard library; kinds that other templates make are not known."""
    left_alone = [part for config in view.all(GatekeeperConfig) for part in config.spec.match or () if at_admission(part)]
    for kind in CONSTRAINTS:
        for constraint in view.all(kind):
            where = constraint.spec.match
            labels = where.label_selector
            if where.name or (labels and (labels.match_labels or labels.match_expressions)):
                continue
            names = frozenset(
                item.name
                for item in spaces
                if IGNORE not in item.labels
                and not any(pattern_matches(part.excluded_namespaces, item.name) for part in left_alone)
                and not pattern_matches(where.excluded_namespaces, item.name)
                and (not where.namespaces or pattern_matches(where.namespaces, item.name))
                and (where.namespace_selector is None or matches(where.namespace_selector, item.labels))
            )
            softer: Firmness = "warn" if constraint.spec.enforcement_action == "warn" else "audit"
            firmness: Firmness = "enforce" if constraint.spec.denies else softer
            yield Rule(constraint.ref, "Gatekeeper", names, closed, _notes(constraint), firmness=firmness)


def at_admission(part: ExcludedNamespaces) -> bool:
    """Whether an exclusion of Gatekeeper is about requests."""
    return bool({"*", "webhook"} & set(part.processes or ()))


def _notes(of: Kind) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in of.annotations.items() if key in KNOWN_BY)


KNOWN_BY: Final = ("policies.kyverno.io/title", "ztui.io/control")
"""Annotations by which a rule tells what it is about: the title of a policy library, and an owner's word."""
