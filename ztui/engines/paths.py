"""Who gets there by steps: escalation paths from one identity to the next.

A graph over what RBAC grants. A node is an identity (``sa:NS/NAME``, ``user:U``, ``group:G``), ``EVERYTHING``, one of a cloud,
or a place in between (a pod of one's own in a namespace, its running pods, the nodes); an edge says what is done to get on.
Source: the Kubernetes documentation on privilege escalation risks; ``pkg/registry/rbac/escalation_check.go`` for what the server
prevents: bindings need ``bind``, roles need ``escalate``; labels of a ClusterRole that aggregation selects need neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Final

import msgspec

from ztui.engines.escalation import privileged_sccs
from ztui.engines.grants import ACCESS, Grant, Question, allows, capable, groups_of_account, server_minor
from ztui.engines.holders import grants_by_holder, is_full_admin
from ztui.kinds.base import Kind
from ztui.kinds.identity import Group
from ztui.kinds.security import SecurityContextConstraints
from ztui.kinds.session import Session
from ztui.kinds.workload import Namespace, Pod, ServiceAccount
from ztui.view import View

PATHS: Final[tuple[type[Kind], ...]] = (
    *ACCESS,
    Namespace,
    Pod,
    ServiceAccount,
    Group,
    SecurityContextConstraints,
    Session,
)
"""What this engine reads."""

EVERYTHING: Final = "everything"
"""The node of whoever may do everything: cluster-admin by any name, or the way to become it."""

_FREE: Final = frozenset({"", "is in", "may do everything"})

LONGEST: Final = 6
"""Steps after which a path is no longer looked for, as ``is_step`` counts them."""

_NODES: Final = "\0nodes"
_ANYWHERE: Final = "*"
_WRITES: Final = ("create", "update", "patch")
_RBAC: Final = "rbac.authorization.k8s.io"
_CONTROLLERS: Final = (
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("", "replicationcontrollers"),
    ("apps.openshift.io", "deploymentconfigs"),
)
# Annotations by which clouds give an account an identity of theirs. Source: the cloud providers' documents.
_CLOUD: Final = ("eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id")


class Step(msgspec.Struct, frozen=True, order=True):
    """One edge: what is done, and the node that it leads to."""

    how: str
    to: str


Edges = Mapping[str, tuple[Step, ...]]


def paths_to(view: View, targets: Iterable[str]) -> dict[str, tuple[Step, ...]]:
    """Every identity that gets to one of the targets, with its shortest path; targets themselves are not named."""
    edges: Edges = view.derive(escalation)
    back: defaultdict[str, list[tuple[str, Step]]] = defaultdict(list)
    for start, steps in edges.items():
        for step in steps:
            back[step.to].append((start, step))
    found = _nearest(back, targets)
    return {name: tuple(reversed(path)) for name, path in sorted(found.items()) if path and _is_identity(name)}


def steps_from(view: View, subject: str) -> dict[str, tuple[Step, ...]]:
    """Everything that an identity gets to, with the shortest path: other identities, clouds, ``EVERYTHING``."""
    edges: Edges = view.derive(escalation)
    found = _nearest({start: [(step.to, step) for step in steps] for start, steps in edges.items()}, (subject,))
    return {name: path for name, path in found.items() if path and (_is_identity(name) or name == EVERYTHING)}


def _nearest(ways: Mapping[str, Iterable[tuple[str, Step]]], starts: Iterable[str]) -> dict[str, tuple[Step, ...]]:
    """Every node that is got to from one of the starts, with the steps in the order walked.

    The fewest that are something done come first, then the fewest at all, then the first by name: what is told does not follow
    the order of objects.
    """
    found: dict[str, tuple[Step, ...]] = {}
    front: list[tuple[int, int, str, tuple[Step, ...]]] = [(0, 0, start, ()) for start in sorted(starts)]
    while front:
        done, length, at, path = heappop(front)
        if at in found:
            continue
        found[at] = path
        for to, step in ways.get(at, ()):
            weight = done + is_step(step)
            if to not in found and weight <= LONGEST:
                heappush(front, (weight, length + 1, to, (*path, step)))
    return found


def is_step(step: Step) -> bool:
    """Whether a step makes one somebody else; places in between, memberships and holding everything already do not."""
    return step.how not in _FREE


def in_words(path: tuple[Step, ...]) -> str:
    """A path as one line of raw text: what is done, and who one is then."""
    text = ""
    for step in path:
        if step.how:
            text += f", {step.how}" if text else step.how
        if not step.to.startswith("\0"):
            text += f" → {step.to}"
    return text


def escalation(view: View) -> dict[str, tuple[Step, ...]]:
    """The whole graph: node -> its edges, each once, sorted."""
    edges: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def add(start: str, how: str, to: str) -> None:
        if start != to:
            edges[start].setdefault(to, how)

    _places(view, add)
    _memberships(view, add)
    for subject, grants in view.derive(grants_by_holder).items():
        _capabilities(view, subject, grants, group_grants(view, subject), add)
    return {start: tuple(Step(how, to) for to, how in sorted(found.items())) for start, found in edges.items()}


Add = Callable[[str, str, str], None]


def _places(view: View, add: Add) -> None:
    """What a place in a namespace gives: all its accounts to whoever runs pods, those of running pods to whoever enters them."""
    names = sorted(item.name for item in view.all(Namespace))
    for name in names:
        for account in sorted(view.within(ServiceAccount, name), key=lambda item: item.name):
            who = f"sa:{name}/{account.name}"
            add(_run(name), "", who)
            add(_token(name), "", who)
            for key in _CLOUD:
                if account.annotations.get(key):
                    add(who, "acts in the cloud", f"cloud:{account.annotations[key]}")
        for account_name in view.derive(_accounts_of_pods, name):
            add(_enter(name), "", f"sa:{name}/{account_name}")
        for place in (_run, _token, _enter):
            add(place(_ANYWHERE), "", place(name))
    add(_NODES, "", _enter(_ANYWHERE))


def _accounts_of_pods(view: View, namespace: str) -> tuple[str, ...]:
    """The accounts that pods of a namespace run as: on its own, for pods change all the time, and these hardly ever."""
    return tuple(sorted({pod.account for pod in view.within(Pod, namespace) if pod.is_live}))


def _memberships(view: View, add: Add) -> None:
    for account in view.all(ServiceAccount):
        for group in groups_of_account(account.namespace):
            add(f"sa:{account.namespace}/{account.name}", "is in", f"group:{group}")
    for group_object in view.all(Group):
        for user in group_object.users or ():
            add(f"user:{user}", "is in", f"group:{group_object.name}")


def group_grants(view: View, subject: str) -> list[Grant]:
    """What an account holds by the groups that every account is in; nothing for people."""
    held = view.derive(grants_by_holder)
    groups = groups_of_account(subject[3:].partition("/")[0]) if subject.startswith("sa:") else ()
    return [grant for name in groups for grant in held.get(f"group:{name}", ())]


def leads(view: View, subject: str, grants: Iterable[Grant], others: Iterable[Grant], step: Step) -> bool:
    """Whether these grants of a subject, completed by those of its groups, are enough for a step of it."""
    found: dict[str, str] = {}

    def add(start: str, how: str, to: str) -> None:
        if start != to:
            found.setdefault(to, how)

    _capabilities(view, subject, tuple(grants), list(others), add)
    return found.get(step.to) == step.how


def place_of(node: str) -> tuple[str, str] | None:
    """What a place in between is (``run``, ``enter``, ``token``) and its namespace (``*`` for any); ``None`` for identities."""
    sort, _, namespace = node.removeprefix("\0").partition(":")
    return (sort, namespace) if node.startswith("\0") and namespace else None


def _capabilities(view: View, subject: str, grants: tuple[Grant, ...], others: list[Grant], add: Add) -> None:
    """The edges that a subject's own grants give; ``others`` are its groups' and complete a right that takes two."""
    for place in sorted({grant.namespace for grant in grants}):
        here = _Held(view, [grant for grant in grants if grant.namespace in {"", place}], place)
        together = _Held(view, [*here.grants, *(grant for grant in others if grant.namespace in {"", place})], place)
        if not place and any(is_full_admin(grant) for grant in here.grants):
            add(subject, "may do everything", EVERYTHING)  # first: no other way to it is worth telling
        for how, to in (*_in_pods(here), *_by_name(here), *_by_roles(here, together), *_by_nodes(here, together)):
            add(subject, f"{how} in {place}" if place else how, to)
        if not place:
            for how, to in _over_the_api(here):
                add(subject, how, to)


class _Held:
    """What some grants allow at one place (a namespace, or everywhere)."""

    def __init__(self, view: View, grants: list[Grant], place: str) -> None:
        self.view = view
        self.grants = grants
        self.place = place
        self.where = place or _ANYWHERE
        self._minor = server_minor(view)

    def may(self, verbs: Iterable[str], group: str, *resources: str, any_name: bool = False) -> bool:
        """Whether one of the verbs is allowed on one of the resources; ``any_name`` also counts rules for single names."""
        return any(
            allows(grant, asked, any_name=any_name)
            for verb in verbs
            for resource in resources
            for asked in capable(Question(verb, group, resource, self.place), self._minor)
            for grant in self.grants
        )

    def names(self, verb: str, group: str, resource: str) -> list[str]:
        """The single names that rules allow the verb on."""
        question = Question(verb, group, resource, self.place)
        rules = [rule for grant in self.grants if allows(grant, question, any_name=True) for rule in grant.rules]
        return sorted({name for rule in rules if resource in (rule.resources or ()) for name in rule.resource_names or ()})

    @property
    def runs_pods(self) -> bool:
        """Whether pods of one's own choice can be run: made, or a controller's template changed."""
        return self.may(("create",), "", "pods") or any(
            self.may(("create",), group, resource) or self.may(("update", "patch"), group, resource, any_name=True)
            for group, resource in _CONTROLLERS
        )


def _in_pods(here: _Held) -> Iterator[tuple[str, str]]:
    if here.runs_pods:
        yield "runs pods", _run(here.where)
    if here.may(("create",), "", "pods/exec", "pods/attach", any_name=True):
        yield "execs into pods", _enter(here.where)
    if here.may(("update", "patch"), "", "pods/ephemeralcontainers", "pods", any_name=True):
        yield "changes running pods", _enter(here.where)


def _by_name(here: _Held) -> Iterator[tuple[str, str]]:
    """Being somebody else: tokens and impersonation."""
    if here.may(("create",), "", "serviceaccounts/token"):
        yield "makes tokens", _token(here.where)
    elif here.place:
        for name in here.names("create", "", "serviceaccounts/token"):
            yield "makes a token", f"sa:{here.place}/{name}"
    if here.may(("impersonate",), "", "serviceaccounts"):
        yield "impersonates accounts", _token(here.where)
    if not here.place:
        if here.may(("impersonate",), "", "groups"):
            yield "impersonates system:masters", EVERYTHING
        for kind in ("user", "group"):
            for name in here.names("impersonate", "", f"{kind}s"):
                yield "impersonates", f"{kind}:{name}"


def _by_roles(here: _Held, together: _Held) -> Iterator[tuple[str, str]]:
    """Granting oneself more. Writing a binding alone is no way: the server asks for ``bind``, or for what is granted."""
    prefix = "" if here.place else "cluster"
    writes_bindings = here.may(_WRITES, _RBAC, f"{prefix}rolebindings", any_name=True)
    binds = together.may(("bind",), _RBAC, "clusterroles", "roles")
    edits = here.may(_WRITES, _RBAC, f"{prefix}roles", any_name=True) and together.may(("escalate",), _RBAC, f"{prefix}roles")
    how = "binds any role" if writes_bindings and binds else "rewrites roles" if edits else ""
    if how and here.place:
        yield how, _run(here.where)
        yield how, _enter(here.where)
        yield how, _token(here.where)
    elif how:
        yield how, EVERYTHING
    aggregates = any(grant.sources for grant in together.grants)
    if not here.place and aggregates and here.may(("update", "patch"), _RBAC, "clusterroles"):
        yield "labels a strong ClusterRole into one it holds", EVERYTHING


def _by_nodes(here: _Held, together: _Held) -> Iterator[tuple[str, str]]:
    sccs = here.view.derive(privileged_sccs)
    group, resource = "security.openshift.io", "securitycontextconstraints"
    usable = any(allows(grant, Question("use", group, resource, here.place, name)) for name in sccs for grant in together.grants)
    if usable and together.runs_pods and (here.runs_pods or here.place):
        yield "runs privileged pods", _NODES
    if not here.place and here.may(("get", "create"), "", "nodes/proxy", any_name=True):
        yield "execs through nodes/proxy", _NODES
    if not here.place and here.may(_WRITES, group, resource, any_name=True):
        yield "rewrites SCCs", _NODES


def _over_the_api(here: _Held) -> Iterator[tuple[str, str]]:
    """What sees or changes everybody's requests, and what signs certificates."""
    hooks = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    if here.may(_WRITES, "admissionregistration.k8s.io", *hooks, any_name=True):
        yield "writes admission webhooks", EVERYTHING
    if here.may(_WRITES, "apiregistration.k8s.io", "apiservices", any_name=True):
        yield "serves APIs of its own", EVERYTHING
    if here.may(_WRITES, "apiextensions.k8s.io", "customresourcedefinitions", any_name=True):
        yield "writes conversion webhooks of CRDs", EVERYTHING
    approves = here.may(("update", "patch"), "certificates.k8s.io", "certificatesigningrequests/approval")
    if approves and here.may(("approve",), "certificates.k8s.io", "signers", any_name=True):
        yield "signs certificates", EVERYTHING


def _run(place: str) -> str:
    return f"\0run:{place}"


def _enter(place: str) -> str:
    return f"\0enter:{place}"


def _token(place: str) -> str:
    return f"\0token:{place}"


def _is_identity(name: str) -> bool:
    return name.startswith(("sa:", "user:", "group:", "cloud:"))
