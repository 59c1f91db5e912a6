"""What an account of a workload may do, in one word and with the reason for it.

Rights that everybody with a login holds are no matter of one workload: they count where they give everything or every Secret, and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from ztui.engines.grants import Grant, Question, allows, groups_of_account
from ztui.engines.holders import grants_by_holder, is_full_admin
from ztui.engines.pathproof import grant_refs, path_refs
from ztui.engines.paths import EVERYTHING, PATHS, Step, is_step, paths_to
from ztui.kinds.base import Kind, Ref
from ztui.kinds.identity import Group
from ztui.kinds.security import SecurityContextConstraints
from ztui.view import View

ACCOUNTS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (Group, SecurityContextConstraints)
ACCOUNTS: Final[tuple[type[Kind], ...]] = tuple(kind for kind in PATHS if kind not in ACCOUNTS_WHERE_SERVED)
"""What this engine reads."""

Level = Literal["none", "ns-read", "ns-write", "multi-ns", "cluster-read", "cluster-write", "secrets", "admin-path"]

LOGGED_IN: Final = ("system:authenticated", "system:authenticated:oauth")
"""The groups of everybody who is logged in."""

READS: Final = frozenset({"get", "list", "watch"})
_SECRET: Final = (Question("get", "", "secrets"), Question("list", "", "secrets"))


class Power(msgspec.Struct, frozen=True):
    """How far an account reaches: the level, the grant that gives most, or the steps to everything where there is a way.

    ``by`` are the objects that decide: binding and role, or all that the steps rest on.
    """

    level: Level = "none"
    grant: Grant | None = None
    path: tuple[Step, ...] = ()
    by: tuple[Ref, ...] = ()

    @property
    def hops(self) -> int:
        """How many times one has to become somebody else."""
        return sum(is_step(step) for step in self.path)


def power(view: View, namespace: str, name: str) -> Power:
    """What a ServiceAccount may do at most."""
    who = f"sa:{namespace}/{name}"
    return _power(view, who, view.derive(grants_by_holder).get(who, ()), groups_of_account(namespace), namespace)


def power_of(view: View, who: str, grants: tuple[Grant, ...]) -> Power:
    """What somebody, ``user:U`` or ``group:G``, may do at most: by these grants, and as anybody who is logged in."""
    places = {grant.namespace for grant in grants if grant.namespace and verbs_of(grant)}
    everybody = LOGGED_IN if who.startswith("user:") else ()
    return _power(view, who, grants, everybody, places.pop() if len(places) == 1 else "")


def _power(view: View, who: str, own: tuple[Grant, ...], groups: tuple[str, ...], namespace: str) -> Power:
    admin, secrets = _strongest(own)
    all_admin, all_secrets = view.derive(_of_groups, groups)
    admin, secrets = admin or all_admin, secrets or all_secrets
    path = view.derive(ways_to_everything).get(who, ())
    if admin is None and path:
        return Power("admin-path", path=path, by=path_refs(view, who, path))
    level: Level = "admin-path" if admin is not None else "secrets"
    grant = admin or secrets
    if grant is None:
        level, grant = _plain(namespace, own)
    return Power(level, grant, by=grant_refs(view, grant)) if grant is not None else Power()


def _of_groups(view: View, groups: tuple[str, ...]) -> tuple[Grant | None, Grant | None]:
    """What is held by groups that everybody is in: everything, and every Secret."""
    held = view.derive(grants_by_holder)
    return _strongest(grant for group in groups for grant in held.get(f"group:{group}", ()))


def _strongest(grants: Iterable[Grant]) -> tuple[Grant | None, Grant | None]:
    """The first grant that gives everything, and the first that gives every Secret of the cluster."""
    whole = [grant for grant in grants if not grant.namespace]
    admin = next((grant for grant in whole if is_full_admin(grant)), None)
    return admin, next((grant for grant in whole if any(allows(grant, item) for item in _SECRET)), None)


def ways_to_everything(view: View) -> dict[str, tuple[Step, ...]]:
    """Who gets to everything by steps, and by which."""
    return paths_to(view, {EVERYTHING})


def _plain(namespace: str, grants: Iterable[Grant]) -> tuple[Level, Grant | None]:
    """The highest level of grants that give neither everything nor every Secret."""
    found: dict[Level, Grant] = {}
    for grant in grants:
        for level in _levels(namespace, grant):
            found.setdefault(level, grant)
    order: tuple[Level, ...] = ("cluster-write", "cluster-read", "multi-ns", "ns-write", "ns-read")
    return next(((level, found[level]) for level in order if level in found), ("none", None))


def _levels(namespace: str, grant: Grant) -> Iterable[Level]:
    verbs = verbs_of(grant)
    if not verbs:
        return
    writes = bool(verbs - READS)
    if not grant.namespace:
        yield "cluster-write" if writes else "cluster-read"
    elif grant.namespace != namespace:
        yield "multi-ns"
    else:
        yield "ns-write" if writes else "ns-read"


def verbs_of(grant: Grant) -> frozenset[str]:
    """What may be done with resources by a grant; nothing where its role has no rule for any."""
    return frozenset(verb for rule in grant.rules if rule.resources for verb in rule.verbs or ())
