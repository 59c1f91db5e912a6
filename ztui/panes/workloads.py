"""Who each workload is: account, token, identity, mutual TLS, Vault, rights, images, nodes and risk, joined per workload.

Facts come from the engines and, where a check judges the same thing, from that check's findings: one verdict everywhere. What
could not be read is said in its own cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.board import CellOf
from ztui.checks.base import CheckId, Finding, Status
from ztui.engines import units
from ztui.engines.accounts import ACCOUNTS, ACCOUNTS_WHERE_SERVED, Power, power
from ztui.engines.mtls import container_ports, inbound, is_enrolled, mesh
from ztui.engines.paths import in_words
from ztui.engines.risk import Risk
from ztui.engines.signatures import IMAGES, IMAGES_WHERE_SERVED, asking, is_pinned
from ztui.engines.spiffe import Identity, identity_of
from ztui.engines.units import Workload
from ztui.engines.vaultlogins import Login, logins_of
from ztui.kinds.base import CLUSTER, Ref, instant
from ztui.kinds.credential import Certificate, ClusterSPIFFEID, IdentityManager
from ztui.kinds.workload import Pod, ServiceAccount
from ztui.panes.base import TONES, Tone
from ztui.panes.facts import Fact, logins_unseen, mesh_unseen, one_of_each, shown_namespaces, unknown, unseen
from ztui.panes.risks import RIGHTS, Reports, risk_of, weaknesses
from ztui.view import Gap, View
from ztui.words import gap_text, sentence

COLUMNS: Final = ("account", "token", "identity", "certificate", "mtls", "vault", "rbac", "image", "node", "risk")

_WORST: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NA)
_MODES: Final[dict[str, Tone]] = {"STRICT": "pass", "PERMISSIVE": "warn", "DISABLE": "fail", "PLAINTEXT": "fail"}
_OF_NODES: Final = ("ZT2-NODE-002", "ZT2-NODE-003")


class Row(msgspec.Struct, frozen=True):
    """One workload. ``facts`` are in the order of ``COLUMNS``; texts are raw until they become cells."""

    unit: Ref
    live: int
    manager: str
    account: str
    app: str
    nodes: tuple[str, ...]
    facts: tuple[Fact, ...]
    risk: Risk

    def fact(self, column: str) -> Fact:
        """The fact of one column."""
        return self.facts[COLUMNS.index(column)]


def all_rows(view: View, cell_of: CellOf, only: str = "") -> tuple[Row, ...]:
    """The rows of every namespace that is not the platform's own, or of one."""
    return tuple(row for name in shown_namespaces(view, only) for row in view.derive(rows, cell_of, name))


def rows(view: View, cell_of: CellOf, namespace: str) -> tuple[Row, ...]:
    """The rows of one namespace, by kind and name."""
    found = view.derive(units.workloads, namespace)
    return tuple(_row(view, cell_of, unit, found) for unit in found)


def _row(view: View, cell_of: CellOf, unit: Workload, others: tuple[Workload, ...]) -> Row:
    place = unit.root.namespace
    rights = unseen(view, ACCOUNTS, ACCOUNTS_WHERE_SERVED, CLUSTER) or view.derive(power, place, unit.account)
    some = one_of_each(unit)
    reports = weaknesses(view, some)
    facts = (
        _account(view, unit, others),
        _token(view, cell_of, some),
        *_identity(view, some),
        _mtls(view, some),
        _vault(view, some),
        _rbac(unit, rights),
        _image(view, some, reports),
        _node(view, cell_of, unit),
    )
    found, told = risk_of(view, cell_of, some, rights, reports, facts)
    return Row(unit.root, len(unit.pods), unit.manager, unit.account, unit.app, unit.nodes, (*facts, told), found)


def _account(view: View, unit: Workload, others: tuple[Workload, ...]) -> Fact:
    place, name = unit.root.namespace, unit.account
    account = view.get(ServiceAccount, name, place)
    by: tuple[Ref, ...] = (account.ref if account is not None else Ref("", "ServiceAccount", place, name),)
    if account is None and view.gap(ServiceAccount, place) is None:
        return Fact("account", name, "fail", f"names an account that is not there: {name}", by)
    if name == "default":
        return Fact("account", "default", "fail", "runs as the account that every pod of the namespace gets", by)
    sharing = [item.root for item in others if item.account == name]
    gap = view.gap(Pod, place)
    if gap is not None and len(sharing) < 2:
        told = f"whether it shares its account {name} cannot be seen: {gap_text(gap)}"
        return Fact("account", f"{name} ?", "unknown", told, by)
    if len(sharing) > 1:
        by = (*by, *(root for root in sharing if root != unit.root))
        told = f"shares its account {name}: {', '.join(map(str, sharing))}"
        return Fact("account", f"{name} ({len(sharing)})", "warn", told, by)
    return Fact("account", name, "pass", f"has the account {name} to itself", by)


