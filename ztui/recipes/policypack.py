"""The eight baseline controls as policies of the API server: first they warn and are written down, then they refuse.

Source: admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy and its Binding; CEL of Kubernetes. Only pods that are made are
looked at, so nothing that runs is stopped, and nobody is kept from changing what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines import tenancy, units
from ztui.engines.controls import CONTROLS, TITLES
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, root_of
from ztui.kinds.admission import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding
from ztui.kinds.base import Kind, Ref
from ztui.kinds.network import Ingress
from ztui.kinds.workload import Container, Namespace, Pod
from ztui.recipes.base import Draft, Note, Stop, applied, as_wanted, made, note, recipe, refused
from ztui.recipes.imageblock import NOT_SERVED
from ztui.view import View

WHERE: Final = Reason("pack-where", "in every namespace but {count} of the platform and of what is installed in it")
WARNS: Final = Reason("pack-warns", "nothing is refused: who makes what breaks a control is warned, and the audit log keeps it")
BREAKS: Final = Reason("pack-breaks", "{control} {title}: {count} that run would not start again, {first} first")
REGISTRIES: Final = Reason("pack-registries", "images of these registries are allowed, as pods use them now: {names}")
NOTHING_BOUND: Final = Reason("pack-missing", "the policies are not there yet: R-VAP-PACK makes them, to warn at first")
TOO_NEW: Final = Reason("pack-too-new", "the policies warn for {hours} hours: a day shows who deploys what breaks them")
WOULD_REFUSE: Final = Reason("pack-refuses", "{count} that run break a control, and would be refused when they start again")
REFUSES: Final = Reason("pack-enforces", "what breaks one of the {count} controls is refused from then on, when it is made")

CONTROL: Final = "ztui.io/control"
DAY: Final = timedelta(hours=24)
_NAME: Final = "kubernetes.io/metadata.name"
_SHORT: Final = "short names"
_TOKEN: Final = "kube-api-access-"  # noqa: S105  the name that the API server gives to the volume
READS: Final[tuple[type[Kind], ...]] = (
    *WORKLOADS,
    *WORKLOADS_WHERE_SERVED,
    Namespace,
    Ingress,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
)

Body = dict[str, Any]


def name_of(control: str) -> str:
    """The name of a control's policy and of its binding."""
    return f"ztui-{control}"


def _bindings(view: View) -> list[ValidatingAdmissionPolicyBinding]:
    found = (view.get(ValidatingAdmissionPolicyBinding, name_of(control)) for control in CONTROLS)
    return [item for item in found if item is not None]


def _warns(view: View, ref: Ref, was: View) -> bool:
    """Whether every policy is there and bound, and its expressions mean what they say."""
    del ref, was
    policies = [view.get(ValidatingAdmissionPolicy, name_of(control)) for control in CONTROLS]
    sound = all(item is not None and not item.type_warnings for item in policies)
    return sound and len(_bindings(view)) == len(CONTROLS)


def _refuses(view: View, ref: Ref, was: View) -> bool:
    return _warns(view, ref, was) and all("Deny" in (item.spec.validation_actions or ()) for item in _bindings(view))


@recipe(
    "R-VAP-PACK",
    "Warn of what breaks the baseline controls",
    risk_class="safe",
    on=("Cluster", Namespace),
    writes=(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding),
    makes=(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding),
    reads=READS,
    verify_s=30.0,
    done=_warns,
)
def pack(view: View, ref: Ref) -> Draft:
    """A policy and a binding for each control, for every namespace that is not the platform's; what is there is left as it is."""
    if view.absent(ValidatingAdmissionPolicy):
        return refused(ref, NOT_SERVED)
    if _warns(view, ref, view):
        return as_wanted(ref, "the policies are there")
    out = _left_out(view)
    policies, bindings = [], []
    for control in CONTROLS:
        name = name_of(control)
        held, bound = view.get(ValidatingAdmissionPolicy, name), view.get(ValidatingAdmissionPolicyBinding, name)
        body = {"metadata": {"annotations": {CONTROL: control}}, "spec": _policy(view, control)}
        policies.append(made(ValidatingAdmissionPolicy, name, "", body, held=held))
        if bound is None:
            spec = {"policyName": name, "validationActions": ["Warn", "Audit"], "matchResources": _elsewhere(out)}
            write = made(ValidatingAdmissionPolicyBinding, name, "", {"spec": spec})
            bindings.append(msgspec.structs.replace(write, changes=True))
    told = [note(WHERE, ref, count=len(out)), note(WARNS, ref), *_broken_notes(view, ref)]
    told.append(note(REGISTRIES, ref, names=", ".join(_registries(view)) or "none"))
    return Draft((*policies, *bindings), tuple(told))


