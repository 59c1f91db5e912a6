"""How tenants are born: the template of new projects, and who may ask for one."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.grants import BROAD
from ztui.kinds.base import Kind, Ref
from ztui.kinds.rbac import ClusterRoleBinding
from ztui.kinds.tenancy import ProjectConfig, Template
from ztui.kinds.workload import Namespace
from ztui.recipes.base import (
    Draft,
    Question,
    Stop,
    add,
    applied,
    as_wanted,
    expect,
    gone,
    made,
    note,
    patched,
    pointer,
    recipe,
    refused,
    remove,
)
from ztui.recipes.netpol import DENY
from ztui.recipes.rbac import AUTOUPDATE
from ztui.view import View

OTHER_TEMPLATE: Final = Reason(
    "other-template", "new projects are made from {name} already: add to it what is missing (kinds in it now: {kinds})"
)
NO_AMOUNT: Final = Reason("no-amount", "{told} is no amount of {what}: 4 or 500m for CPU, 8Gi for memory")
ONLY_NEW: Final = Reason("only-new", "only projects that are asked for from then on; those that exist stay as they are")
CLOSED: Final = Reason(
    "born-closed",
    "a new project takes traffic from itself, the routers and the monitoring, and from nobody else until it says so",
)
BOUNDED: Final = Reason("born-bounded", "its containers ask for at most {cpu} CPU and {memory} of memory in all, until raised")
FREE: Final = Reason("may-create", "{user} made {count} projects in the last 30 days, and can no longer")
NOBODY_CREATED: Final = Reason("nobody-created", "nobody made a project in the last 30 days")
STAYS_OFF: Final = Reason(
    "stays-off", "the platform would bring it back at its next start: the annotation {key} keeps it from that"
)

NAME: Final = "ztui-project"
CONFIG: Final = "openshift-config"
SILENT: Final = "none"
_MESSAGE: Final = "Projects are made on request: ask the platform team."
_MONTH: Final = timedelta(days=30)
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,8}(?:\.[0-9]{1,3})?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_REQUESTER: Final = "openshift.io/requester"
_PARAMETERS: Final = (
    "PROJECT_NAME",
    "PROJECT_DISPLAYNAME",
    "PROJECT_DESCRIPTION",
    "PROJECT_ADMIN_USER",
    "PROJECT_REQUESTING_USER",
)
_RBAC: Final = "rbac.authorization.k8s.io"

Body = dict[str, Any]


def _is_set(view: View, ref: Ref, was: View) -> bool:
    del ref, was
    config = view.get(ProjectConfig, "cluster")
    named = config is not None and config.spec.project_request_template.name == NAME
    return named and view.get(Template, NAME, CONFIG) is not None


@recipe(
    "R-PROJTPL",
    "Let new projects be born closed and bounded",
    risk_class="safe",
    on=("Cluster",),
    writes=(Template, ProjectConfig),
    makes=(Template,),
    reads=(Template, ProjectConfig),
    asks=(
        Question("cpu", "How much CPU a new project may ask for", "4"),
        Question("memory", "How much memory", "8Gi"),
    ),
    verify_s=30.0,
    done=_is_set,
)
def project_template(view: View, ref: Ref, cpu: str = "4", memory: str = "8Gi") -> Draft:
    """A template of our own, then its name in the configuration of projects."""
    config, held = view.get(ProjectConfig, "cluster"), view.get(Template, NAME, CONFIG)
    if config is None:
        return gone(ref)
    name = config.spec.project_request_template.name
    if name == NAME and held is not None:
        return as_wanted(ref, f"new projects are made from {NAME}")
    if name and name != NAME:
        other = view.get(Template, name, CONFIG)
        kinds = sorted({item.kind for item in (other.objects if other is not None else None) or ()})
        return refused(ref, OTHER_TEMPLATE, name=name, kinds=", ".join(kinds) or "none")
    told = {"CPU": cpu.strip(), "memory": memory.strip()}
    wrong = [Stop(note(NO_AMOUNT, ref, told=text, what=what)) for what, text in told.items() if not _AMOUNT.fullmatch(text)]
    template = made(Template, NAME, CONFIG, _template(told["CPU"], told["memory"]), held=held)
    radius = (note(ONLY_NEW, ref), note(CLOSED, ref), note(BOUNDED, ref, cpu=told["CPU"], memory=told["memory"]))
    named = applied(config, {"spec": {"projectRequestTemplate": {"name": NAME}}})
    return Draft((template, named), radius, tuple(wrong))


def _template(cpu: str, memory: str) -> Body:
    """What every new project starts with. Source: OpenShift's ``project-request``, with isolation and bounds added."""
    project: Body = {
        "apiVersion": "project.openshift.io/v1",
        "kind": "Project",
        "metadata": {
            "name": "${PROJECT_NAME}",
            "annotations": {
                "openshift.io/description": "${PROJECT_DESCRIPTION}",
                "openshift.io/display-name": "${PROJECT_DISPLAYNAME}",
                _REQUESTER: "${PROJECT_REQUESTING_USER}",
            },
        },
    }
    admin: Body = {
        **_inside(f"{_RBAC}/v1", "RoleBinding", "admin"),
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": "${PROJECT_ADMIN_USER}"}],
    }
    objects = [project, admin, *_policies(), *_bounds(cpu, memory)]
    return {"objects": objects, "parameters": [{"name": name} for name in _PARAMETERS]}


