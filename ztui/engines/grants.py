"""Who can do what, and by which path.

Follows Kubernetes' own authorizer (``plugin/pkg/auth/authorizer/rbac``, ``pkg/apis/rbac/v1/evaluation_helpers.go``): ``can`` is
that and nothing more. ``who_can`` adds what a right amounts to in practice (``capable``): over a WebSocket, ``get`` on
``pods/exec`` is an exec on servers before 1.35, and ``get`` on ``nodes/proxy`` is one on every version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ztui.engines.scopes import has_no_namespace
from ztui.kinds.base import CLUSTER, Kind, Ref, matches
from ztui.kinds.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Rule, Subject
from ztui.kinds.session import NAME, Session
from ztui.view import View

ACCESS: Final[tuple[type[Kind], ...]] = (ClusterRole, Role, ClusterRoleBinding, RoleBinding)
"""What this engine reads; a check that asks it needs these."""

BROAD: Final = frozenset(
    {
        "system:authenticated",
        "system:authenticated:oauth",
        "system:unauthenticated",
        "system:serviceaccounts",
    }
)
WEBSOCKET_MINOR: Final = 35
"""The minor version since which an exec over WebSocket asks for ``create``."""

ANY: Final = "\0any"
"""In a question: any verb, or any group. The ``*`` of rules is a word of its own, which one may ask about too."""

_STREAMS: Final = frozenset({"pods/exec", "pods/attach", "pods/portforward"})
_NAMELESS: Final = frozenset({"create", "deletecollection"})
"""Requests that carry no name: a rule for single names never allows them (but it does on a subresource)."""


class Question(msgspec.Struct, frozen=True):
    """Something to be done: a verb on a resource (``pods/exec`` with its subresource) or on a path.

    ``namespace`` is empty for cluster scope. ``ANY`` as verb or group is how people ask.
    """

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = CLUSTER
    name: str = ""
    path: str = ""


class Grant(msgspec.Struct, frozen=True):
    """A subject holds rules by a binding to a role. ``namespace`` is empty where they hold everywhere."""

    subject: Subject
    namespace: str
    binding: Ref
    role: Ref
    rules: tuple[Rule, ...]
    shipped: bool = False
    sources: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The subject in the form that people type: ``group:G``, ``user:U``, ``sa:NS/NAME``."""
        return subject_key(self.subject, self.namespace)


class Found(msgspec.Struct, frozen=True):
    """An answer of ``who_can``: the grant, and whether it covers single names only."""

    grant: Grant
    named: tuple[str, ...] = ()


def subject_key(subject: Subject, namespace: str = "") -> str:
    """A subject as one string."""
    if subject.kind == "ServiceAccount":
        return f"sa:{subject.namespace or namespace}/{subject.name}"
    return f"{subject.kind.lower()}:{subject.name}"


def cluster_rules(view: View, name: str) -> tuple[Rule, ...]:
    """The rules of a ClusterRole: its own; where those are empty, what its aggregation selects."""
    role = view.get(ClusterRole, name)
    if role is None:
        return ()
    if role.rules or role.aggregation_rule is None:
        return role.rules or ()
    return tuple(rule for other in _aggregated(view, role) for rule in other.rules or ())


def aggregated_from(view: View, name: str) -> tuple[str, ...]:
    """The names of the ClusterRoles that an aggregated one is made of."""
    role = view.get(ClusterRole, name)
    if role is None or role.aggregation_rule is None:
        return ()
    return tuple(sorted(other.name for other in _aggregated(view, role)))


def role_rules(view: View, ref: RoleRef, namespace: str) -> tuple[Rule, ...]:
    """The rules that a binding of that namespace grants; none where the role is not there."""
    if ref.kind == "ClusterRole":
        return view.derive(cluster_rules, ref.name)
    role = view.get(Role, ref.name, namespace)
    return (role.rules or ()) if role else ()


