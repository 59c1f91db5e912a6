"""Who people are to a cluster: users and groups by every name that objects know them by, how they log in, what they hold.

Source: user.openshift.io/v1 User, Identity, Group; config.openshift.io/v1 OAuth and Authentication; subjects of bindings;
oauth.openshift.io/v1 OAuthAccessToken. Client certificates and the claims of an external provider are in no object.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from ztui.engines.accounts import Power, power_of, verbs_of
from ztui.engines.grants import Grant, all_grants
from ztui.engines.holders import grants_by_holder, holder
from ztui.engines.pathproof import grant_refs
from ztui.engines.paths import PATHS
from ztui.kinds.base import Kind, Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.identity import Group, Identity, User
from ztui.kinds.login import Authentication, OAuth
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.security import SecurityContextConstraints
from ztui.view import View

PEOPLE_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (User, Identity, Group, SecurityContextConstraints, ClusterOperator)
PEOPLE: Final[tuple[type[Kind], ...]] = tuple(kind for kind in PATHS if kind not in PEOPLE_WHERE_SERVED)
"""What ``people`` and ``person`` need."""
LOGIN: Final[tuple[type[Kind], ...]] = (Authentication, OAuth)
"""What tells by which providers people log in, where it is served."""

OIDC_TYPES: Final = frozenset({"OpenID", "Google", "GitLab"})
DIRECTORY_TYPES: Final = frozenset({"LDAP", "GitHub", "RequestHeader"})
LOCAL_TYPES: Final = frozenset({"HTPasswd", "BasicAuth", "Keystone"})

Stale = Literal["no-identity", "no-user", "identity-gone", "provider-gone", "identity-elsewhere", "ghosts"]
"""Why somebody may be nobody any more: a user without identity, a name without user, an identity that is not there, or of a
provider that is not configured, or that says it is another's, members of a group who are no users."""


class Login(msgspec.Struct, frozen=True):
    """One way in which a user logs in: the provider, its type (empty where it is not configured), and the identity there.

    ``owner`` is the user that the identity says it is of; ``None`` where there is no such identity.
    """

    provider: str
    type: str
    identity: Ref
    owner: str | None = None


class Person(msgspec.Struct, frozen=True):
    """A user or a group. ``who`` is ``user:NAME`` or ``group:NAME``; ``ref`` is its object, where there is one.

    ``groups`` are the Group objects that a user is in, ``members`` the users of a group; ``None`` where no object tells them.
    ``grants`` are its own and those of its groups.
    """

    who: str
    ref: Ref | None = None
    logins: tuple[Login, ...] = ()
    groups: tuple[Ref, ...] = ()
    members: tuple[str, ...] | None = None
    ghosts: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    power: Power = Power()
    stale: tuple[Stale, ...] = ()

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.who.partition(":")[2]

    @property
    def is_group(self) -> bool:
        """Whether it is a group."""
        return self.who.startswith("group:")

    @property
    def granting(self) -> tuple[Ref, ...]:
        """The bindings of its grants, and the groups that they are given to where it is in them."""
        groups = (ref for item in self.grants for ref in giving(self.groups, item))
        return tuple(dict.fromkeys((*(item.binding for item in self.grants), *groups)))

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything without becoming somebody else."""
        return self.power.level == "admin-path" and not self.power.path


class Sessions(msgspec.Struct, frozen=True):
    """The logins of a user that are still there: when each began, for how long it holds (``None``: for ever), by which client."""

    logins: tuple[tuple[datetime, timedelta | None, str], ...] = ()

    @property
    def last(self) -> datetime | None:
        """When the newest began."""
        return max((began for began, _, _ in self.logins), default=None)

    def open_at(self, now: datetime) -> int:
        """How many have not ended."""
        return sum(holds is None or began + holds > now for began, holds, _ in self.logins)


def people(view: View) -> tuple[str, ...]:
    """Everybody who is an object, is named by one, or holds a grant; accounts and the system's own names are not people."""
    users = {item.name for item in view.all(User)} | {name for item in view.all(Group) for name in item.users or ()}
    users |= {item.user.name for item in view.all(Identity)} | set(view.derive(sessions))
    groups = {item.name for item in view.all(Group)}
    for grant in all_grants(view):
        if grant.subject.kind in {"User", "Group"} and holder(view, grant) == "human":
            (users if grant.subject.kind == "User" else groups).add(grant.subject.name)
    named = (*((f"user:{name}", name) for name in sorted(users)), *((f"group:{name}", name) for name in sorted(groups)))
    return tuple(who for who, name in named if name and not name.startswith("system:"))


def person(view: View, who: str) -> Person:
    """One of them."""
    name = who.partition(":")[2]
    return _group(view, who, name) if who.startswith("group:") else _user(view, who, name)


