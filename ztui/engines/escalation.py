"""The rights that turn a small grant into a large one, as questions that RBAC can answer.

Source: the Kubernetes documentation on RBAC good practices (privilege escalation risks), and OpenShift's SCCs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines.access import Grant, role_rules
from ztui.engines.rules import STREAMS, WEBSOCKET_MINOR, Question, allowed
from ztui.kinds.base import Kind
from ztui.kinds.rbac import RoleRef, Rule
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.session import NAME, Session
from ztui.view import View

ESCALATION_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (SecurityContextConstraints,)
ESCALATION_MAY: Final[tuple[type[Kind], ...]] = (Session,)
"""What ``ways_up`` reads beside roles and bindings; the version of the server decides what a ``get`` on a stream is."""

USE_SCC: Final = "use a privileged SCC"
IMPERSONATE_ACCOUNTS: Final = "impersonate accounts"

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_CERTIFICATES: Final = "certificates.k8s.io"
_SCC: Final = "security.openshift.io"
_WRITES: Final = ("create", "update", "patch")
_POWERFUL: Final = (("users", "system:admin"), ("groups", "system:masters"), ("groups", "system:cluster-admins"))
_SIGNERS: Final = ("", "kubernetes.io/kube-apiserver-client", "kubernetes.io/*")
# Roles whose writing inside a namespace the server bounds: they cannot grant what their holder lacks.
_BOUNDED_ROLES: Final = frozenset({"admin", "edit"})
# OpenShift ships this to everybody: it narrows a token's own scopes and widens nothing.
_HARMLESS_EXTRA: Final = "userextras/scopes.authorization.openshift.io"


class Primitive(msgspec.Struct, frozen=True):
    """One way up: its name, and groups of questions. Every group must have one that is answered yes."""

    name: str
    groups: tuple[tuple[Question, ...], ...]


def _each(verbs: Iterable[str], group: str, *resources: str) -> tuple[Question, ...]:
    return tuple(Question(verb, group, resource) for verb in verbs for resource in resources)


def _any(name: str, *questions: Question) -> Primitive:
    return Primitive(name, (questions,))


_BIND: Final = _any("escalate or bind roles", *_each(("escalate", "bind"), _RBAC, "roles", "clusterroles"))

_CLUSTER: Final[tuple[Primitive, ...]] = (
    _BIND,
    _any(
        "impersonate",
        *_each(("impersonate",), "", "users", "groups", "serviceaccounts"),
        *(Question("impersonate", "", resource, name=name) for resource, name in _POWERFUL),
    ),
    _any("make tokens of any account", *_each(("create",), "", "serviceaccounts/token")),
    _any("write bindings", *_each(_WRITES, _RBAC, "rolebindings", "clusterrolebindings")),
    _any(
        "write admission webhooks",
        *_each(_WRITES, _ADMISSION, "validatingwebhookconfigurations", "mutatingwebhookconfigurations"),
    ),
    _any("write CRDs", *_each(_WRITES, "apiextensions.k8s.io", "customresourcedefinitions")),
    _any("write SCCs", *_each(_WRITES, _SCC, "securitycontextconstraints")),
    _any("reach kubelets through nodes/proxy", *_each(("get", "create", "update", "patch"), "", "nodes/proxy")),
    _any("add containers to any pod", *_each(("update", "patch"), "", "pods/ephemeralcontainers")),
    Primitive(
        "approve and sign certificates",
        (
            _each(("update", "patch"), _CERTIFICATES, "certificatesigningrequests/approval"),
            tuple(Question("approve", _CERTIFICATES, "signers", name=name) for name in _SIGNERS),
        ),
    ),
    _any(
        "hold OAuth tokens",
        *_each(("get", "list", "watch", "create"), "oauth.openshift.io", "oauthaccesstokens", "oauthauthorizetokens"),
    ),
)
"""What counts at cluster scope; ``exec into any pod`` and ``use a privileged SCC`` depend on the cluster."""

_NAMESPACE: Final[tuple[Primitive, ...]] = (
    _BIND,
    _any(IMPERSONATE_ACCOUNTS, *_each(("impersonate",), "", "serviceaccounts")),
)
"""What counts inside one namespace; writing bindings there is bound by the server's escalation prevention."""


def ways_up(view: View, grant: Grant) -> tuple[str, ...]:
    """The names of the primitives that a grant gives, judged once for each role."""
    role = grant.role
    return view.derive(_role_ways, role.kind, role.name, role.namespace, bool(grant.namespace))


def privileged_sccs(view: View) -> tuple[str, ...]:
    """The SCCs that let a pod out to its node, sorted; the shipped one counts even where the list is empty."""
    found = {item.name for item in view.all(SecurityContextConstraints) if breaks_out(item)}
    return tuple(sorted(found | {"privileged"}))


def breaks_out(scc: SecurityContextConstraints) -> bool:
    """Whether a pod under this SCC owns its node: privileged containers, the node's files, or its processes."""
    return scc.allow_privileged_container or scc.allow_host_dir_volume_plugin or scc.allow_host_pid


def server_minor(view: View) -> int:
    """The minor version of the server, 0 where it is not known."""
    session = view.get(Session, NAME)
    return session.minor if session else 0


def _role_ways(view: View, kind: str, name: str, namespace: str, narrow: bool) -> tuple[str, ...]:  # noqa: FBT001
    rules = role_rules(view, RoleRef(kind, name), namespace)
    if not rules:
        return ()
    found = [item.name for item in (_NAMESPACE if narrow else _CLUSTER) if _given(rules, item)]
    if narrow and kind == "ClusterRole" and name in _BOUNDED_ROLES:
        found = [item for item in found if item != IMPERSONATE_ACCOUNTS]
    if not narrow and allowed_any(rules, _execs(view.derive(server_minor))):
        found.append("exec into any pod")
    if not narrow and _impersonates_extras(rules):
        found.append("impersonate uids and extras")
    sccs = (Question("use", _SCC, "securitycontextconstraints", name=name) for name in view.derive(privileged_sccs))
    if allowed_any(rules, sccs):
        found.append(USE_SCC)
    return tuple(found)


def allowed_any(rules: tuple[Rule, ...], questions: Iterable[Question]) -> bool:
    """Whether the rules allow any of these."""
    return any(allowed(rules, question) for question in questions)


def _given(rules: tuple[Rule, ...], item: Primitive) -> bool:
    return all(allowed_any(rules, group) for group in item.groups)


def _execs(minor: int) -> tuple[Question, ...]:
    """A ``get`` on a stream is an exec over WebSocket on servers that do not ask for ``create`` there."""
    verbs = ("create",) if minor >= WEBSOCKET_MINOR else ("create", "get")
    return _each(verbs, "", *sorted(STREAMS - {"pods/portforward"}))


def _impersonates_extras(rules: tuple[Rule, ...]) -> bool:
    for rule in rules:
        if not {"impersonate", "*"} & set(rule.verbs or ()) or not {"authentication.k8s.io", "*"} & set(rule.api_groups or ()):
            continue
        for item in rule.resources or ():
            if item in {"*", "uids"} or (item.startswith(("userextras/", "*/")) and item != _HARMLESS_EXTRA):
                return True
    return False
