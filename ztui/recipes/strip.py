"""Everything taken from one subject at once: an account, a user or a group loses all its bindings, a person its groups too.

What a subject holds by groups that no object of the cluster keeps (those of accounts, those that a provider tells) stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.grants import ACCESS, Grant, cluster_grants, subject_key
from ztui.engines.holders import is_full_admin
from ztui.kinds.base import Kind, Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.identity import Group
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding, Subject
from ztui.kinds.session import Session
from ztui.recipes.base import Draft, Note, Stop, Write, add, as_wanted, expect, note, patched, pointer, recipe, refused, remove
from ztui.recipes.rbac import AUTOUPDATE, LAST_ADMIN, YOURSELF
from ztui.view import Gap, View

LOSES: Final = Reason("loses-role", "{who} no longer holds {role} {where} by {binding}")
LEAVES: Final = Reason("leaves-group", "{who} is no longer in the group {group}")
BY_GROUPS: Final = Reason("by-groups", "what it holds by its groups stays: {groups}")
LOGINS_STAY: Final = Reason("logins-stay", "its {count} logins go on, without these rights: R-OAUTH-REVOKE ends them")
LOGINS_UNSEEN: Final = Reason("logins-unseen", "its logins cannot be seen from here: R-OAUTH-REVOKE ends those that can")
AT_PROVIDER: Final = Reason("at-provider", "a provider lets it in again and may tell its groups anew: disable it there too")
UNREAD: Final = Reason("bindings-unread", "not all bindings can be read ({why}): those that cannot stay")
NOT_YOURSELF: Final = Reason("not-yourself", "that is you: somebody else has to do it")

Binding = RoleBinding | ClusterRoleBinding
READS: Final[tuple[type[Kind], ...]] = (*ACCESS, Group, Session)


def who_is(ref: Ref) -> str:
    """A subject in the form that people type: ``sa:NS/NAME``, ``user:U``, ``group:G``."""
    return f"sa:{ref.namespace}/{ref.name}" if ref.kind == "ServiceAccount" else f"{ref.kind.lower()}:{ref.name}"


def is_oneself(view: View, ref: Ref) -> bool:
    """Whether we are that account or user, or in that group."""
    me = next(iter(view.all(Session)), None)
    if me is None:
        return False
    if ref.kind == "ServiceAccount":
        return me.user == f"system:serviceaccount:{ref.namespace}:{ref.name}"
    return ref.name == me.user if ref.kind == "User" else ref.name in me.groups


def bindings_of(view: View, who: str) -> tuple[Binding, ...]:
    """The bindings that name a subject, of the cluster first."""
    every: Iterable[Binding] = (*view.all(ClusterRoleBinding), *view.all(RoleBinding))
    return tuple(sorted((item for item in every if list(_places(item, who))), key=lambda item: (item.namespace, item.name)))


def groups_of(view: View, name: str) -> tuple[Group, ...]:
    """The groups of the cluster that a user is in."""
    return tuple(sorted((item for item in view.all(Group) if name in (item.users or ())), key=lambda item: item.name))


def unread_bindings(view: View) -> Gap | None:
    """Why bindings may be there that cannot be seen; ``None`` where all can."""
    return view.gap(ClusterRoleBinding) or view.gap(RoleBinding)


def _is_stripped(view: View, ref: Ref, was: View) -> bool:
    """Whether no binding names it any more, of those that can be seen."""
    del was
    return not bindings_of(view, who_is(ref))


@recipe(
    "R-STRIP",
    "Take all its bindings away",
    risk_class="disruptive",
    on=("ServiceAccount", "User", "Group"),
    writes=(ClusterRoleBinding, RoleBinding),
    reads=READS,
    contains=("account", "person"),
    verify_s=10.0,
    done=_is_stripped,
)
def strip(view: View, ref: Ref) -> Draft:
    """The subject goes off every binding that names it; the bindings stay, so that all of it can be taken back."""
    who = who_is(ref)
    found = bindings_of(view, who)
    if not found:
        gap = unread_bindings(view)
        return as_wanted(ref, f"no binding names {who}") if gap is None else refused(ref, UNREAD, why=gap)
    radius = [*_losses(found, who), *_by_groups(ref), *_unread(view, ref)]
    return Draft(tuple(_without(item, who) for item in found), tuple(radius), tuple(_stops(view, ref, mine=False)))


def _is_disabled(view: View, ref: Ref, was: View) -> bool:
    return _is_stripped(view, ref, was) and not groups_of(view, ref.name)


@recipe(
    "R-USER-DISABLE",
    "Leave the user without rights",
    risk_class="disruptive",
    on=("User",),
    writes=(ClusterRoleBinding, RoleBinding, Group),
    reads=(*READS, OAuthAccessToken),
    contains=("person",),
    verify_s=10.0,
    done=_is_disabled,
)
def disable(view: View, ref: Ref) -> Draft:
    """Off every binding and out of every group that the cluster keeps; logins end by a recipe of their own."""
    who, groups = who_is(ref), groups_of(view, ref.name)
    found = bindings_of(view, who)
    if not found and not groups:
        return as_wanted(ref, f"{who} is in no group and named by no binding")
    writes: list[Write] = [_without(item, who) for item in found]
    writes += [_out_of(group, ref.name) for group in groups]
    radius = [
        *_losses(found, who),
        *(note(LEAVES, item.ref, who=who, group=item.name) for item in groups),
        note(AT_PROVIDER, ref),
    ]
    radius += _unread(view, ref)
    if view.gap(OAuthAccessToken) is not None:
        radius.append(note(LOGINS_UNSEEN, ref))
    elif logins := sum(item.user_name == ref.name for item in view.all(OAuthAccessToken)):
        radius.append(note(LOGINS_STAY, ref, count=logins))
    return Draft(tuple(writes), tuple(radius), tuple(_stops(view, ref, mine=True)))


def _unread(view: View, ref: Ref) -> Iterator[Note]:
    gap = unread_bindings(view)
    if gap is not None:
        yield note(UNREAD, ref, why=gap)


def _places(binding: Binding, who: str) -> Iterator[int]:
    """Where a binding names a subject; an account may be named as a user too."""
    for at, subject in enumerate(binding.subjects or ()):
        if who in {subject_key(subject, binding.namespace), _as_account(subject)}:
            yield at


def _as_account(subject: Subject) -> str:
    _, _, rest = subject.name.partition("system:serviceaccount:")
    place, _, name = rest.partition(":")
    return f"sa:{place}/{name}" if subject.kind == "User" and rest else ""


def _without(binding: Binding, who: str) -> Write:
    operations: list[dict[str, Any]] = [expect(pointer("subjects"), msgspec.to_builtins(binding.subjects))]
    operations += [remove(pointer("subjects", at)) for at in sorted(_places(binding, who), reverse=True)]
    if binding.labels.get("kubernetes.io/bootstrapping") == "rbac-defaults":
        operations.append(add(pointer("metadata", "annotations", AUTOUPDATE), "false"))
    return patched(binding, *operations)


def _out_of(group: Group, name: str) -> Write:
    users = list(group.users or ())
    places = [at for at, item in enumerate(users) if item == name]
    gone = (remove(pointer("users", at)) for at in reversed(places))
    return patched(group, expect(pointer("users"), users), *gone)


def _losses(found: Iterable[Binding], who: str) -> Iterator[Note]:
    for item in found:
        where = f"in {item.namespace}" if item.namespace else "everywhere"
        yield note(LOSES, item.ref, who=who, role=item.role_ref.name, where=where, binding=item.ref)


def _by_groups(ref: Ref) -> Iterator[Note]:
    if ref.kind == "ServiceAccount":
        groups = f"system:serviceaccounts:{ref.namespace}, system:serviceaccounts, system:authenticated"
        yield note(BY_GROUPS, ref, groups=groups)


def _stops(view: View, ref: Ref, *, mine: bool) -> Iterator[Stop]:
    """Nobody saws off the branch that everybody sits on, nor, without a word, their own."""
    if is_oneself(view, ref):
        yield Stop(note(NOT_YOURSELF if mine else YOURSELF, ref), override=not mine)
    admins = [grant for grant in view.derive(cluster_grants) if is_full_admin(grant) and grant.subject.kind in {"User", "Group"}]
    if admins and not any(_stays_admin(view, grant, ref, mine=mine) for grant in admins) and _was_admin(view, admins, ref):
        yield Stop(note(LAST_ADMIN, ref))


def _was_admin(view: View, admins: Iterable[Grant], ref: Ref) -> bool:
    mine = {who_is(ref), *(f"group:{group.name}" for group in groups_of(view, ref.name) if ref.kind == "User")}
    return any(grant.key in mine for grant in admins)


def _stays_admin(view: View, grant: Grant, ref: Ref, *, mine: bool) -> bool:
    """Whether a grant still gives everything to some person afterwards."""
    subject = grant.subject
    if subject.name == "system:masters" or grant.key == who_is(ref):
        return False
    group = view.get(Group, subject.name) if subject.kind == "Group" else None
    return group is None or not mine or bool(set(group.users or ()) - {ref.name})
