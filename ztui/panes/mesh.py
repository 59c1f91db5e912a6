"""Mesh authorization: a line for each workload: whom the mesh lets call it, and which policy says so."""

from __future__ import annotations

from ztui.engines.marks import GapNote, gap_in
from ztui.engines.meshcalls import Caller, Calls, calls_gap, calls_in
from ztui.engines.mtls import mesh
from ztui.kinds.meshcontrol import Istio, ServiceMeshControlPlane
from ztui.kinds.workload import Deployment, Namespace, Pod
from ztui.panes.base import Line, Tone, cell, prose
from ztui.panes.reach import short
from ztui.view import View
from ztui.words import gap_text


def mesh_lines(view: View, namespace: str = "") -> tuple[Line, ...]:
    """Workloads of namespaces where the mesh stands before at least one; where nobody has a mesh, a line that says so."""
    if view.derive(mesh) is None:
        return (_no_mesh(view),)
    lines = []
    missing = view.gap(Namespace)
    if missing is not None and not namespace:
        lines.append(_says("mesh:namespaces", "?", f"namespaces could not all be read: {gap_text(missing)}", "unknown"))
    for name in (namespace,) if namespace else sorted(item.name for item in view.all(Namespace)):
        found = view.derive(calls_in, name)
        hidden = view.gap(Pod, name)
        if hidden is not None:
            lines.append(_says(f"mesh:{name}", name, f"its workloads could not all be read: {gap_text(hidden)}", "unknown"))
        if any(item.is_enrolled for item in found):
            gap = calls_gap(view, name)
            lines += [_line(item, gap) for item in found]
    return tuple(lines)


def words(item: Calls) -> str:
    """One workload in a sentence of raw text, with the policies that say so."""
    name = short(item.unit)
    if not item.is_enrolled:
        return f"{name} is not in the mesh: no policy of it is asked, and whoever reaches it calls it."
    if item.allows:
        told = "; ".join(f"{_caller(caller)} by {caller.by}" for caller in item.allows[:4])
        silent = [str(ref) for ref in item.closing if all(caller.by != ref for caller in item.allows)]
        text = f"{name} may be called by {told}. Nobody else{f': {silent[0]} allows nothing' if silent else ''}."
    elif item.closed_by is not None:
        text = f"{name} may be called by nobody: {item.closed_by} allows nothing, and no policy allows more."
    else:
        text = f"{name} may be called by anybody: no policy with ALLOW is about it."
    if item.denies:
        text += f" Denied before: {'; '.join(f'{_caller(caller)} by {caller.by}' for caller in item.denies[:3])}."
    if item.asks:
        text += f" First {item.asks[0]} asks an authoriser outside."
    if item.dry:
        text += f" {item.dry[0]} only reports."
    if item.odd:
        text += f" {item.odd[0]} asks for requests, which only a waypoint sees in ambient mode."
    return text


def _line(item: Calls, gap: GapNote | None) -> Line:
    if gap is not None and item.is_enrolled:
        kind, why = gap[0], gap_text(gap[1])
        told = f"{kind} could not all be read: {why}; whom the mesh lets call {short(item.unit)} is unknown."
        cells = (cell("?", "unknown"), cell("?", "unknown"), cell("?", "unknown"), cell(why, "unknown"), prose(told))
        status = "unknown"
    else:
        who, tone, status = _who(item)
        denied = ", ".join(dict.fromkeys(_caller(caller) for caller in item.denies)) or "–"
        note = "reports only" if item.dry else "needs a waypoint" if item.odd else "asks outside" if item.asks else "–"
        decides = next((caller.by for caller in item.allows), item.closed_by)
        by = f"{decides.namespace}/{decides.name}" if decides else "–"
        cells = (cell(who, tone), cell(denied, "dim"), cell(by), cell(note, "warn" if note != "–" else "dim"), prose(words(item)))
    return Line(
        f"calls:{item.unit}",
        (cell(short(item.unit), "strong"), cell(item.state, "plain" if item.is_enrolled else "fail"), *cells),
        words=f"{item.unit} {' '.join(part.text for part in cells)}",
        status=status,
        namespace=item.unit.namespace,
        ref=next((caller.by for caller in item.allows), item.closed_by) or item.unit,
        by=item.by,
    )


def _who(item: Calls) -> tuple[str, Tone, str]:
    """Who may call, how bad that is, and the word that a filter finds it by."""
    if not item.is_enrolled:
        return "not asked", "fail", "outside"
    if item.allows:
        names = dict.fromkeys(_caller(caller) for caller in item.allows)
        return ", ".join(names), "fail" if any(name.startswith("anybody") for name in names) else "pass", "named"
    if item.closed_by is not None:
        return "nobody", "pass", "nobody"
    return "anybody", "fail", "anybody"


def _caller(caller: Caller) -> str:
    return f"{caller.who} ({caller.what})" if caller.what else caller.who


def _no_mesh(view: View) -> Line:
    """No mesh, or nobody knows: what a control plane is known by may not have been read."""
    unseen = gap_in(view, (Istio, ServiceMeshControlPlane, Deployment), "")
    if unseen is None:
        return _says("mesh:none", "–", "there is no mesh: no control plane was found", "dim")
    return _says("mesh:none", "?", f"whether there is a mesh is unknown: {unseen[0]} {gap_text(unseen[1])}", "unknown")


def _says(key: str, first: str, told: str, tone: Tone) -> Line:
    status = "unknown" if tone == "unknown" else "na"
    rest = (cell(told, tone), *(cell("") for _ in range(3)), prose(told))
    return Line(key, (cell(first, tone), cell(""), *rest), status=status)
