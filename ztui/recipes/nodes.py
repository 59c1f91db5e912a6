"""Nodes as they were told to be: pools that roll out again, rules of a benchmark that are mended, scans that run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.node import ComplianceCheckResult, MachineConfigPool
from ztui.kinds.resilience import PodDisruptionBudget
from ztui.kinds.scan import ComplianceRemediation, ComplianceScan, ScanSettingBinding
from ztui.recipes.base import Draft, Note, Question, Stop, applied, as_wanted, gone, note, recipe, refused
from ztui.recipes.proofs import is_, updated
from ztui.view import View

ROLLS: Final = Reason(
    "pool-rolls", "{count} nodes are drained and restarted, {most} at once; {behind} of them are behind what they should run"
)
NOTHING_WAITS: Final = Reason("nothing-waits", "nothing waits to be rolled out: no node restarts for now")
WAITING: Final = Reason("waiting", "waiting to be rolled out: {what}")
NO_DISRUPTION: Final = Reason("no-disruption", "{budget} lets no pod go: nodes that run one of its pods wait until it does")
POOL_DEGRADED: Final = Reason("pool-degraded", "the pool is degraded: it does not roll out before that is mended")

NO_REMEDIATION: Final = Reason(
    "no-remediation", "nothing mends {rule} by itself: its description says what to do by hand; mended can be: {others}"
)
MAKES: Final = Reason("makes", "it makes {kind} {name}: {values}")
NODES_RESTART: Final = Reason("nodes-restart", "the nodes of its pool restart one after another")
NOT_READY: Final = Reason("remediation-not-ready", "the operator says {state}: {why}")
PROVED_LATER: Final = Reason("proved-later", "the rule is looked at again by the next scan: R-COMP-RESCAN starts one")

NO_SCAN: Final = Reason("no-scan", "no scan belongs to it")
SCANNING: Final = Reason("scanning", "{scan} runs already ({phase})")
SCANS_AGAIN: Final = Reason("scans-again", "{scan} runs again, some minutes: its pods look at {what}")

RESCAN: Final = "compliance.openshift.io/rescan"
_SUITE: Final = "compliance.openshift.io/suite"
_SCAN: Final = "compliance.openshift.io/scan-name"
_RESTARTING: Final = frozenset({"MachineConfig", "KubeletConfig"})
_BLOCKED: Final = frozenset({"MissingDependencies", "NeedsReview", "Error"})
_DONE: Final = "DONE"


def _rolled(view: View, ref: Ref, was: View) -> bool:
    del was
    pool = view.get(MachineConfigPool, ref.name)
    return pool is not None and not pool.spec.paused and updated(pool)


@recipe(
    "R-MCP-UNPAUSE",
    "Let the pool roll out",
    risk_class="disruptive",
    on=(MachineConfigPool,),
    writes=(MachineConfigPool,),
    reads=(MachineConfigPool, PodDisruptionBudget),
    verify_s=2 * 60 * 60.0,
    done=_rolled,
    reboots=True,
)
def unpause(view: View, ref: Ref) -> Draft:
    """The switch alone; what has piled up behind it is said."""
    found = view.get(MachineConfigPool, ref.name)
    if found is None:
        return gone(ref)
    if not found.spec.paused:
        return as_wanted(ref, "the pool is not paused")
    return Draft((applied(found, {"spec": {"paused": False}}),), tuple(_piled_up(view, found)))


def _piled_up(view: View, pool: MachineConfigPool) -> Iterator[Note]:
    status, wanted = pool.status, pool.spec.configuration
    if is_(status.conditions, "Degraded"):
        yield note(POOL_DEGRADED, pool.ref)
    if wanted.name == status.configuration.name and status.updated_machine_count == status.machine_count:
        yield note(NOTHING_WAITS, pool.ref)
        return
    behind = status.machine_count - status.updated_machine_count or status.machine_count
    most = pool.spec.max_unavailable if pool.spec.max_unavailable is not None else 1
    yield note(ROLLS, pool.ref, count=status.machine_count, most=most, behind=behind)
    running = {item.name for item in status.configuration.source or ()}
    new = sorted({item.name for item in wanted.source or ()} - running)
    yield note(WAITING, pool.ref, what=", new in it: ".join(filter(None, (wanted.name, ", ".join(new)))))
    for budget in sorted(view.all(PodDisruptionBudget), key=lambda item: (item.namespace, item.name)):
        if budget.status.expected_pods and not budget.status.disruptions_allowed:
            yield note(NO_DISRUPTION, budget.ref, budget=budget.ref)


def _newly_applied(view: View, ref: Ref, was: View) -> bool:
    """Whether a remediation is applied now that was not before: which one, only the answer to the question said."""
    before = {item.name for item in was.within(ComplianceRemediation, ref.namespace) if item.spec.apply}
    found = (item for item in view.within(ComplianceRemediation, ref.namespace) if item.spec.apply and item.name not in before)
    return any(item.status.application_state == "Applied" for item in found)


def _remediation(view: View, ref: Ref, rule: str = "") -> ComplianceRemediation | None:
    return view.get(ComplianceRemediation, rule.strip() or ref.name, ref.namespace)


@recipe(
    "R-COMP-APPLY",
    "Apply what mends a failing rule",
    risk_class="disruptive",
    on=(ComplianceCheckResult,),
    writes=(ComplianceRemediation,),
    reads=(ComplianceRemediation, ComplianceCheckResult),
    asks=(Question("rule", "Which failing rule to mend", told_by="rule"),),
    verify_s=10 * 60.0,
    done=_newly_applied,
    reboots=True,
)
def apply_remediation(view: View, ref: Ref, rule: str = "") -> Draft:
    """The remediation that is named after the result; what it makes is shown."""
    found = _remediation(view, ref, rule)
    if found is None:
        others = [item.name for item in view.within(ComplianceRemediation, ref.namespace) if not item.spec.apply]
        return refused(ref, NO_REMEDIATION, rule=rule.strip() or ref.name, others=", ".join(sorted(others)[:5]) or "no other")
    if found.spec.apply:
        return as_wanted(found.ref, f"{found.name} is applied ({found.status.application_state or 'not said yet'})")
    state = found.status.application_state
    stops = (
        (Stop(note(NOT_READY, found.ref, state=state, why=found.status.error_message or "no reason given")),)
        if state in _BLOCKED
        else ()
    )
    return Draft((applied(found, {"spec": {"apply": True}}),), tuple(_makes(found)), stops)


def _makes(found: ComplianceRemediation) -> Iterator[Note]:
    rendered = found.spec.current.object
    values = ", ".join(f"{path}={value}" for path, value in rendered.values) or "it does not say what"
    yield note(MAKES, found.ref, kind=rendered.kind or "an object", name=rendered.name, values=values)
    if rendered.kind in _RESTARTING:
        yield note(NODES_RESTART, found.ref)
    yield note(PROVED_LATER, found.ref)


def _scans(view: View, ref: Ref) -> list[ComplianceScan]:
    """The scans of a binding, or the one that a result is of."""
    if ref.kind == ComplianceCheckResult.KIND:
        result = view.get(ComplianceCheckResult, ref.name, ref.namespace)
        name = result.labels.get(_SCAN, "") if result is not None else ""
        found = view.get(ComplianceScan, name, ref.namespace) if name else None
        return [found] if found is not None else []
    mine = view.within(ComplianceScan, ref.namespace)
    return sorted((item for item in mine if item.labels.get(_SUITE, ref.name) == ref.name), key=lambda item: item.name)


def _scanned(view: View, ref: Ref, was: View) -> bool:
    """Whether each scan has ended since, and not at the time at which it had ended before."""
    ends = {item.name: item.status.end_timestamp for item in _scans(was, ref)}
    now = _scans(view, ref)
    return bool(now) and all(
        item.status.phase == _DONE and item.status.end_timestamp not in {"", ends.get(item.name)} for item in now
    )


@recipe(
    "R-COMP-RESCAN",
    "Scan again now",
    risk_class="safe",
    on=(ScanSettingBinding, ComplianceCheckResult),
    writes=(ComplianceScan,),
    reads=(ComplianceScan, ComplianceCheckResult, ScanSettingBinding),
    verify_s=30 * 60.0,
    done=_scanned,
)
def rescan(view: View, ref: Ref) -> Draft:
    """An annotation that the operator takes away again as it begins."""
    scans = _scans(view, ref)
    if not scans:
        return refused(ref, NO_SCAN)
    stops = [Stop(note(SCANNING, item.ref, scan=item.name, phase=item.status.phase)) for item in scans if _is_busy(item)]
    radius = [
        note(SCANS_AGAIN, item.ref, scan=item.name, what="every node of its pool" if item.spec.scan_type == "Node" else "the API")
        for item in scans
    ]
    body = {"metadata": {"annotations": {RESCAN: ""}}}
    return Draft(tuple(applied(item, body) for item in scans), tuple(radius), tuple(stops))


def _is_busy(scan: ComplianceScan) -> bool:
    return scan.status.phase not in {"", _DONE}