@recipe(
    "R-VAP-ENFORCE",
    "Refuse what breaks the baseline controls",
    risk_class="disruptive",
    on=("Cluster", Namespace),
    writes=(ValidatingAdmissionPolicyBinding,),
    reads=READS,
    verify_s=30.0,
    done=_refuses,
)
def enforce(view: View, ref: Ref) -> Draft:
    """The same bindings refuse: once they have warned for a day, and nothing that runs breaks them."""
    held = _bindings(view)
    if len(held) < len(CONTROLS):
        return refused(ref, NOTHING_BOUND)
    soft = [item for item in held if "Deny" not in (item.spec.validation_actions or ())]
    if not soft:
        return as_wanted(ref, "the policies refuse")
    writes = tuple(msgspec.structs.replace(applied(item, {"spec": _denying(item)}), manager="ztui:R-VAP-PACK") for item in soft)
    stops = []
    youngest = max((item.created for item in soft if item.created is not None), default=view.now)
    if view.now - youngest < DAY:
        hours = int((view.now - youngest).total_seconds() // 3600)
        stops.append(Stop(note(TOO_NEW, ref, hours=hours), override=True))
    broken = {what for control in CONTROLS for what in _broken(view, control)}
    if broken:
        stops.append(Stop(note(WOULD_REFUSE, ref, count=len(broken)), override=True))
    return Draft(writes, (note(REFUSES, ref, count=len(CONTROLS)), *_broken_notes(view, ref)), tuple(stops))


def _denying(binding: ValidatingAdmissionPolicyBinding) -> Body:
    """The whole spec as R-VAP-PACK wrote it, but for what a violation leads to: a manager keeps what it goes on saying."""
    where = binding.spec.match_resources
    chosen = where.namespace_selector if where is not None else None
    names = [name for item in (chosen.match_expressions if chosen is not None else None) or () for name in item.values or ()]
    return {"policyName": binding.spec.policy_name, "validationActions": ["Deny"], "matchResources": _elsewhere(names)}


def _left_out(view: View) -> list[str]:
    classes = view.derive(units.namespace_classes, frozenset())
    return sorted(name for name, kind in classes.items() if kind != "user")


def _elsewhere(names: list[str]) -> Body:
    return {"namespaceSelector": {"matchExpressions": [{"key": _NAME, "operator": "NotIn", "values": names}]}} if names else {}


def _policy(view: View, control: str) -> Body:
    group, resource = ("networking.k8s.io", "ingresses") if control == "b8" else ("", "pods")
    operations = ["CREATE", "UPDATE"] if control == "b8" else ["CREATE"]
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": [resource]}
    variables = [] if control == "b8" else [{"name": "boxes", "expression": _BOXES}]
    found: Body = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}}
    found |= {"variables": variables} if variables else {}
    validation = {"expression": _expression(view, control), "message": f"baseline control {control}: {TITLES[control]}"}
    return {**found, "validations": [validation]}


_BOXES: Final = "object.spec.containers + object.spec.?initContainers.orValue([])"


def _expression(view: View, control: str) -> str:
    if control == "b3":
        names = _registries(view)
        hosts = [name for name in names if name != _SHORT]
        told = f"{_quoted([f'{host}/' for host in hosts])}.exists(r, c.image.startsWith(r))"
        short = "!c.image.contains('/') || !c.image.split('/')[0].matches('[.:]')"
        return f"variables.boxes.all(c, {told}{f' || {short}' if _SHORT in names or not hosts else ''})"
    if control == "b7":
        return f"{_quoted(list(view.limits.owner_keys))}.exists(k, k in namespaceObject.metadata.?labels.orValue({{}}))"
    return _EXPRESSIONS[control]


