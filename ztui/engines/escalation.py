"""The rights that turn a small grant into a large one, as questions that RBAC can answer.

Source: the Kubernetes documentation on RBAC good practices (privilege escalation risks), and OpenShift's SCCs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines.grants import WEBSOCKET_MINOR, Grant, Question, allows, capable

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


_PRIVILEGED: Final = Question("use", "security.openshift.io", "securitycontextconstraints", name="privileged")

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
    Primitive("use a privileged SCC", (_PRIVILEGED,)),
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
    Primitive("use a privileged SCC", (_PRIVILEGED,)),
)
"""What counts inside one namespace; writing bindings there is bound by the server's escalation prevention."""


def primitives(grant: Grant, minor: int = WEBSOCKET_MINOR) -> tuple[str, ...]:
    """The names of the primitives that a grant gives on a server of that minor version: on old ones ``get`` is an exec."""
    known = NAMESPACE_PRIMITIVES if grant.namespace else CLUSTER_PRIMITIVES
    return tuple(item.name for item in known if _given(grant, item, minor))


def _given(grant: Grant, item: Primitive, minor: int) -> bool:
    answers = [
        any(allows(grant, _at(asked, grant.namespace)) for asked in capable(question, minor)) for question in item.questions
    ]
    return all(answers) if item.all_of else any(answers)


def _at(question: Question, namespace: str) -> Question:
    return msgspec.structs.replace(question, namespace=namespace) if namespace else question
