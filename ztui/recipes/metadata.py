"""How strict a namespace is with its pods, and what all recipes say of objects that are gone."""

from __future__ import annotations

from typing import Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.workload import Namespace, Pod
from ztui.recipes.base import Draft, Question, Stop, applied, gone, note, recipe
from ztui.view import View

EMPTY: Final = Reason("empty-value", "{what} is missing", waivable=False)
NO_LEVEL: Final = Reason("no-level", "{level} is no level of Pod Security: baseline or restricted")
RUNNING: Final = Reason(
    "keep-running", "{count} pods run there; those that break the level keep running, and new ones are refused"
)
WARNED: Final = Reason("only-warned", "pods that break {level} are told of to who makes them, and written down; none is refused")
LEVELS: Final = ("baseline", "restricted")
PSA: Final = "pod-security.kubernetes.io/"


WARNING: Final = "ztui:R-PSA-WARN"
"""Owns the labels that warn, so that enforcing leaves them as they are."""


def _is_labelled(view: View, ref: Ref, was: View) -> bool:
    """Whether the namespace has a level that it did not have, in one of the modes."""
    now, before = view.get(Namespace, ref.name), was.get(Namespace, ref.name)
    modes = [f"{PSA}{mode}" for mode in ("enforce", "warn", "audit")]
    return now is not None and before is not None and any(now.labels.get(key) != before.labels.get(key) for key in modes)


@recipe(
    "R-PSA",
    "Refuse pods that could reach the node",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(Namespace,),
    reads=(Namespace, Pod),
    asks=(Question("level", "The level: baseline or restricted; after the word warn it only warns", "baseline", told_by="step"),),
    verify_s=10.0,
    done=_is_labelled,
)
def pod_security(view: View, ref: Ref, level: str = "baseline") -> Draft:
    """The enforced level of Pod Security, or one that only warns; the dry-run names the pods that break it."""
    found = view.get(Namespace, ref.name)
    if found is None:
        return gone(ref)
    only_warns, _, wanted = level.strip().rpartition(" ")
    stops = () if wanted in LEVELS and only_warns in {"", "warn"} else (Stop(note(NO_LEVEL, ref, level=level)),)
    running = sum(pod.is_live for pod in view.within(Pod, ref.name))
    if only_warns:
        labels = {f"{PSA}{mode}": wanted for mode in ("audit", "warn")}
        write = applied(found, {"metadata": {"labels": labels}}, manager=WARNING)
        return Draft((write,), (note(WARNED, ref, level=wanted),), stops)
    labels = {f"{PSA}enforce": wanted, f"{PSA}enforce-version": "latest"}
    return Draft(
        (applied(found, {"metadata": {"labels": labels}}),), (note(RUNNING, ref, count=running),) if running else (), stops
    )
