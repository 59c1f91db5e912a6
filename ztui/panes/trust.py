"""A trust question, on one page: the way from A to B, encryption, identities, authorization, and what comes after B."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from ztui.board import CellOf
from ztui.engines import units
from ztui.engines.grants import ACCESS, Question, allows, groups_of_account
from ztui.engines.holders import grants_by_holder
from ztui.engines.meshcalls import Calls, calls_in
from ztui.engines.reachask import End, NoSuchEndError, doors_to_ask, end_of, passages
from ztui.engines.spiffe import identity_of
from ztui.engines.units import Workload
from ztui.engines.vaultlogins import logins_of
from ztui.kinds.base import CLUSTER
from ztui.kinds.mesh import AuthorizationPolicy, Source
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.panes.base import Line, Tone, cell, prose
from ztui.panes.facts import calls_unseen, logins_unseen, unit_name, unseen
from ztui.panes.mtls import ports_in
from ztui.panes.port import HOW, outcome_tone, port_of
from ztui.panes.reach import TONES, group_lines, sentence
from ztui.panes.workloads import rows
from ztui.view import Gap, View
from ztui.words import gap_text

MANY: Final = 8
"""Entries of one list; the rest are counted."""


def trust_lines(view: View, cell_of: CellOf, src: str, dst: str, namespace: str = "") -> list[Line]:
    """The page; one line that says so where one of the two is not known."""
    try:
        a, b = end_of(view, src, namespace), end_of(view, dst, namespace)
        doors = doors_to_ask(b, "")
    except NoSuchEndError as error:
        return [Line("end", (prose(str(error), "unknown"),))]
    caller, called = _unit(view, a), _unit(view, b)
    lines = [_head("way", "May it get there")]
    lines += [
        Line(f"way:{item.door}", (prose(sentence(a, b, item), TONES[item.answer]),)) for item in passages(view, a, b, doors)
    ]
    if caller is not None and called is not None:
        lines += [_head("encryption", "In what"), *_encryption(view, cell_of, caller, called)]
        lines += [_head("identity", "As whom"), *_identities(view, cell_of, caller, called)]
        lines += [_head("authorization", "Is it let in"), *_authorization(view, caller, called)]
        lines += [_head("next", f"Whom {unit_name(called.root)} may call next"), *_next(view, called)]
    if caller is not None:
        lines += [_head("secrets", f"What {unit_name(caller.root)} could obtain"), *_secrets(view, caller)]
    return lines


def verdict(view: View, found: Calls, principal: str, namespace: str) -> tuple[str, Tone]:
    """Whether policies of the mesh let a caller in, in raw words; an empty principal has no identity of the mesh."""
    denies = f"; {', '.join(dict.fromkeys(str(item.by) for item in found.denies))} may still deny it" if found.denies else ""
    if found.closed_by is None:
        return f"no AuthorizationPolicy closes it: whoever gets there is let in{denies}", "fail"
    for by in dict.fromkeys(item.by for item in found.allows):
        policy = view.get(AuthorizationPolicy, by.name, by.namespace)
        for rule in (policy.spec.rules or ()) if policy is not None else ():
            if not rule.from_:
                return f"{by} lets anybody in{denies}", "fail"
            if any(_is_named(item.source, principal, namespace) for item in rule.from_):
                return f"{by} lets it in{denies}", "pass"
    who = ", ".join(dict.fromkeys(item.who for item in found.allows)) or "nobody"
    return f"{found.closed_by} refuses it: only {who} may call", "pass"


def _unit(view: View, end: End) -> Workload | None:
    """The workload that an end is, or that is behind it; an address outside is none."""
    names = {pod.name for pod in end.pods}
    found = view.derive(units.workloads, end.namespace) if end.namespace else ()
    return next((unit for unit in found if names & {pod.name for pod in unit.pods}), None)


def _encryption(view: View, cell_of: CellOf, caller: Workload, called: Workload) -> Iterator[Line]:
    for row in view.derive(ports_in, cell_of, called.root.namespace):
        if row.unit != called.root:
            continue
        if isinstance(row.accepts, Gap):
            yield Line(
                f"port:{row.port}", (prose(f"what port {row.port} accepts cannot be seen: {gap_text(row.accepts)}", "unknown"),)
            )
            continue
        by = row.accepts.by
        words = f"port {row.port} accepts {row.accepts.mode}" + (f", by {by}" if by else "")
        page = port_of(view, cell_of, row.unit, row.port)
        found = next((item for item in page.callers if item.unit == caller.root), None)
        blind = f"; not all is known of the rest: {gap_text(page.gap)}" if page.gap is not None else ""
        if found is None:
            told = prose(f"{words}; network policies keep the caller away{blind}", "unknown" if blind else "dim")
            yield Line(f"port:{row.port}", (told,), ref=by)
            continue
        rule = f" (by {found.how.rule.ref})" if found.how.rule is not None else ""
        told = prose(
            f"{words}; the caller comes in {HOW[found.how.how]}{rule}: {found.now}{blind}", outcome_tone(found, page.gap)
        )
        yield Line(f"port:{row.port}", (told,), ref=by)


def _identities(view: View, cell_of: CellOf, caller: Workload, called: Workload) -> Iterator[Line]:
    for unit in (caller, called):
        for row in view.derive(rows, cell_of, unit.root.namespace):
            for fact in (row.fact("identity"), row.fact("account")) if row.unit == unit.root else ():
                told = prose(f"{unit_name(unit.root)} {fact.says}", fact.tone)
                yield Line(f"{fact.column}:{unit.root}", (told,), ref=next(iter(fact.by), None))


def _authorization(view: View, caller: Workload, called: Workload) -> Iterator[Line]:
    who = identity_of(view, caller.pods[0])
    principal = who.id.removeprefix("spiffe://") if who.issuer == "mesh" else ""
    found = next((item for item in view.derive(calls_in, called.root.namespace) if item.unit == called.root), None)
    if found is None or not found.is_enrolled:
        yield Line("verdict", (prose("no mesh stands before it: nothing asks who calls", "fail"),))
        return
    gap = calls_unseen(view, called.root.namespace)
    if gap is not None:
        yield Line("verdict", (prose(f"not all policies of the mesh could be read: {gap_text(gap)}", "unknown"),))
        return
    words, tone = verdict(view, found, principal, caller.root.namespace)
    yield Line("verdict", (prose(words, tone),), ref=found.closed_by)


def _next(view: View, called: Workload) -> Iterator[Line]:
    out = [line for line in group_lines(view, called.root) if line.key.startswith("out:") and line.status != "denied"]
    for line in out[:MANY]:
        yield Line(f"next:{line.key}", (prose(" ".join(item.text for item in line.cells[1:4])),), ref=line.ref)
    if len(out) > MANY:
        yield Line("next:more", (cell(f"and {len(out) - MANY} groups more", "dim"),))
    if not out:
        yield Line("next:none", (cell("nobody", "pass"),))


def _secrets(view: View, caller: Workload) -> Iterator[Line]:
    """Secrets that it mounts, those that its account may read, and what its Vault roles open."""
    place, account = caller.root.namespace, caller.account
    mounted = sorted({item.secret.secret_name for pod in caller.pods for item in pod.spec.volumes or () if item.secret})
    yield Line("mounted", (prose(f"mounts {', '.join(mounted) or 'no Secret'}", "plain" if mounted else "dim"),))
    gap = unseen(view, ACCESS, (), CLUSTER)
    if gap is not None:
        yield Line("reads:gap", (prose(f"which Secrets its account may read is not all known: {gap_text(gap)}", "unknown"),))
    held = view.derive(grants_by_holder)
    holders = (f"sa:{place}/{account}", *(f"group:{name}" for name in groups_of_account(place)))
    asked = (Question("get", "", "secrets"), Question("list", "", "secrets"))
    reads = [grant for who in holders for grant in held.get(who, ()) if any(allows(grant, item) for item in asked)]
    for at, grant in enumerate(reads[:MANY]):
        where = f"namespace {grant.namespace}" if grant.namespace else "every namespace"
        yield Line(f"reads:{at}", (prose(f"may read every Secret of {where}, by {grant.binding}", "fail"),), ref=grant.binding)
    gap = logins_unseen(view, place)
    if gap is not None:
        yield Line("vault", (prose(f"what a Vault would give it cannot be seen: {gap_text(gap)}", "unknown"),))
        return
    for login in logins_of(view, place, account, caller.pods):
        for name in login.policies:
            policy = view.get(VaultPolicy, name, login.at)
            paths = ", ".join(rule.path for rule in policy.rules[:MANY]) if policy is not None else "which cannot be read"
            tone: Tone = "fail" if login.wide else "plain"
            yield Line(f"vault:{login.role}:{name}", (prose(f"by {login.role}, policy {name}: {paths}", tone),))


def _is_named(source: Source, principal: str, namespace: str) -> bool:
    """Whether a source of a rule means this caller: every field that it has must, as Istio reads it; addresses are not known."""
    domain, _, rest = principal.partition("/ns/")
    account = rest.partition("/sa/")[2]
    fields = (
        (source.principals, (principal,)),
        (source.service_accounts, (f"{namespace}/{account}", account)),
        (source.namespaces, (namespace,)),
        (source.trust_domains, (domain,)),
    )
    asked = [any(fnmatchcase(name, word) for word in words for name in names) for words, names in fields if words]
    others = source.ip_blocks or source.remote_ip_blocks or source.request_principals
    return bool(principal) and not others and bool(asked) and all(asked)


def _head(key: str, words: str) -> Line:
    return Line(f"head:{key}", (cell(words, "strong"),))