def _token(view: View, cell_of: CellOf, unit: Workload) -> Fact:
    parts: dict[str, None] = {}
    for pod in unit.pods:
        for volume in pod.spec.volumes or ():
            for source in (volume.projected.sources if volume.projected else None) or ():
                if source.service_account_token:
                    parts[_audience(source.service_account_token.audience, source.service_account_token.expiration_seconds)] = (
                        None
                    )
    legacy = _legacy(view, cell_of, unit)
    text = ", ".join((*(["legacy"] if isinstance(legacy, Finding) else []), *parts)) or "none"
    judged = _worst(cell_of(view, CheckId("ZTG-IDV-002"), unit.root.namespace), unit.root)
    if isinstance(legacy, Finding):
        return Fact("token", text, "fail", f"mounts a token that never ends: {sentence(legacy)}", _objects(legacy))
    if legacy is not None and (judged is None or judged.status is not Status.FAIL):
        return Fact(
            "token", f"{text} ?", "unknown", f"whether it mounts a token that never ends cannot be seen: {gap_text(legacy)}"
        )
    if judged is None:
        return Fact("token", text, "plain", f"mounts these tokens: {text}")
    return Fact("token", text, TONES[judged.status], sentence(judged), _objects(judged))


def _identity(view: View, unit: Workload) -> tuple[Fact, Fact]:
    """Identity and certificate, of the pod that can prove least."""
    gap = unseen(view, (), (ClusterSPIFFEID, IdentityManager), CLUSTER)
    pod, found = _weakest(view, unit)
    if gap is not None and found.issuer in {"none", "spire"}:
        return unknown("identity", gap), unknown("certificate", gap)
    control = mesh_unseen(view, pod.namespace) if found.issuer == "mesh" else None
    if control is not None:
        return unknown("identity", control), unknown("certificate", control)
    by: tuple[Ref, ...] = (found.by,) if found.by else (pod.ref,)
    if found.issuer == "mesh":
        named = view.derive(mesh)
        by = (*by, *(named.planes if named is not None else ()), *found.others)
    name = found.id.removeprefix("spiffe://")
    if found.issuer == "none":
        return Fact("identity", "none", "fail", "has no identity that it could prove", by), _no_certificate(by)
    if not found.usable:
        what = f"{found.by} gives it an identity that it does not mount" if found.by else "mounts SPIRE, and nothing registers it"
        return Fact("identity", "unusable", "warn", what, by), _no_certificate(by)
    both = f"; {', '.join(map(str, found.others))} gives it another one" if found.others else ""
    who = name or f"named by the template of {found.by}" if found.by else name or "a certificate"
    says = f"can prove to be {found.id or who}, by {_ISSUERS[found.issuer]}{both}"
    text = name or ("template?" if found.issuer == "spire" else found.issuer)
    told = Fact("identity", text, "warn" if found.others else "pass", says, by)
    return told, _certificate(view, unit, found, by[:1])


def _weakest(view: View, unit: Workload) -> tuple[Pod, Identity]:
    """The pod that can prove least, and what."""
    told = [(pod, identity_of(view, pod)) for pod in unit.pods]
    return max(told, key=lambda item: (not item[1].usable, _ORDER.index(item[1].issuer), item[0] is unit.pods[0]))


def _no_certificate(by: tuple[Ref, ...]) -> Fact:
    return Fact("certificate", "–", "dim", "has no certificate", by)


def _certificate(view: View, unit: Workload, found: Identity, by: tuple[Ref, ...]) -> Fact:
    mounted = {item.secret.secret_name for item in unit.pods[0].spec.volumes or () if item.secret}
    for item in sorted(view.within(Certificate, unit.root.namespace), key=lambda one: one.name):
        ends = instant(item.status.not_after) if item.spec.secret_name in mounted else None
        if ends is not None:
            days = (ends - view.now).days
            tone: Tone = "fail" if days < 7 else "warn" if days < 30 else "pass"
            return Fact("certificate", f"{days} d", tone, f"mounts {item.ref}, which ends in {days} days", (item.ref,))
    if found.issuer == "mesh":
        told = "the mesh renews its certificate within a day, as it is configured"
        return Fact("certificate", "24h*", "dim", told, by)
    if found.issuer == "spire":
        told = "SPIRE renews its certificate at half of this validity"
        return Fact("certificate", f"{found.lasts or '1h'}*", "dim", told, by)
    return Fact("certificate", "kubelet*", "dim", "the kubelet renews its certificate", by)


