"""The users of the identity pane: one line for each user and group: how they log in, what they hold, when they were last seen.

What no object tells is said: client certificates of kubeconfigs, and the groups that an external provider's claims name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from ztui.engines.grants import Grant
from ztui.engines.paths import in_words, is_step
from ztui.engines.people import (
    LOCAL_TYPES,
    LOGIN,
    OIDC_TYPES,
    PEOPLE,
    PEOPLE_WHERE_SERVED,
    Login,
    Person,
    Sessions,
    Stale,
    are_objects,
    is_external,
    people,
    person,
    sessions,
)
from ztui.kinds.base import CLUSTER, Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.identity import Group, Identity, User
from ztui.panes.base import Cell, Line, Tone, cell, prose
from ztui.panes.facts import Fact, unknown, unseen
from ztui.panes.risks import RIGHTS
from ztui.text import clean, mark_name
from ztui.view import Gap, View
from ztui.words import gap_text

COLUMNS: Final = ("login", "groups", "rights", "grants", "seen", "state")
TITLES: Final = {
    "login": "how they log in",
    "groups": "groups, members",
    "rights": "rights",
    "grants": "grants",
    "seen": "last login",
    "state": "state",
}
NOTE: Final = "client certificates of kubeconfigs are in no object: whoever holds one of system:masters may do everything"
OAUTH: Final = Ref("config.openshift.io", "OAuth", "", "cluster")
MANY: Final = 20
"""Grants that a page lists; the rest are counted."""

_SAYS: Final = {
    "login": "Login",
    "groups": "Groups",
    "rights": "Rights",
    "grants": "Grants",
    "seen": "Last login",
    "state": "State",
}
_STALE: Final[dict[Stale, str]] = {
    "no-identity": "has no identity at any provider: nobody logs in as it, until somebody is given it",
    "no-user": "is named, and is no user: never logged in, or gone; whoever gets the name inherits the grants",
    "identity-gone": "names an identity that is not there: its next login is refused",
    "provider-gone": "has an identity of a provider that is not configured any more",
    "identity-elsewhere": "names an identity that belongs to another user",
    "ghosts": "has members that are no users, for they never logged in or are gone",
}


class PersonRow(msgspec.Struct, frozen=True):
    """One user or group. ``facts`` are in the order of ``COLUMNS``; texts are raw until they become cells."""

    of: Person
    facts: tuple[Fact, ...]
    sessions: Sessions

    @property
    def key(self) -> str:
        """Stays the same for the same one."""
        return f"person:{self.of.who}"

    def fact(self, column: str) -> Fact:
        """The fact of one column."""
        return self.facts[COLUMNS.index(column)]


class UsersPane(msgspec.Struct, frozen=True):
    """Everybody, and what the list does not show, in raw words."""

    rows: tuple[PersonRow, ...]
    notes: tuple[str, ...]


def users_pane(view: View) -> UsersPane:
    """What the screen shows."""
    return UsersPane(view.derive(all_people), tuple(notes(view)))


def all_people(view: View) -> tuple[PersonRow, ...]:
    """Everybody, the mightiest first."""
    found = [view.derive(person_row, who) for who in view.derive(people)]
    order = list(reversed(RIGHTS))
    return tuple(
        sorted(found, key=lambda row: (not row.of.is_admin, order.index(row.of.power.level), row.of.is_group, row.of.who))
    )


def person_row(view: View, who: str) -> PersonRow:
    """One of them."""
    found = view.derive(person, who)
    gap = unseen(view, PEOPLE, PEOPLE_WHERE_SERVED, CLUSTER)
    mine = view.derive(sessions).get(found.name, Sessions()) if not found.is_group else Sessions()
    facts = (
        _login(view, found),
        _groups(view, found),
        _rights(found, gap),
        _grants(found, gap),
        _seen(view, found, mine),
        _state(view, found),
    )
    return PersonRow(found, facts, mine)


def people_lines(rows: Iterable[PersonRow], *, faults_only: bool = False) -> list[Line]:
    """One line for each."""
    lines = [_line(row) for row in rows]
    return [line for line in lines if not faults_only or line.status == "fail"]


def person_page(row: PersonRow) -> list[Line]:
    """Everything about one, with each grant and the steps to more."""
    lines = [Line("head", (cell(mark_name(row.of.name), "strong"), cell("group" if row.of.is_group else "user", "dim")))]
    for fact in row.facts:
        lines.append(Line(fact.column, (cell(f"{_SAYS[fact.column]}:", "strong"), prose(fact.says, fact.tone))))
        lines += [
            Line(f"{fact.column}:{at}", (prose(f"    by {mark_name(str(ref))}", "dim"),), ref=ref)
            for at, ref in enumerate(fact.by[:MANY])
        ]
    if row.of.members:
        ghosts = set(row.of.ghosts)
        lines.append(Line("members", (cell(f"Members: {len(row.of.members)}", "strong"),)))
        lines += [
            Line(
                f"member:{name}",
                (prose(f"    {name}{' (no user)' if name in ghosts else ''}", "warn" if name in ghosts else "plain"),),
            )
            for name in row.of.members
        ]
    if row.sessions.logins:
        lines.append(Line("logins", (cell("Logins that are still there:", "strong"),)))
        lines += [Line(f"login:{at}", (prose(_session(*item)),)) for at, item in enumerate(row.sessions.logins[:MANY])]
    lines += [
        Line(f"grant:{at}", (prose(f"    {_grant(item)}"),), ref=item.binding) for at, item in enumerate(row.of.grants[:MANY])
    ]
    if len(row.of.grants) > MANY:
        lines.append(Line("grants:more", (cell(f"    and {len(row.of.grants) - MANY} grants more", "dim"),)))
    return [*lines, Line("note", (prose(NOTE, "dim"),))]


def document(rows: Iterable[PersonRow]) -> list[dict[str, Any]]:
    """The rows as data."""
    return [
        {
            "name": clean(row.of.name),
            "kind": "group" if row.of.is_group else "user",
            "cluster_admin": row.of.is_admin,
            "stale": list(row.of.stale),
            "last_login": row.sessions.last.isoformat() if row.sessions.last is not None else None,
            "members": None if row.of.members is None else [clean(name) for name in row.of.members],
            **{
                fact.column: {
                    "value": clean(fact.text),
                    "status": fact.tone,
                    "says": clean(fact.says, limit=len(fact.says)),
                    "by": [clean(str(ref)) for ref in fact.by],
                }
                for fact in row.facts
            },
        }
        for row in rows
    ]


def notes(view: View) -> list[str]:
    """What the list does not show, in raw words."""
    found = [NOTE]
    if is_external(view):
        found.append("an external provider authenticates: users are no objects, and groups come from its claims")
    gap = unseen(view, PEOPLE, PEOPLE_WHERE_SERVED, CLUSTER)
    return [*found, *([f"not all roles, bindings and users could be read: {gap_text(gap)}"] if gap is not None else [])]


def _login(view: View, of: Person) -> Fact:
    if of.is_group:
        return _group_login(view, of)
    gap = unseen(view, (), (User, Identity), CLUSTER)
    if gap is not None:
        return unknown("login", gap)
    if of.ref is None:
        if are_objects(view):
            by = tuple(item.identity for item in of.logins)
            return Fact("login", "no user", "warn", "no user of this name has ever logged in here, or it was deleted", by)
        return Fact("login", "not seen", "unknown", "logs in by an external provider, a certificate or a token: no object tells")
    if not of.logins:
        return Fact("login", "no identity", "warn", "has no identity at any provider", (of.ref,))
    gap = unseen(view, (), LOGIN, CLUSTER)
    by = (of.ref, *(item.identity for item in of.logins))
    if gap is not None:
        names = ", ".join(item.provider for item in of.logins)
        return Fact("login", f"{names} ?", "unknown", f"by {names}; whether it is configured cannot be seen: {gap_text(gap)}", by)
    by = (*by, OAUTH) if any(item.type for item in of.logins) else by
    text = ", ".join(item.provider if item.type else f"{item.provider} (gone)" for item in of.logins)
    return Fact("login", text, _login_tone(of.logins), f"logs in by {'; '.join(map(_login_words, of.logins))}", by)


def _group_login(view: View, of: Person) -> Fact:
    gap = unseen(view, (), (Group,), CLUSTER)
    if gap is not None:
        return unknown("login", gap)
    if of.ref is not None:
        return Fact("login", "kept here", "plain", "its members are kept in the cluster", (of.ref,))
    if view.gap(Group) is None and not is_external(view):
        says = "no group of this name is kept here: nobody is in it, unless a certificate or a proxy says so"
        return Fact("login", "no group", "warn", says)
    return Fact(
        "login", "from claims", "unknown", "who is in it is told by the claims of a provider or a certificate: no object does"
    )


def _login_words(item: Login) -> str:
    kind = item.type or "a provider that is not configured"
    gone = ", which is not there" if item.owner is None else ""
    return f"{item.provider} ({kind}) as {item.identity.name}{gone}"


def _login_tone(logins: Iterable[Login]) -> Tone:
    types = [item.type for item in logins]
    if "" in types:
        return "fail"
    if any(item in LOCAL_TYPES for item in types):
        return "warn"
    return "pass" if all(item in OIDC_TYPES for item in types) else "plain"


def _groups(view: View, of: Person) -> Fact:
    gap = unseen(view, (), (Group,), CLUSTER)
    if gap is not None:
        return unknown("groups", gap)
    if not of.is_group:
        names = ", ".join(ref.name for ref in of.groups)
        return Fact(
            "groups", names or "–", "plain" if names else "dim", f"is in {names or 'no group that is kept here'}", of.groups
        )
    if of.members is None:
        return Fact("groups", "not seen", "unknown", "who is in it no object tells")
    text = f"{len(of.members)} members" if len(of.members) != 1 else "1 member"
    by = (of.ref,) if of.ref is not None else ()
    return Fact("groups", text, "plain" if of.members else "dim", f"has {text}: {', '.join(of.members) or 'nobody'}", by)


def _rights(of: Person, gap: Gap | None) -> Fact:
    found = of.power
    level = "cluster-admin" if of.is_admin else found.level
    hops = sum(map(is_step, found.path))
    text = f"{level} +{hops}" if hops else level
    tone = RIGHTS[found.level][0]
    if found.path:
        bindings = ", ".join(str(ref) for ref in found.by if ref.kind.endswith("Binding"))
        says = f"gets to everything: {in_words(found.path)}" + (f"; granted by {bindings}" if bindings else "")
    elif found.grant is not None:
        says = f"{level}: {found.grant.binding} gives {found.grant.key} {found.grant.role.kind} {found.grant.role.name}"
        others = [ref for ref in found.by if ref.kind.endswith("Binding") and ref != found.grant.binding]
        says += f", and {others[0]} gives more elsewhere" if others else ""
    else:
        says = "nothing is granted to it, nor to a group that it is known to be in"
    if gap is not None and not of.is_admin:
        return Fact("rights", f"{text} ?", "unknown", f"{says}; not all could be read: {gap_text(gap)}", found.by)
    return Fact("rights", text, tone, says, found.by)


def _grants(of: Person, gap: Gap | None) -> Fact:
    whole = sum(not item.namespace for item in of.grants)
    places = {item.namespace for item in of.grants if item.namespace}
    parts = [f"{whole} everywhere"] if whole else []
    parts += [f"{len(of.grants) - whole} in {len(places)} namespace{'s' if len(places) != 1 else ''}"] if places else []
    text = ", ".join(parts) or "none"
    bindings = list(dict.fromkeys(item.binding for item in of.grants))
    more = f" and {len(bindings) - 5} more" if len(bindings) > 5 else ""
    says = f"holds {text}, by {', '.join(map(str, bindings[:5]))}{more}" if of.grants else "holds nothing by name"
    if gap is not None:
        return Fact("grants", f"{text} ?", "unknown", f"{says}; not all could be read: {gap_text(gap)}", of.granting)
    return Fact("grants", text, "plain" if of.grants else "dim", says, of.granting)


def _seen(view: View, of: Person, mine: Sessions) -> Fact:
    if of.is_group:
        return Fact("seen", "–", "dim", "a group does not log in")
    gap = unseen(view, (), (OAuthAccessToken,), CLUSTER)
    if gap is not None:
        return unknown("seen", gap)
    if not are_objects(view):
        return Fact("seen", "not seen", "unknown", "logins are no objects here")
    if mine.last is None:
        return Fact("seen", "no login", "dim", "no login of its is kept any more")
    count = mine.open_at(view.now)
    text = f"{_ago(view.now, mine.last)}, {count} open" if count else _ago(view.now, mine.last)
    logins = f"{count} {'login is' if count == 1 else 'logins are'} open"
    return Fact("seen", text, "plain", f"last logged in at {mine.last:%Y-%m-%d %H:%M} UTC; {logins}")


def _state(view: View, of: Person) -> Fact:
    gap = unseen(view, (), (User, Identity, Group, *LOGIN), CLUSTER)
    oauth = (OAUTH,) if any(item.type for item in of.logins) else ()
    users = tuple(Ref(User.GROUP, User.KIND, "", name) for name in of.members or () if name not in of.ghosts)
    by = tuple(ref for ref in (of.ref, *(item.identity for item in of.logins), *oauth, *users) if ref is not None)
    if of.stale:
        grave = bool(of.grants) and of.stale != ("ghosts",)
        names = ", ".join(of.ghosts[:5]) + (f" and {len(of.ghosts) - 5} more" if len(of.ghosts) > 5 else "")
        says = "; ".join(_STALE[item] + (f": {names}" if item == "ghosts" else "") for item in of.stale)
        if grave:
            return Fact("state", "stale", "fail", f"{says}; {len(of.grants)} grants are left", (*by, *of.granting))
        return Fact("state", "stale", "warn", says, by)
    if gap is not None:
        return unknown("state", gap)
    if of.ref is None:
        return Fact("state", "not seen", "unknown", "whether anybody is behind it no object tells")
    return Fact("state", "linked", "pass", "is an object of the cluster, and everything that it names is there", by)


def _ago(now: datetime, then: datetime) -> str:
    minutes = max(0, int((now - then).total_seconds()) // 60)
    return f"{minutes} min ago" if minutes < 90 else f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} d ago"


def _session(began: datetime, holds: Any, client: str) -> str:
    until = f"until {began + holds:%Y-%m-%d %H:%M}" if holds is not None else "for ever"
    return f"    by {client}, since {began:%Y-%m-%d %H:%M} UTC, {until}"


def _grant(item: Grant) -> str:
    where = f"in {item.namespace}" if item.namespace else "everywhere"
    return f"{item.role.kind} {item.role.name} {where}, as {item.key}, by {item.binding}"


def _line(row: PersonRow) -> Line:
    kind = "group" if row.of.is_group else "user"
    cells: tuple[Cell, ...] = (cell(mark_name(row.of.name), "strong"), cell(kind, "dim"))
    tones = {fact.tone for fact in row.facts}
    return Line(
        row.key,
        (*cells, *(cell(fact.text, fact.tone) for fact in row.facts)),
        words=" ".join((row.of.who, kind, *(fact.text for fact in row.facts))),
        status=next((tone for tone in ("fail", "warn", "unknown") if tone in tones), "pass"),
        ref=row.of.ref,
        by=tuple(dict.fromkeys(ref for fact in row.facts for ref in fact.by)),
    )
