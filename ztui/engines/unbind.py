"""What if this binding went away: what each of its subjects would no longer be allowed, and whom it could no longer become.

The same engines judge a second state, in which the binding is not there. What a subject still holds by other bindings, its own or
those of its groups, is no loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ztui.engines.grants import (
    ACCESS,
    Grant,
    Question,
    allows,
    cluster_grants,
    grants_in,
    groups_of_account,
    subject_key,
    what_can,
)
from ztui.engines.paths import EVERYTHING, steps_from
from ztui.kinds.base import Kind, Ref
from ztui.kinds.identity import Group
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding, Rule, Subject
from ztui.view import State, View


class Right(msgspec.Struct, frozen=True, order=True):
    """One verb on one resource, or on a path of the API."""

    resource: str
    verb: str
    group: str = ""
    names: tuple[str, ...] = ()
    path: str = ""


class Loss(msgspec.Struct, frozen=True):
    """What one subject loses and keeps, and the identities that it no longer gets to (``everything`` is one).

    ``members`` are the people of a group, where the cluster knows them.
    """

    subject: str
    lost: tuple[Right, ...]
    kept: tuple[Right, ...]
    cut_off: tuple[str, ...]
    members: tuple[str, ...] = ()


def losses(view: View, binding: Ref) -> tuple[Loss, ...] | None:
    """What each subject of a binding would lose; ``None`` where there is no such binding."""
    read: tuple[type[Kind], ...] = (*ACCESS, Group)
    for used in read:
        next(view.all(used), None)  # the other state has a view of its own: what it rests on is noted here
    kind: type[RoleBinding | ClusterRoleBinding] = RoleBinding if binding.kind == "RoleBinding" else ClusterRoleBinding
    found = view.get(kind, binding.name, binding.namespace)
    if found is None:
        return None
    now = View(view.state, limits=view.limits)
    after = View(without(view.state, kind, binding), limits=view.limits)
    grants = cluster_grants(now) if kind is ClusterRoleBinding else grants_in(now, binding.namespace)
    mine = [grant for grant in grants if grant.binding.name == binding.name]
    return tuple(sorted((_loss(now, after, grant) for grant in mine), key=lambda loss: loss.subject))


def without(state: State, kind: type[Kind], ref: Ref) -> State:
    """The state in which one object is not there."""
    objects = dict(state.objects)
    parts = dict(objects.get(kind, {}))
    part = dict(parts.get(ref.namespace, {}))
    part.pop(ref.name, None)
    parts[ref.namespace] = part
    objects[kind] = parts
    return msgspec.structs.replace(state, objects=objects)


def _loss(now: View, after: View, grant: Grant) -> Loss:
    subject = grant.subject
    user, groups = _login(subject, grant.namespace)
    left = what_can(after, user, groups)
    rights = sorted(set(_rights(grant.rules)))
    lost = tuple(right for right in rights if not _holds(left, right, grant.namespace))
    key = subject_key(subject, grant.namespace)
    reached = steps_from(now, key).keys() - steps_from(after, key).keys()
    people = now.get(Group, subject.name) if subject.kind == "Group" else None
    return Loss(
        key,
        lost,
        tuple(right for right in rights if right not in lost),
        tuple(sorted(reached, key=lambda name: (name != EVERYTHING, name))),
        tuple(sorted(people.users or ())) if people else (),
    )


def _login(subject: Subject, namespace: str) -> tuple[str, tuple[str, ...]]:
    """The user name and the groups by which the API server would know the subject."""
    if subject.kind == "ServiceAccount":
        home = subject.namespace or namespace
        return f"system:serviceaccount:{home}:{subject.name}", groups_of_account(home)
    if subject.kind == "Group":
        return "", (subject.name,)
    return subject.name, ("system:authenticated",)


def _rights(rules: Iterable[Rule]) -> Iterator[Right]:
    for rule in rules:
        names = tuple(sorted(rule.resource_names or ()))
        for verb in rule.verbs or ():
            for path in rule.non_resource_urls or ():
                yield Right("", verb, path=path)
            for group in rule.api_groups or ():
                for resource in rule.resources or ():
                    yield Right(resource, verb, group, names)


def _holds(grants: Iterable[Grant], right: Right, namespace: str) -> bool:
    """Whether other grants allow the same there, for each of the names."""
    here = [grant for grant in grants if grant.namespace in {"", namespace}]
    names = right.names or ("",)
    asked = [Question(right.verb, right.group, right.resource, namespace, name, right.path) for name in names]
    return all(any(allows(grant, question) for grant in here) for question in asked)