_EXPRESSIONS: Final = {
    "b1": "!object.spec.?hostNetwork.orValue(false) && !object.spec.?hostPID.orValue(false) && "
    "!object.spec.?hostIPC.orValue(false) && variables.boxes.all(c, !c.?securityContext.?privileged.orValue(false))",
    "b2": "variables.boxes.all(c, c.?securityContext.?runAsNonRoot.orValue("
    "object.spec.?securityContext.?runAsNonRoot.orValue(false)) && "
    "!c.?securityContext.?allowPrivilegeEscalation.orValue(true) && "
    "c.?securityContext.?capabilities.?drop.orValue([]).exists(d, d == 'ALL'))",
    "b4": "variables.boxes.all(c, c.image.contains('@sha256:'))",
    "b5": "variables.boxes.all(c, has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits)",
    "b6": "object.spec.?serviceAccountName.orValue('default') != 'default' || "
    f"!object.spec.?volumes.orValue([]).exists(v, v.name.startsWith('{_TOKEN}'))",
    "b8": "has(object.spec.tls) && object.spec.tls.size() > 0",
}


def _quoted(names: list[str]) -> str:
    return msgspec.json.encode(names).decode()


def _registries(view: View) -> tuple[str, ...]:
    """The registries that tenants' pods name now; names without one stand for the runtime's own choice."""
    images = {box.image for pod in _pods(view) for box in _boxes(pod)}
    hosts = {image.partition("/")[0] if "/" in image else "" for image in images}
    return tuple(sorted({host if "." in host or ":" in host else _SHORT for host in hosts}))


def _pods(view: View) -> Iterator[Pod]:
    for name in view.derive(tenancy.user_namespaces):
        yield from (pod for pod in view.within(Pod, name) if pod.is_live and not pod.is_mirror)


def _boxes(pod: Pod) -> tuple[Container, ...]:
    return (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))


def _broken_notes(view: View, ref: Ref) -> Iterator[Note]:
    for control in CONTROLS:
        found = _broken(view, control)
        if found:
            yield note(BREAKS, ref, control=control, title=TITLES[control], count=len(found), first=found[0])


def _broken(view: View, control: str) -> tuple[Ref, ...]:
    """What runs and breaks a control: workloads, or ways in without TLS."""
    if control == "b8":
        names = view.derive(tenancy.user_namespaces)
        return tuple(sorted(item.ref for name in names for item in view.within(Ingress, name) if not item.spec.tls))
    if control == "b7":
        keys = view.limits.owner_keys
        bare = [item for item in view.all(Namespace) if not any(key in item.labels for key in keys)]
        unowned = {item.name for item in bare}
        return tuple(sorted({root_of(view, pod) for pod in _pods(view) if pod.namespace in unowned}))
    breaks = _BREAKS.get(control)
    return tuple(sorted({root_of(view, pod) for pod in _pods(view) if breaks(pod)})) if breaks is not None else ()


def _is_unconfined(pod: Pod) -> bool:
    spec = pod.spec
    privileged = any(box.security_context is not None and box.security_context.privileged for box in _boxes(pod))
    return spec.host_network or spec.host_pid or spec.host_ipc or privileged


def _is_root_like(pod: Pod) -> bool:
    everyone = pod.spec.security_context.run_as_non_root if pod.spec.security_context is not None else None
    for box in _boxes(pod):
        own = box.security_context
        if own is None or own.allow_privilege_escalation is not False or own.capabilities is None:
            return True
        plain = own.run_as_non_root if own.run_as_non_root is not None else everyone
        if not plain or "ALL" not in (own.capabilities.drop or ()):
            return True
    return False


def _is_unlimited(pod: Pod) -> bool:
    limits = [box.resources.limits if box.resources is not None else None for box in _boxes(pod)]
    return any(item is None or item.memory == "" for item in limits)


def _has_default_token(pod: Pod) -> bool:
    return pod.account == "default" and any(item.name.startswith(_TOKEN) for item in pod.spec.volumes or ())


_BREAKS: Final[dict[str, Callable[[Pod], bool]]] = {
    "b1": _is_unconfined,
    "b2": _is_root_like,
    "b4": lambda pod: any("@sha256:" not in box.image for box in _boxes(pod)),
    "b5": _is_unlimited,
    "b6": _has_default_token,
}