def _mtls(view: View, unit: Workload) -> Fact:
    gap = mesh_unseen(view, unit.root.namespace)
    ports = container_ports(unit.pods)
    if not ports:
        return Fact("mtls", "–", "dim", "no container names a port that could be called")
    pod, port, worst = min(
        ((pod, port, inbound(view, pod, port)) for pod in unit.pods for port in ports),
        key=lambda item: ("PLAINTEXT", "DISABLE", "PERMISSIVE", "STRICT").index(item[2].mode),
    )
    if gap is not None and (worst.mode == "STRICT" or is_enrolled(pod)):
        return unknown("mtls", gap)
    who = f"decided by {worst.by}" if worst.by else ", ".join(worst.notes) or "no object says otherwise"
    says = f"port {port} accepts {'only mutual TLS' if worst.mode == 'STRICT' else 'plaintext too'} ({worst.mode}, {who})"
    return Fact("mtls", worst.mode.lower(), _MODES[worst.mode], says, (worst.by,) if worst.by else (pod.ref,))


def _vault(view: View, unit: Workload) -> Fact:
    gap = logins_unseen(view, unit.root.namespace)
    if gap is not None:
        return unknown("vault", gap)
    found = logins_of(view, unit.root.namespace, unit.account, unit.pods)
    if not found:
        return Fact("vault", "none", "dim", "no role of a Vault lets its account in")
    wide = [item for item in found if item.wide]
    broken = [item for item in found if item.use == "broken"]
    text = ", ".join(item.role.rpartition("/")[2] + ("*" if item.wide else "!" if item.use == "broken" else "") for item in found)
    tone: Tone = "fail" if broken or wide else "pass" if all(item.use == "used" for item in found) else "warn"
    by = tuple(dict.fromkeys(ref for item in found for ref in item.by))
    return Fact("vault", text, tone, "; ".join(map(_login_words, found)), by)


def _rbac(unit: Workload, rights: Power | Gap) -> Fact:
    if isinstance(rights, Gap):
        return unknown("rbac", rights)
    tone = RIGHTS[rights.level][0]
    text = f"{rights.level} +{rights.hops}" if rights.hops else rights.level
    if rights.path:
        bindings = ", ".join(str(ref) for ref in rights.by if ref.kind.endswith("Binding"))
        says = f"gets to everything: {in_words(rights.path)}" + (f"; granted by {bindings}" if bindings else "")
    elif rights.grant is not None:
        says = f"{rights.level}: {rights.grant.binding} gives it {rights.grant.role.kind} {rights.grant.role.name}"
    else:
        says = f"nothing is granted to the account {unit.account} alone"
    return Fact("rbac", text, tone, says, rights.by)


def _image(view: View, unit: Workload, reports: Reports | None) -> Fact:
    named = sorted({item.image for pod in unit.pods for item in pod.containers if item.image})
    loose = [item for item in named if not is_pinned(item)]
    signed, told, signing = _signed(view, unit.root.namespace, named)
    words = ["by tag" if loose else "pinned", signed]
    says = [f"named by tag: {', '.join(loose)}" if loose else "every image is named by its digest", told]
    worst, reporting = reports if reports is not None else ({}, ())
    if reports is None:
        words.append("CVE ?")
        says.append("no report of a scanner")
    else:
        words += [f"{count} {name}" for name, count in worst.items() if count]
        says.append(f"{worst['critical']} critical and {worst['high']} high weaknesses that a newer version mends")
    blind = signed.startswith("signed?") or reports is None
    tone: Tone = "warn" if loose or signed == "unsigned" else "unknown" if blind else "pass"
    tone = "fail" if worst.get("critical") else tone
    return Fact("image", ", ".join(words), tone, "; ".join(says), (unit.pods[0].ref, *signing, *reporting))


def _signed(view: View, place: str, named: Iterable[str]) -> tuple[str, str, tuple[Ref, ...]]:
    """Whether policies ask for signatures of these images: in a word, in a sentence, and which do."""
    gap = unseen(view, IMAGES, IMAGES_WHERE_SERVED, CLUSTER)
    if gap is not None:
        return f"signed? {gap_text(gap)}", "whether it is signed cannot be seen", ()
    verified = {item: asking(view, place, item) for item in named}
    by = tuple(dict.fromkeys(ref for refs in verified.values() for ref in refs))
    for item, refs in verified.items():
        if not refs:
            return "unsigned", f"no policy asks for a signature of {item}", by
    policies = ", ".join(dict.fromkeys(str(refs[0]) for refs in verified.values()))
    return "signed", f"a signature is asked for by {policies}", by


