"""What still tells of an incident once it is contained: alerts that fire on, violations that stand. Each is ended on its own.

Nothing here contains anything, so it comes last: what is silenced early is what nobody hears of at four in the morning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.incident import Incident
from ztui.kinds.told import ActiveViolation, AlertSilence
from ztui.recipes.base import Draft, Question, Write, note, recipe, ref_to, refused
from ztui.recipes.contain import Measure
from ztui.view import View

NO_HOURS: Final = Reason("no-silence-hours", "{hours} is no number of hours from 1 to {most}")
HIDES: Final = Reason("silence-hides", "alerts called {alert} in {place} reach nobody for {hours} hours, whatever they are about")
ENDS: Final = Reason("silence-ends", "the silence ends by itself after that; U in the journal ends it before")
STAYS: Final = Reason("violation-stays", "it stays among the resolved ones at Central; what breaks the policy again is a new one")
NO_WAY_BACK: Final = Reason("violation-no-way-back", "nothing makes it active again")
FIRES: Final = Reason("closing-fires", "signals of it so far: {count}; it fires on until what it measures is well again")
STANDS: Final = Reason("closing-stands", "signals of it so far: {count}; Central holds it as active until somebody resolves it")
NOWHERE: Final = Reason("closing-nowhere", "{alert} names no namespace: silence it at the alert manager itself")
NOBODY: Final = Reason("closing-nobody", "{policy} names no workload: resolve it at Central itself")

HOURS_MOST: Final = 24
AFTER: Final = frozenset({"contained", "eradicated"})
"""The states of an incident in which this is offered."""

_HOURS: Final = Question("hours", f"for how many hours, at most {HOURS_MOST}", "4")


def endings(found: Incident) -> Iterator[Measure]:
    """What still tells of an incident that is contained, in the order in which it was told."""
    if found.phase not in AFTER:
        return
    for item in found.seen:
        about, place = item.about, item.about.namespace if item.about is not None else ""
        if item.source == "alertmanager":
            on = ref_to(AlertSilence, item.rule, place)
            why = note(FIRES, on, count=item.count) if place else note(NOWHERE, on, alert=item.rule)
            yield Measure("close", "R-SILENCE", on, why, works=bool(place))
        elif item.source == "acs":
            on = ref_to(ActiveViolation, ActiveViolation.named(about.kind, about.name, item.rule) if about else item.rule, place)
            why = note(STANDS, on, count=item.count) if place else note(NOBODY, on, policy=item.rule)
            yield Measure("close", "R-ACS-RESOLVE", on, why, works=bool(place))


@recipe(
    "R-SILENCE",
    "Silence an alert for a while",
    risk_class="disruptive",
    on=(AlertSilence,),
    writes=(AlertSilence,),
    makes=(AlertSilence,),
    asks=(_HOURS,),
    verify_s=30.0,
    contains=("signal",),
)
def silence(view: View, ref: Ref, hours: str = "") -> Draft:
    """One silence by the name of the alert and its namespace, which the alert manager ends by itself."""
    del view
    if not hours.isascii() or not hours.isdecimal() or not 1 <= int(hours) <= HOURS_MOST:
        return refused(ref, NO_HOURS, hours=hours or "nothing", most=HOURS_MOST)
    if not ref.namespace:
        return refused(ref, NOWHERE, alert=ref.name)
    write = Write(AlertSilence, ref, "apply", {"alert": ref.name, "hours": int(hours)}, creates=True)
    return Draft((write,), (note(HIDES, ref, alert=ref.name, place=ref.namespace, hours=hours), note(ENDS, ref)))


@recipe(
    "R-ACS-RESOLVE",
    "Resolve what a workload did against a policy",
    risk_class="destructive",
    on=(ActiveViolation,),
    writes=(ActiveViolation,),
    deletes=(ActiveViolation,),
    verify_s=30.0,
    contains=("signal",),
)
def resolve(view: View, ref: Ref) -> Draft:
    """Every violation of one policy by one workload that is active now is resolved at Central."""
    del view
    _, workload, policy = ActiveViolation.parts(ref.name)
    if not ref.namespace or not workload:
        return refused(ref, NOBODY, policy=policy or ref.name)
    return Draft((Write(ActiveViolation, ref, "delete"),), (note(STAYS, ref), note(NO_WAY_BACK, ref)))