def cluster_grants(view: View) -> tuple[Grant, ...]:
    """What ClusterRoleBindings grant, everywhere."""
    return tuple(grant for item in sorted(view.all(ClusterRoleBinding), key=_name) for grant in _granted(view, item, CLUSTER))


def grants_in(view: View, namespace: str) -> tuple[Grant, ...]:
    """What the RoleBindings of one namespace grant there."""
    found = sorted(view.within(RoleBinding, namespace), key=_name)
    return tuple(grant for item in found for grant in _granted(view, item, namespace))


def namespaces_with_bindings(view: View) -> tuple[str, ...]:
    """Every namespace that has a RoleBinding."""
    return tuple(sorted({item.namespace for item in view.all(RoleBinding)}))


def all_grants(view: View) -> Iterator[Grant]:
    """Every grant of the cluster."""
    yield from view.derive(cluster_grants)
    for namespace in view.derive(namespaces_with_bindings):
        yield from view.derive(grants_in, namespace)


def can(view: View, user: str, groups: Iterable[str], question: Question) -> bool:
    """Whether RBAC allows a user with these groups to do it: what a SubjectAccessReview answers."""
    names = frozenset(groups)
    grants = [*view.derive(cluster_grants)]
    if question.namespace:
        grants += view.derive(grants_in, question.namespace)
    return any(_is(grant, user, names) and allows(grant, question) for grant in grants)


def who_can(view: View, question: Question, *, minor: int = WEBSOCKET_MINOR) -> tuple[Found, ...]:
    """Everybody who can do it, by every path.

    Without a namespace in the question, grants of any namespace count; for what has no namespace, those of the cluster only.
    """
    nameless = question.verb in _NAMELESS and "/" not in question.resource
    if nameless:
        question = msgspec.structs.replace(question, name="")
    found = []
    for grant in _reaching(view, question):
        asked = [item for item in capable(question, minor) if allows(grant, item, any_name=not nameless)]
        if asked:
            names = () if any(allows(grant, item) for item in asked) else _names(grant, asked)
            found.append(Found(grant, names))
    return tuple(sorted(found, key=lambda item: (item.grant.key, item.grant.namespace, item.grant.binding)))


def what_can(view: View, user: str, groups: Iterable[str]) -> tuple[Grant, ...]:
    """Everything that a user with these groups holds."""
    names = frozenset(groups)
    return tuple(grant for grant in all_grants(view) if _is(grant, user, names))


def server_minor(view: View) -> int:
    """The minor version of the server; 0 where it is not known, which counts as old."""
    found = view.get(Session, NAME)
    return found.minor if found else 0


def capable(question: Question, minor: int) -> tuple[Question, ...]:
    """The questions of which any one answered yes amounts to the right."""
    if question.resource == "nodes/proxy" and question.verb == "create":
        return (question, msgspec.structs.replace(question, verb="get"))
    if question.resource in _STREAMS and question.verb == "create" and minor < WEBSOCKET_MINOR:
        return (question, msgspec.structs.replace(question, verb="get"))
    return (question,)


def allows(grant: Grant, question: Question, *, any_name: bool = False) -> bool:
    """Whether a grant's rules allow it. ``any_name`` also counts rules that cover single names only."""
    if question.path and grant.namespace:
        return False  # paths have no namespace: only cluster-wide grants reach them
    return any(rule_allows(rule, question, any_name=any_name) for rule in grant.rules)


def rule_allows(rule: Rule, question: Question, *, any_name: bool = False) -> bool:
    """Whether one rule allows it. Source: RuleAllows in the RBAC authorizer."""
    verbs = rule.verbs or ()
    if "*" not in verbs and question.verb not in verbs and question.verb != ANY:
        return False
    if question.path:
        return any(_path_matches(item, question.path) for item in rule.non_resource_urls or ())
    groups = rule.api_groups or ()
    if "*" not in groups and question.group not in groups and question.group != ANY:
        return False
    if not _resource_matches(rule, question.resource):
        return False
    names = rule.resource_names or ()
    return not names or any_name or question.name in names