def _inside(version: str, kind: str, name: str, spec: Body | None = None) -> Body:
    found: Body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "${PROJECT_NAME}"}}
    return {**found, "spec": spec} if spec is not None else found


def _policies() -> list[Body]:
    """Closed by default; open to itself, the routers and the monitoring. Source: the labels of OpenShift's own namespaces."""
    routers = {"policy-group.network.openshift.io/ingress": ""}
    monitoring = {"network.openshift.io/policy-group": "monitoring"}
    peers: dict[str, Body] = {
        "ztui-allow-same-namespace": {"podSelector": {}},
        "ztui-allow-router": {"namespaceSelector": {"matchLabels": routers}},
        "ztui-allow-monitoring": {"namespaceSelector": {"matchLabels": monitoring}},
    }
    everything: Body = {"podSelector": {}, "policyTypes": ["Ingress"]}
    specs: dict[str, Body] = {DENY: everything}
    specs |= {name: {**everything, "ingress": [{"from": [peer]}]} for name, peer in peers.items()}
    return [_inside("networking.k8s.io/v1", "NetworkPolicy", name, spec) for name, spec in specs.items()]


def _bounds(cpu: str, memory: str) -> list[Body]:
    hard = {"requests.cpu": cpu, "requests.memory": memory, "limits.memory": memory, "pods": "50"}
    usual = {"type": "Container", "defaultRequest": {"cpu": "100m", "memory": "128Mi"}, "default": {"memory": "512Mi"}}
    return [
        _inside("v1", "ResourceQuota", "ztui-bounds", {"hard": hard}),
        _inside("v1", "LimitRange", "ztui-usual-sizes", {"limits": [usual]}),
    ]


@recipe(
    "R-SELFPROV",
    "Let nobody make projects unasked",
    risk_class="disruptive",
    on=(ClusterRoleBinding,),
    writes=(ClusterRoleBinding, ProjectConfig),
    reads=(ClusterRoleBinding, ProjectConfig, Namespace),
    asks=(Question("message", f"What people are told who ask for a project ({SILENT}: nothing)", _MESSAGE),),
    verify_s=10.0,
)
def self_provisioning(view: View, ref: Ref, message: str = _MESSAGE) -> Draft:
    """Every broad group comes off the binding, which stays; and a sentence for who is refused."""
    found = view.get(ClusterRoleBinding, ref.name)
    if found is None:
        return gone(ref)
    subjects = found.subjects or ()
    broad = [at for at, item in enumerate(subjects) if item.kind == "Group" and item.name in BROAD]
    if not broad:
        return as_wanted(ref, "no broad group may make projects by it")
    operations = [expect(pointer("subjects"), msgspec.to_builtins(subjects))]
    operations += [remove(pointer("subjects", at)) for at in reversed(broad)]
    operations += _kept_off(found)
    writes = [patched(found, *operations)]
    config = view.get(ProjectConfig, "cluster")
    if message.strip() not in {"", SILENT} and config is not None:
        writes.append(applied(config, {"spec": {"projectRequestMessage": message.strip()}}))
    radius = [note(STAYS_OFF, ref, key=AUTOUPDATE), *_creators(view, ref)]
    return Draft(tuple(writes), tuple(radius))


def _kept_off(found: Kind) -> list[Body]:
    if found.annotations.get(AUTOUPDATE) == "false":
        return []
    if found.annotations:
        return [add(pointer("metadata", "annotations", AUTOUPDATE), "false")]
    return [add(pointer("metadata", "annotations"), {AUTOUPDATE: "false"})]


def _creators(view: View, ref: Ref) -> list[Any]:
    """Who made projects lately; what the platform and its operators make has no requester."""
    fresh = (item for item in view.all(Namespace) if item.created is not None and view.now - item.created <= _MONTH)
    counts = Counter(user for item in fresh if (user := item.annotations.get(_REQUESTER, "")))
    told = [note(FREE, ref, user=user, count=count) for user, count in sorted(counts.items())]
    return told or [note(NOBODY_CREATED, ref)]
