"""What a blast radius holds: rights and the steps to more, Secrets by name, roles of Vaults, images and their weaknesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ztui.engines.accounts import ACCOUNTS, ACCOUNTS_WHERE_SERVED, Power, power
from ztui.engines.blast import Centre, literals_of, secrets_of
from ztui.engines.grants import Grant, Question, allows, capable, groups_of_account, question_for, server_minor, who_can
from ztui.engines.holders import grants_by_holder
from ztui.engines.paths import EVERYTHING, in_words, is_step, steps_from
from ztui.engines.people import PEOPLE, PEOPLE_WHERE_SERVED, person
from ztui.engines.scans import SCANS_WHERE_SERVED, Image, images
from ztui.engines.scopes import has_no_namespace
from ztui.engines.vaultlogins import Login, logins_of
from ztui.kinds.base import CLUSTER, Ref
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.panes.access import QUESTIONS
from ztui.panes.base import Tone
from ztui.panes.blastbase import MANY, Part, Says, counted, part, shortened, some, why
from ztui.panes.facts import logins_unseen, unseen
from ztui.panes.risks import RIGHTS
from ztui.view import View

_WORST_FIRST: Final = tuple(reversed(RIGHTS))
_GRAVE: Final = frozenset({"secrets", "pods/exec", "serviceaccounts/token", "users", "securitycontextconstraints", "nodes/proxy"})


def rights(view: View, centre: Centre) -> Part:
    """What it may do at most, by which grants, and whom it gets to be by steps."""
    title = "Rights, and where they lead"
    if centre.sort == "person":
        return part("rights", title, _of_person(view, centre.who), why(unseen(view, PEOPLE, PEOPLE_WHERE_SERVED, CLUSTER)))
    says: list[Says] = []
    accounts = centre.accounts
    powers = {at: view.derive(power, *at) for at in accounts}
    first = sorted(accounts, key=lambda at: (_WORST_FIRST.index(powers[at].level), at))
    for place, name in first[:MANY]:
        says.append(_most(f"serviceaccount/{place}/{name}", powers[place, name]))
        if len(accounts) == 1:
            held = view.derive(grants_by_holder).get(f"sa:{place}/{name}", ())
            says += _questions(view, held)
            says += _grants(held)
            says += _steps(view, f"sa:{place}/{name}")
            says += _who_gets_here(view, place, name)
            says += _of_groups(view, place)
    if len(first) > MANY:
        says.append(
            Says(f"and {counted(len(first) - MANY, 'account')} more, none with more than {powers[first[MANY]].level}", "dim")
        )
    return part("rights", title, says, why(unseen(view, ACCOUNTS, ACCOUNTS_WHERE_SERVED, CLUSTER)))


def secrets(centre: Centre) -> Part:
    """The Secrets that its pods mount or read as variables, by name, and credentials that stand in the pods as they are."""
    says: list[Says] = []
    places = sorted({pod.namespace for pod in centre.pods})
    for place in places:
        pods = [pod for pod in centre.pods if pod.namespace == place]
        lead = f"{place}/" if len(places) > 1 else ""
        for name, how in secrets_of(pods).items():
            says.append(Says(f"{lead}{name} ({some(how, 4)})", "plain", (Ref("", "Secret", place, name),)))
        literal = literals_of(pods)
        says += [Says(f"{lead}variables with a credential in plain sight: {some(literal)}", "fail")] if literal else []
    if not says:
        says.append(Says("mounts no Secret and reads none as a variable", "pass"))
    gap = centre.gap[1] if centre.gap is not None else None
    return part("secrets", "Secrets it holds (names only)", shortened(says, "Secret", most=3 * MANY), why(gap))


def vault(view: View, centre: Centre) -> Part:
    """The roles of Vaults that let it in, and what their policies open."""
    unknown: list[str] = []
    found: dict[Login, list[str]] = {}
    for place, name in centre.accounts:
        unknown += why(logins_unseen(view, place))
        pods = [pod for pod in centre.pods if (pod.namespace, pod.account) == (place, name)]
        for login in logins_of(view, place, name, pods):
            # Accounts that a role lets in alike are told together, whatever names it in their namespaces.
            found.setdefault(msgspec.structs.replace(login, by=login.by[:1]), []).append(f"{place}/{name}")
    says = [_login(view, login, names if len(centre.accounts) > 1 else []) for login, names in found.items()]
    if any(login.policies for login in found):
        unknown += why(unseen(view, (VaultPolicy,), (), CLUSTER), "policies")
    if not says and not unknown:
        says.append(Says("no role of a Vault lets it in", "pass"))
    return part("vault", "Vault roles, and what they open", shortened(says, "role"), unknown)


def _login(view: View, login: Login, names: list[str]) -> Says:
    """One role, for these accounts; without any, for the one that there is."""
    lead = f"{some(names)}: " if names else ""
    if login.use == "broken":
        return Says(f"{lead}names the role {login.role}, which does not let it in", "warn", login.by)
    wide = ", bound by a pattern" if login.wide else ""
    opens = "; ".join(_policy(view, item, login.at) for item in login.policies) or "no policy"
    at, tone = login.at or "the Vault", _wide_tone(login)
    return Says(f"{lead}logs in by {login.role} of {at} ({login.use}{wide}): {opens}", tone, login.by)


def _wide_tone(login: Login) -> Tone:
    return "fail" if login.wide else "plain"


def pictures(view: View, centre: Centre) -> Part:
    """The images that it runs, by digest, and what scanners found in them."""
    says: list[Says] = []
    unknown: list[str] = []
    for place in sorted({pod.namespace for pod in centre.pods}):
        unknown += why(unseen(view, (), SCANS_WHERE_SERVED, place), "weaknesses")
        mine = frozenset(pod.name for pod in centre.pods if pod.namespace == place)
        says += [_image(item, mine) for item in images_of(view, centre, place)]
    if not says:
        says.append(Says("no node has reported an image yet", "dim"))
    return part("images", "Images", shortened(says, "image"), unknown)


def images_of(view: View, centre: Centre, place: str) -> Iterator[Image]:
    """The images of its live pods in a namespace."""
    mine = {pod.name for pod in centre.pods if pod.namespace == place}
    for item in view.derive(images, place):
        if mine & {pod.name for pod in item.pods}:
            yield item


def _most(lead: str, found: Power) -> Says:
    """What an account may do at most, in one sentence."""
    tone = RIGHTS[found.level][0]
    if found.path:
        return Says(f"{lead} gets to everything: {in_words(found.path)}", "fail", found.by)
    if found.grant is not None:
        return Says(
            f"{lead} has {found.level}, {found.grant.binding} gives {found.grant.key} {found.grant.role.name}", tone, found.by
        )
    return Says(f"{lead} has nothing that is granted to it alone", tone)


def _grants(held: Iterable[Grant]) -> list[Says]:
    told = [
        Says(f"  holds {item.role.kind} {item.role.name} {_where(item)}, by {item.binding}", "plain", (item.binding,))
        for item in held
    ]
    return shortened(told, "grant")


def _where(grant: Grant) -> str:
    return f"in {grant.namespace}" if grant.namespace else "everywhere"


def _questions(view: View, held: tuple[Grant, ...]) -> Iterator[Says]:
    """What matters most of what these grants allow, and where."""
    minor = server_minor(view)
    for verb, resource, what in QUESTIONS[:-1]:
        asked = question_for(verb, resource)
        allowed = [item for item in held if _allows(item, asked, minor)]
        if allowed:
            everywhere = any(not item.namespace for item in allowed)
            places = "everywhere" if everywhere else f"in {some(sorted({item.namespace for item in allowed}), 4)}"
            by = tuple(dict.fromkeys(item.binding for item in allowed))
            tone: Tone = "fail" if everywhere or resource.partition(".")[0] in _GRAVE else "warn"
            yield Says(f"  may {verb} {resource.partition('.')[0]} {places}: {what}, by {by[0]}", tone, by)


def _allows(grant: Grant, asked: Question, minor: int) -> bool:
    """Whether a grant allows it; rules for cluster-scoped objects are inert in a RoleBinding."""
    if grant.namespace and has_no_namespace(asked.verb, asked.resource):
        return False
    return any(allows(grant, item, any_name=True) for item in capable(asked, minor))


def _steps(view: View, who: str) -> list[Says]:
    """Whom it gets to be, the shortest ways first; everything is told before, and groups of all accounts are no news."""
    ways = view.derive(steps_from, who)
    if any(not is_step(step) for step in ways.get(EVERYTHING, ())[:1]):
        return []  # whoever may do everything needs no way to it
    found = {to: path for to, path in ways.items() if any(map(is_step, path)) and not to.startswith("group:system:")}
    order = sorted(found.keys() - {EVERYTHING}, key=lambda to: (sum(map(is_step, found[to])), to))
    told = [Says(f"  by steps: {in_words(found[to])}", "warn") for to in order]
    return shortened(told, "identity that it gets to be", "identities that it gets to be", 5)


def _who_gets_here(view: View, place: str, name: str) -> Iterator[Says]:
    """Who may act as it, without a finding of its own: by its pods, or by a token made for it."""
    minor = server_minor(view)
    for verb, resource, what in (
        ("create", "pods/exec", "run commands in its pods"),
        ("create", "serviceaccounts/token", "make tokens for it"),
    ):
        asked = question_for(verb, resource, name if resource.startswith("service") else "", place)
        keys = sorted({item.grant.key for item in who_can(view, asked, minor=minor) if not item.grant.shipped})
        if keys:
            yield Says(f"  who may {what}: {some(keys)}", "plain")


def _of_groups(view: View, place: str) -> Iterator[Says]:
    """What every account of the namespace is given besides, where somebody gave it."""
    held = view.derive(grants_by_holder)
    for group in groups_of_account(place):
        mine = [item for item in held.get(f"group:{group}", ()) if not item.shipped]
        if mine:
            names = some(sorted({item.role.name for item in mine}))
            yield Says(f"  as one of {group}: {names}", "dim", tuple(dict.fromkeys(item.binding for item in mine))[:MANY])


def _of_person(view: View, who: str) -> list[Says]:
    found = person(view, who)
    level = "cluster-admin" if found.is_admin else found.power.level
    tone = RIGHTS[found.power.level][0]
    if found.power.path:
        says = [Says(f"gets to everything: {in_words(found.power.path)}", "fail", found.power.by)]
    elif found.power.grant is not None:
        grant = found.power.grant
        says = [Says(f"{level}: {grant.binding} gives {grant.key} {grant.role.name}", tone, found.power.by)]
    else:
        says = [Says("nothing is granted to it, nor to a group that it is known to be in", tone)]
    return [*says, *_questions(view, found.grants), *_grants(found.grants), *_steps(view, who)]


def _policy(view: View, name: str, at: str) -> str:
    found = view.get(VaultPolicy, name, at)
    if found is None:
        return f"policy {name}, which cannot be read"
    return f"policy {name} opens {some([rule.path for rule in found.rules], MANY) or 'no path'}"


def _image(item: Image, mine: frozenset[str]) -> Says:
    pods = counted(sum(pod.name in mine for pod in item.pods), "pod")
    if item.report is None:
        return Says(f"{item.name} ({pods}): no scanner reports on it", "unknown")
    severe: dict[str, set[str]] = {"critical": set(), "high": set()}
    for one in item.report.severe:
        severe["high" if one.severity.upper() == "HIGH" else "critical"].add(one.id)
    by = (item.report.ref,)
    if not severe["critical"] and not severe["high"]:
        return Says(f"{item.name} ({pods}): nothing severe that a newer version mends, by {item.report.ref}", "pass", by)
    told = "; ".join(f"{len(ids)} {name}: {some(sorted(ids), 4)}" for name, ids in severe.items() if ids)
    return Says(f"{item.name} ({pods}): {told}, mended by newer versions", "fail" if severe["critical"] else "warn", by)
