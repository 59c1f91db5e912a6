"""The rights that turn a small grant into a large one, as questions that RBAC can answer.

Source: the Kubernetes documentation on RBAC good practices (privilege escalation risks), and OpenShift's SCCs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines.grants import WEBSOCKET_MINOR, Grant, Question, allows, capable
from ztui.kinds.security import SecurityContextConstraints
from ztui.view import View

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_WRITES: Final = ("create", "update", "patch")


class Primitive(msgspec.Struct, frozen=True):
    """One way up: its name, and the questions of which any answered yes gives it. ``all_of`` asks for every one."""

    name: str
    questions: tuple[Question, ...]
    all_of: bool = False


def _each(verbs: Iterable[str], group: str, *resources: str) -> tuple[Question, ...]:
    return tuple(Question(verb, group, resource) for verb in verbs for resource in resources)


USE_SCC: Final = "use a privileged SCC"
"""Not one of the primitives below: which SCCs are privileged is the cluster's own matter."""

CLUSTER_PRIMITIVES: Final[tuple[Primitive, ...]] = (
    Primitive("escalate or bind roles", _each(("escalate", "bind"), _RBAC, "roles", "clusterroles")),
    Primitive("impersonate", _each(("impersonate",), "", "users", "groups", "serviceaccounts")),
    Primitive("impersonate uids", _each(("impersonate",), "authentication.k8s.io", "uids", "userextras/scopes")),
    Primitive("make tokens of any account", _each(("create",), "", "serviceaccounts/token")),
    Primitive("write bindings", _each(_WRITES, _RBAC, "rolebindings", "clusterrolebindings")),
    Primitive(
        "write admission webhooks",
        _each(_WRITES, _ADMISSION, "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
    ),
    Primitive("write CRDs", _each(_WRITES, "apiextensions.k8s.io", "customresourcedefinitions")),
    Primitive("write SCCs", _each(_WRITES, "security.openshift.io", "securitycontextconstraints")),
    Primitive("reach kubelets through nodes/proxy", _each(("get", "create"), "", "nodes/proxy")),
    Primitive("exec into any pod", _each(("create",), "", "pods/exec", "pods/attach")),
    Primitive("add containers to any pod", _each(("update", "patch"), "", "pods/ephemeralcontainers")),
    Primitive(
        "approve and sign certificates",
        (
            Question("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
            Question("approve", "certificates.k8s.io", "signers"),
        ),
        all_of=True,
    ),
    Primitive("hold OAuth tokens", _each(("get", "list", "create"), "oauth.openshift.io", "oauthaccesstokens")),
)
"""What counts at cluster scope."""

NAMESPACE_PRIMITIVES: Final[tuple[Primitive, ...]] = (
    Primitive("escalate or bind roles", _each(("escalate", "bind"), _RBAC, "roles", "clusterroles")),
    Primitive("impersonate accounts", _each(("impersonate",), "", "serviceaccounts")),
)
"""What counts inside one namespace; writing bindings there is bound by the server's escalation prevention."""


def privileged_sccs(view: View) -> tuple[str, ...]:
    """The SCCs that admit privileged containers, by their fields; ``privileged`` where there are none at all."""
    every = list(view.all(SecurityContextConstraints))
    return tuple(sorted(item.name for item in every if item.allow_privileged_container)) if every else ("privileged",)


def primitives(grant: Grant, minor: int = WEBSOCKET_MINOR, sccs: tuple[str, ...] = ("privileged",)) -> tuple[str, ...]:
    """The names of the primitives that a grant gives on a server of that minor version: on old ones ``get`` is an exec.

    ``sccs`` are the names of the SCCs that count as privileged.
    """
    known = NAMESPACE_PRIMITIVES if grant.namespace else CLUSTER_PRIMITIVES
    found = [item.name for item in known if _given(grant, item, minor)]
    if any(allows(grant, _at(_use(name), grant.namespace)) for name in sccs):
        found.append(USE_SCC)
    return tuple(found)


def _given(grant: Grant, item: Primitive, minor: int) -> bool:
    answers = [
        any(allows(grant, _at(asked, grant.namespace)) for asked in capable(question, minor)) for question in item.questions
    ]
    return all(answers) if item.all_of else any(answers)


def _use(scc: str) -> Question:
    return Question("use", "security.openshift.io", "securitycontextconstraints", name=scc)


def _at(question: Question, namespace: str) -> Question:
    return msgspec.structs.replace(question, namespace=namespace) if namespace else question