def is_broad(subject: Subject) -> bool:
    """Whether a subject is a group that everybody, or every account, is in."""
    return subject.kind == "Group" and (subject.name in BROAD or subject.name.startswith("system:serviceaccounts:"))


def groups_of_account(namespace: str) -> tuple[str, ...]:
    """The groups of every ServiceAccount of a namespace. Source: apiserver ``serviceaccount.MakeGroupNames``."""
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")


def question_for(verb: str, resource: str, name: str = "", namespace: str = "") -> Question:
    """A question in the words of the command line: ``secrets``, ``pods/exec``, ``deployments.apps``, ``/metrics``.

    The verb ``*`` asks for any verb; a resource without a group is of any group.
    """
    verb = ANY if verb == "*" else verb
    if resource.startswith("/"):
        return Question(verb, path=resource)
    plural, slash, sub = resource.partition("/")
    plural, dot, group = plural.partition(".")
    if not dot:  # the group may also stand behind the subresource: deployments/scale.apps
        sub, dot, group = sub.partition(".")
    return Question(verb, group if dot else ANY, f"{plural}{slash}{sub}", namespace, name)


def _reaching(view: View, question: Question) -> list[Grant]:
    """The grants that reach what is asked for: rules for cluster-scoped objects are inert in a RoleBinding."""
    if question.path or has_no_namespace(question.verb, question.resource):
        return list(view.derive(cluster_grants))
    if question.namespace:
        return [*view.derive(cluster_grants), *view.derive(grants_in, question.namespace)]
    return list(all_grants(view))


def _is(grant: Grant, user: str, groups: frozenset[str]) -> bool:
    subject = grant.subject
    match subject.kind:
        case "User":
            return subject.name == user
        case "Group":
            return subject.name in groups
        case "ServiceAccount":
            # A subject without a namespace matches nobody, except in a RoleBinding, where the server fills it in.
            namespace = subject.namespace or grant.namespace
            return bool(namespace) and user == f"system:serviceaccount:{namespace}:{subject.name}"
    return False


def _resource_matches(rule: Rule, resource: str) -> bool:
    _, _, sub = resource.partition("/")
    for item in rule.resources or ():
        if item in ("*", resource):
            return True
        if sub and item == f"*/{sub}":
            return True
    return False


def _path_matches(rule_path: str, path: str) -> bool:
    return rule_path in ("*", path) or (rule_path.endswith("*") and path.startswith(rule_path.rstrip("*")))


def _granted(view: View, binding: RoleBinding | ClusterRoleBinding, namespace: str) -> Iterator[Grant]:
    ref = binding.role_ref
    rules = role_rules(view, ref, namespace)
    sources = view.derive(aggregated_from, ref.name) if ref.kind == "ClusterRole" else ()
    role = Ref("rbac.authorization.k8s.io", ref.kind, "" if ref.kind == "ClusterRole" else namespace, ref.name)
    shipped = binding.labels.get("kubernetes.io/bootstrapping") == "rbac-defaults"
    for subject in binding.subjects or ():
        yield Grant(subject, namespace, binding.ref, role, rules, shipped, sources)


def _aggregated(view: View, role: ClusterRole) -> list[ClusterRole]:
    selectors = (role.aggregation_rule.cluster_role_selectors if role.aggregation_rule else None) or ()
    return [
        other
        for other in sorted(view.all(ClusterRole), key=_name)
        if other.name != role.name and any(matches(selector, other.labels) for selector in selectors)
    ]


def _names(grant: Grant, asked: Iterable[Question]) -> tuple[str, ...]:
    rules = [rule for rule in grant.rules if any(rule_allows(rule, item, any_name=True) for item in asked)]
    return tuple(sorted({name for rule in rules for name in rule.resource_names or ()}))


def _name(obj: Kind) -> str:
    return obj.name
