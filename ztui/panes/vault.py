"""The Vault pane: health, roles and the workloads they let in, policies, secrets by age, leases, authorities.

What is judged comes from the checks of Vault; what roles open and whom they let in is joined with the workloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from ztui.board import CellOf
from ztui.checks.base import CheckId, Finding, Status
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED
from ztui.engines.vaultlogins import User, role_users
from ztui.engines.vaults import holders_of
from ztui.kinds.base import CLUSTER, Ref
from ztui.kinds.vault import VaultHealth, VaultRole
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.panes.base import TONES, Cell, Line, cell, prose
from ztui.panes.facts import logins_unseen, unit_name, unseen
from ztui.text import mark_name
from ztui.view import Gap, View
from ztui.words import evidence_text, gap_text, next_step, sentence

SECTIONS: Final = (
    ("state", "State and audit", ("ZT2-VLT-001", "ZT2-VLT-002")),
    ("roles", "Roles", ("ZT2-VLT-003", "ZT2-VLT-004", "ZT2-VLT-005")),
    ("policies", "Policies", ("ZT2-VLT-007",)),
    ("tokens", "Lasting tokens", ("ZT2-VLT-006",)),
    ("secrets", "Stored secrets", ("ZT2-VLT-008", "ZT2-VLT-009")),
    ("leases", "Leases and people", ("ZT2-VLT-010",)),
    ("pki", "Authorities", ("ZT2-VLT-011",)),
)
TITLES: Final = ("what", "workloads", "status", "why")

_ORDER: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NA)


Users = Mapping[tuple[str, str], tuple[User, ...]]


class Item(msgspec.Struct, frozen=True):
    """One thing of a Vault: the findings on it, worst first; of a role also whom it lets in, or why that is not known."""

    section: str
    on: Ref
    findings: tuple[Finding, ...]
    users: tuple[User, ...] | Gap = ()
    opens: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The worst of its findings; a thing that no check speaks of is none of their business."""
        return self.findings[0].status if self.findings else Status.NA

    @property
    def by(self) -> tuple[Ref, ...]:
        """The objects that decide what is said of it: itself, the evidence of what is judged, and whom it lets in."""
        users = () if isinstance(self.users, Gap) else self.users
        evidence = (item.ref for finding in self.findings for item in finding.evidence)
        return tuple(
            dict.fromkeys((self.on, *evidence, *(ref for user in users for ref in user.by), *(user.unit for user in users)))
        )

    @property
    def key(self) -> str:
        """Stays the same for the same thing."""
        return f"item:{self.section}:{self.on.kind}:{self.on.namespace}:{self.on.name}"


class Vaults(msgspec.Struct, frozen=True):
    """Everything of the connected Vaults. ``gap`` says why there is nothing, ``blind`` what single checks could not read."""

    items: tuple[Item, ...] = ()
    gap: Gap | None = None
    blind: tuple[tuple[str, str], ...] = ()


def vaults(view: View, cell_of: CellOf) -> Vaults:
    """What there is of the connected Vaults."""
    gap = view.gap(VaultHealth)
    if gap is not None:
        return Vaults(gap=gap)
    users = logins_unseen(view, CLUSTER) or unseen(view, WORKLOADS, WORKLOADS_WHERE_SERVED, CLUSTER) or view.derive(role_users)
    items: list[Item] = []
    blind: list[tuple[str, str]] = []
    for name, _, checks in SECTIONS:
        found: dict[Ref, list[Finding]] = {}
        for check_id in checks:
            told = cell_of(view, CheckId(check_id), CLUSTER)
            for finding in told.findings if told else ():
                found.setdefault(finding.on, []).append(finding)
            blind += [(name, f"{check_id}: {what}: {gap_text(why)}") for what, why in (told.gaps if told else ())]
        if name == "roles":
            for role in view.all(VaultRole):
                found.setdefault(role.ref, [])
        items += [_item(view, name, on, findings, users) for on, findings in found.items()]
    return Vaults(tuple(sorted(items, key=_order)), None, tuple(blind))


def vault_lines(found: Vaults, closed: frozenset[str] = frozenset(), *, faults_only: bool = False) -> list[Line]:
    """The sections and what is in them."""
    lines: list[Line] = []
    for name, title, _ in SECTIONS:
        mine = [item for item in found.items if item.section == name and (not faults_only or item.status in _ORDER[:4])]
        blind = [what for place, what in found.blind if place == name]
        if not mine and not blind:
            continue
        is_open = name not in closed
        count = f"{len(mine)} shown" if faults_only else str(len(mine))
        lines.append(Line(f"section:{name}", (cell(title, "strong"), cell(""), cell(count, "dim")), opens=True, is_open=is_open))
        if is_open:
            lines += [_line(item) for item in mine]
            lines += [_blind(name, at, what) for at, what in enumerate(blind)]
    return lines