def is_external(view: View) -> bool:
    """Whether an external provider authenticates, so that users are no objects at all."""
    found = view.get(Authentication, "cluster")
    return found is not None and found.spec.type == "OIDC"


def are_objects(view: View) -> bool:
    """Whether somebody without a User is nobody: the integrated server makes one at the first login, and all could be read."""
    return view.gap(User) is None and not is_external(view)


def sessions(view: View) -> dict[str, Sessions]:
    """The logins that are still there, by user."""
    found: defaultdict[str, list[tuple[datetime, timedelta | None, str]]] = defaultdict(list)
    for token in view.all(OAuthAccessToken):
        if token.created is not None:
            holds = timedelta(seconds=token.expires_in) if token.expires_in else None
            found[token.user_name].append((token.created, holds, token.client_name))
    return {name: Sessions(tuple(sorted(logins, key=lambda item: item[0], reverse=True))) for name, logins in found.items()}


def _user(view: View, who: str, name: str) -> Person:
    found = view.get(User, name)
    groups = view.derive(_groups_by_user).get(name, ())
    held = view.derive(grants_by_holder)
    grants = (*held.get(who, ()), *(grant for group in groups for grant in held.get(f"group:{group.name}", ())))
    own = (found.identities if found is not None else None) or ()
    named = dict.fromkeys((*own, *view.derive(_identities_by_user).get(name, ())))
    logins = tuple(_login(view, item) for item in named)
    stale: list[Stale] = []
    if found is None:
        stale += ["no-user"] if are_objects(view) else []
    elif not own:
        stale.append("no-identity")
    # Only what could be read whole can be said to be missing.
    stale += ["provider-gone"] if view.gap(OAuth) is None and any(not item.type for item in logins) else []
    stale += ["identity-gone"] if view.gap(Identity) is None and any(item.owner is None for item in logins) else []
    stale += ["identity-elsewhere"] if any(item.owner not in {None, name} for item in logins) else []
    ref = found.ref if found is not None else None
    return Person(who, ref, logins, groups, None, (), grants, _power(view, who, grants, groups), tuple(stale))


def _group(view: View, who: str, name: str) -> Person:
    found = view.get(Group, name)
    grants = view.derive(grants_by_holder).get(who, ())
    members = tuple(sorted(found.users or ())) if found is not None else None
    ghosts = tuple(item for item in members or () if view.get(User, item) is None) if are_objects(view) else ()
    stale: tuple[Stale, ...] = ("ghosts",) if ghosts else ()
    ref = found.ref if found is not None else None
    return Person(who, ref, (), (), members, ghosts, grants, _power(view, who, grants, ()), stale)


def _power(view: View, who: str, grants: tuple[Grant, ...], groups: tuple[Ref, ...]) -> Power:
    """What somebody may do at most; where a group gives it, that group decides too, and of several namespaces another one."""
    found = power_of(view, who, grants)
    if found.grant is None:
        return found
    by = dict.fromkeys(found.by)
    deciding = [found.grant]
    if found.level == "multi-ns":
        deciding += [item for item in grants if item.namespace not in {"", found.grant.namespace} and verbs_of(item)][:1]
    for grant in deciding:
        by.update(dict.fromkeys(grant_refs(view, grant)))
        by.update(dict.fromkeys(giving(groups, grant)))
    return msgspec.structs.replace(found, by=tuple(by))


def giving(groups: tuple[Ref, ...], grant: Grant) -> tuple[Ref, ...]:
    """The group, of these, that a grant is given to."""
    return tuple(ref for ref in groups if (grant.subject.kind, grant.subject.name) == ("Group", ref.name))


def _login(view: View, identity: str) -> Login:
    """An identity is named by its provider, a colon, and the name there."""
    found = view.get(Identity, identity)
    provider = found.provider_name if found is not None else identity.partition(":")[0]
    known = view.derive(_providers)
    owner = found.user.name if found is not None else None
    ref = found.ref if found is not None else Ref(Identity.GROUP, Identity.KIND, "", identity)
    return Login(provider, known.get(provider, ""), ref, owner)


def _providers(view: View) -> dict[str, str]:
    """The configured providers and their types."""
    oauth = view.get(OAuth, "cluster")
    return {item.name: item.type for item in (oauth.spec.identity_providers if oauth is not None else None) or ()}


def _identities_by_user(view: View) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for item in sorted(view.all(Identity), key=lambda one: one.name):
        found[item.user.name].append(item.name)
    return {name: tuple(names) for name, names in found.items()}


def _groups_by_user(view: View) -> dict[str, tuple[Ref, ...]]:
    found: defaultdict[str, list[Ref]] = defaultdict(list)
    for group in sorted(view.all(Group), key=lambda item: item.name):
        for name in dict.fromkeys(group.users or ()):
            found[name].append(group.ref)
    return {name: tuple(groups) for name, groups in found.items()}