class NodeTold(msgspec.Struct, frozen=True):
    """What checks of nodes say of one: the worst finding, all objects that say so, and which check says nothing."""

    worst: Finding | None
    by: tuple[Ref, ...]
    blind: str


def nodes_told(view: View, cell_of: CellOf) -> dict[str, NodeTold]:
    """What is told of each node, by name."""
    cells = {name: cell_of(view, CheckId(name), CLUSTER) for name in _OF_NODES}
    found: dict[str, dict[str, Finding]] = {}
    for name, cell in cells.items():
        for finding in cell.findings if cell else ():
            found.setdefault(finding.on.name, {})[name] = finding
    unsaid = {name: gap_text(cell.gaps[0][1]) if cell and cell.gaps else f"{name} has no verdict" for name, cell in cells.items()}
    told = {"": NodeTold(None, (), next(iter(unsaid.values())))}
    for node, mine in found.items():
        blind = next((why for name, why in unsaid.items() if name not in mine), "")
        by = tuple(dict.fromkeys(ref for item in mine.values() for ref in (item.on, *_objects(item))))
        told[node] = NodeTold(min(mine.values(), key=lambda item: _WORST.index(item.status)), by, blind)
    return told


def _node(view: View, cell_of: CellOf, unit: Workload) -> Fact:
    names = unit.nodes
    if not names:
        return Fact("node", "–", "dim", "is on no node yet")
    every = view.derive(nodes_told, cell_of)
    told = [every.get(name) or every[""] for name in names]
    blind = next((item.blind for item in told if item.blind), "")
    text, where = names[0] if len(names) == 1 else f"{len(names)} nodes", f"runs on {', '.join(names)}"
    judged = [item.worst for item in told if item.worst is not None]
    worst = min(judged, key=lambda item: _WORST.index(item.status), default=None)
    if worst is not None and worst.status is Status.FAIL:
        return Fact("node", text, "fail", f"{where}; of {worst.on.name}: {sentence(worst)}", every[worst.on.name].by)
    by = tuple(dict.fromkeys(ref for item in told for ref in item.by))
    if worst is None or blind:
        return Fact("node", f"{text} ?", "unknown", f"{where}; not all is known of them: {blind}", by)
    return Fact("node", text, TONES[worst.status], f"{where}; of {worst.on.name}: {sentence(worst)}", by)


def _legacy(view: View, cell_of: CellOf, unit: Workload) -> Finding | Gap | None:
    """The finding on a Secret with an endless token that one of its pods mounts, or why nobody can tell."""
    mounted = {item.secret.secret_name for pod in unit.pods for item in pod.spec.volumes or () if item.secret}
    cell = cell_of(view, CheckId("ZT2-SEC-005"), unit.root.namespace) if mounted else None
    if cell is None:
        return None
    found = (item for item in cell.findings if item.on.kind == "Secret" and item.on.name in mounted)
    bad = next((item for item in found if item.status is Status.FAIL), None)
    return bad or next((gap for _, gap in cell.gaps), None)


def _worst(cell: object, root: Ref) -> Finding | None:
    findings: Iterable[Finding] = getattr(cell, "findings", ())
    mine = [item for item in findings if item.on == root]
    return min(mine, key=lambda item: _WORST.index(item.status), default=None)


def _objects(finding: Finding) -> tuple[Ref, ...]:
    return tuple(dict.fromkeys(item.ref for item in finding.evidence)) or (finding.on,)


def _audience(audience: str, seconds: int) -> str:
    hours = f"{seconds // 3600}h" if seconds >= 3600 else f"{seconds // 60}m"
    return f"{audience or 'api'}@{hours}"


def _login_words(item: Login) -> str:
    role, opens = item.role, ", ".join(item.policies) or "no policy"
    if item.use == "broken":
        return f"its pods name the role {role}, which does not let the account in"
    how = "by a pattern" if item.wide else "by name"
    used = "and uses it" if item.use == "used" else "and does not say that it uses it"
    return f"{role} lets it in {how}, for {opens}, {used}"


_ORDER: Final = ("mesh", "spire", "api-server", "none")
_ISSUERS: Final = {"mesh": "the mesh", "spire": "SPIRE", "api-server": "the API server"}
