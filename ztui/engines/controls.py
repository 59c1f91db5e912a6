"""Which of the eight baseline controls something enforces in a namespace, and what.

A control has one part or several; it is enforced where each of its parts is. What a rule is about is told by its kind (pod
security levels, Gatekeeper's standard library), by the title of a policy library, or by its owner's word; a rule that none of
these knows counts for no control.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.engines.policies import Rule, rules
from ztui.engines.sccs import SCCS, SCCS_WHERE_SERVED, usable_names
from ztui.engines.signatures import IMAGES, IMAGES_WHERE_SERVED, is_pinned, verified_by
from ztui.kinds.admission import ImageConfig
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

CONTROLS: Final[dict[str, frozenset[str]]] = {
    "b1": frozenset({"privileged", "host-namespaces"}),
    "b2": frozenset({"non-root", "no-escalation", "drop-all"}),
    "b3": frozenset({"registries"}),
    "b4": frozenset({"signed"}),
    "b5": frozenset({"limits"}),
    "b6": frozenset({"automount"}),
    "b7": frozenset({"labels"}),
    "b8": frozenset({"network"}),
}
"""The controls by id, and the parts that each is made of."""

TITLES: Final[dict[str, str]] = {
    "b1": "no privileged containers or host namespaces",
    "b2": "no root, no escalation, no capabilities",
    "b3": "images of allowed registries only",
    "b4": "images by signature or digest only",
    "b5": "resource limits",
    "b6": "no token of the default account",
    "b7": "owner labels",
    "b8": "a NetworkPolicy, or TLS for every Ingress",
}

COVERAGE: Final[tuple[type[Kind], ...]] = (*IMAGES, *SCCS, Pod)
COVERAGE_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*IMAGES_WHERE_SERVED, *SCCS_WHERE_SERVED, ImageConfig)

_OWNERS_WORD: Final = "ztui.io/control"
_TITLE: Final = "policies.kyverno.io/title"
_BY_KIND: Final[dict[str, frozenset[str]]] = {
    "K8sPSPPrivilegedContainer": frozenset({"privileged"}),
    "K8sPSPHostNamespace": frozenset({"host-namespaces"}),
    "K8sPSPAllowedUsers": frozenset({"non-root"}),
    "K8sPSPAllowPrivilegeEscalationContainer": frozenset({"no-escalation"}),
    "K8sPSPCapabilities": frozenset({"drop-all"}),
    "K8sAllowedRepos": frozenset({"registries"}),
    "K8sImageDigests": frozenset({"signed"}),
    "K8sContainerLimits": frozenset({"limits"}),
    "K8sRequiredResources": frozenset({"limits"}),
    "K8sPSPAutomountServiceAccountTokenPod": frozenset({"automount"}),
    "K8sRequiredLabels": frozenset({"labels"}),
    "K8sHttpsOnly": frozenset({"network"}),
}
# Titles of Kyverno's own library (annotation policies.kyverno.io/title), in lower case.
_BY_TITLE: Final[dict[str, frozenset[str]]] = {
    "disallow privileged containers": frozenset({"privileged"}),
    "disallow host namespaces": frozenset({"host-namespaces"}),
    "require runasnonroot": frozenset({"non-root"}),
    "require run as non-root user": frozenset({"non-root"}),
    "disallow privilege escalation": frozenset({"no-escalation"}),
    "disallow capabilities (strict)": frozenset({"drop-all"}),
    "drop all capabilities": frozenset({"drop-all"}),
    "restrict image registries": frozenset({"registries"}),
    "require images use checksums": frozenset({"signed"}),
    "require limits and requests": frozenset({"limits"}),
    "restrict auto-mount of service account tokens": frozenset({"automount"}),
    "require labels": frozenset({"labels"}),
    "require networkpolicy": frozenset({"network"}),
}
_LEVELS: Final[dict[str, frozenset[str]]] = {
    "baseline": CONTROLS["b1"],
    "restricted": CONTROLS["b1"] | CONTROLS["b2"],
}
_ENFORCE: Final = "pod-security.kubernetes.io/enforce"
_TIGHT_SCCS: Final = frozenset({"restricted-v2", "restricted-v3"})


class Cover(msgspec.Struct, frozen=True):
    """What enforces the parts of a control in a namespace; the parts that nothing enforces."""

    by: tuple[str, ...]
    missing: tuple[str, ...]


def coverage(view: View, namespace: str) -> dict[str, Cover]:
    """Control -> what enforces it in the namespace, and what is missing; every control is there."""
    by_part: dict[str, str] = {}
    for by, parts in _enforced(view, namespace):
        for part in parts:
            by_part.setdefault(part, by)
    return {
        control: Cover(
            tuple(dict.fromkeys(by_part[part] for part in sorted(parts) if part in by_part)),
            tuple(part for part in sorted(parts) if part not in by_part),
        )
        for control, parts in CONTROLS.items()
    }


def parts_of(rule: Rule) -> frozenset[str]:
    """The parts of controls that a rule is about."""
    notes = dict(rule.notes)
    found = _BY_KIND.get(rule.on.kind, frozenset()) | _LEVELS.get(rule.level, frozenset())
    found |= _BY_TITLE.get(notes.get(_TITLE, "").strip().lower(), frozenset())
    for word in notes.get(_OWNERS_WORD, "").split(","):
        found |= CONTROLS.get(word.strip(), frozenset())
    return found


def _enforced(view: View, namespace: str) -> Iterator[tuple[str, frozenset[str]]]:
    """What enforces parts of controls in the namespace, the platform's own means first."""
    space = view.get(Namespace, namespace)
    level = space.labels.get(_ENFORCE, "") if space else ""
    if level in _LEVELS:
        yield f"pod security {level}", _LEVELS[level]
    usable = view.derive(usable_names, namespace)
    if usable and usable <= _TIGHT_SCCS:
        yield f"SCC {min(usable)}", _LEVELS["restricted"]
    config = view.get(ImageConfig, "cluster")
    if config is not None and config.spec.registry_sources.allowed_registries:
        yield "image/cluster", CONTROLS["b3"]
    for rule in view.derive(rules):
        if namespace in rule.namespaces and (parts := parts_of(rule)):
            yield str(rule.on), parts
    if (signed := view.derive(_all_verified, namespace)) is not None:
        yield str(signed), CONTROLS["b4"]


def _all_verified(view: View, namespace: str) -> Ref | None:
    """What verifies the images of a namespace, where something verifies each one that runs there or comes by its digest."""
    images = {item.image for pod in view.within(Pod, namespace) if pod.is_live for item in pod.containers}
    verifiers = {image: verified_by(view, namespace, image) for image in sorted(images)}
    if not images or any(found is None and not is_pinned(image) for image, found in verifiers.items()):
        return None
    return next((found for found in verifiers.values() if found is not None), None)