def item_page(view: View, cell_of: CellOf, key: str) -> list[Line]:
    """Everything about one thing; empty where it is gone."""
    item = next((one for one in view.derive(vaults, cell_of).items if one.key == key), None)
    if item is None:
        return []
    lines = [Line("head", (cell(_label(item), "strong"), cell(str(item.on), "dim")))]
    for at, finding in enumerate(item.findings):
        lines.append(Line(f"finding:{at}", (prose(f"{finding.status}: {sentence(finding)}", TONES[finding.status]),)))
        lines += [
            Line(f"finding:{at}:{part}", (prose(f"    by {evidence_text(one)}", "dim"),), ref=one.ref)
            for part, one in enumerate(finding.evidence)
        ]
        if next_step(finding):
            lines.append(Line(f"next:{at}", (prose(f"    next: {next_step(finding)}", "dim"),)))
    lines += _policy_lines(view, item)
    if isinstance(item.users, Gap):
        lines.append(Line("users", (cell(f"Which workloads it lets in is not known: {gap_text(item.users)}", "unknown"),)))
    elif item.on.kind == VaultRole.KIND:
        lines.append(Line("users", (cell(f"Workloads that it lets in: {len(item.users)}", "strong"),)))
        named = dict.fromkeys(ref for user in item.users for ref in user.by if ref != item.on)
        lines += [Line(f"by:{ref}", (prose(f"    by {mark_name(str(ref))}", "dim"),), ref=ref) for ref in named]
        lines += [
            Line(f"user:{user.unit.kind}:{user.unit.namespace}:{user.unit.name}", _user(user), ref=user.unit)
            for user in item.users
        ]
    return lines


def _item(view: View, section: str, on: Ref, findings: list[Finding], users: Users | Gap) -> Item:
    findings.sort(key=lambda one: _ORDER.index(one.status))
    role = view.get(VaultRole, on.name, on.namespace) if on.kind == VaultRole.KIND else None
    mine = users if isinstance(users, Gap) else users.get((on.namespace, on.name), ())
    return Item(section, on, tuple(findings), mine if on.kind == VaultRole.KIND else (), role.policies if role else ())


def _line(item: Item) -> Line:
    words = sentence(item.findings[0]) if item.findings else "nothing judges it"
    tone = TONES[item.status]
    users = () if isinstance(item.users, Gap) else item.users
    return Line(
        item.key,
        (cell(_label(item)), _count(item), cell(str(item.status) if item.findings else "–", tone), cell(words)),
        depth=1,
        words=f"{item.on} {words} {' '.join(item.opens)} {' '.join(unit_name(user.unit) for user in users)}",
        status=str(item.status),
        ref=item.on,
        by=item.by,
    )


def _count(item: Item) -> Cell:
    if isinstance(item.users, Gap):
        return cell("?", "unknown")
    if item.users:
        return cell(str(len(item.users)), "fail" if any(user.wide for user in item.users) else "plain")
    return cell("nobody" if item.on.kind == VaultRole.KIND else "–", "dim")


def _blind(section: str, at: int, what: str) -> Line:
    return Line(f"blind:{section}:{at}", (cell("not read", "unknown"), cell(""), cell("UNKNOWN", "unknown"), cell(what)), depth=1)


def _policy_lines(view: View, item: Item) -> list[Line]:
    """What the policies of a role, or a policy itself, open; and which roles hand a policy out."""
    names = (item.on.name,) if item.on.kind == VaultPolicy.KIND else item.opens
    lines = []
    for name in names:
        policy = view.get(VaultPolicy, name, item.on.namespace)
        lines.append(Line(f"policy:{name}", (cell(f"Policy {name} opens", "strong"),)))
        if policy is None:
            lines.append(Line(f"policy:{name}:gone", (cell("    it cannot be read, or does not exist", "unknown"),)))
            continue
        lines += [
            Line(f"policy:{name}:{rule.path}", (prose(f"    {rule.path}: {', '.join(rule.capabilities)}"),))
            for rule in policy.rules
        ]
        if item.on.kind == VaultPolicy.KIND:
            holders = ", ".join(role.name for role in holders_of(view, policy)) or "no role"
            lines.append(Line("holders", (prose(f"Handed out by: {holders}"),)))
    return lines


def _user(user: User) -> tuple[Cell, ...]:
    how = cell("by a pattern", "fail") if user.wide else cell("by name")
    uses = cell("uses it", "pass") if user.use == "used" else cell("does not say that it uses it", "dim")
    return (cell("   "), cell(unit_name(user.unit)), how, uses)


def _label(item: Item) -> str:
    return item.on.name.removeprefix("auth/") if item.section == "roles" else item.on.shown


def _order(item: Item) -> tuple[int, int, Ref]:
    return ([name for name, _, _ in SECTIONS].index(item.section), _ORDER.index(item.status), item.on)
