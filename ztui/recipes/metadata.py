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
LEVELS: Final = ("baseline", "restricted")
PSA: Final = "pod-security.kubernetes.io/"


@recipe(
    "R-PSA",
    "Refuse pods that could reach the node",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(Namespace,),
    reads=(Namespace, Pod),
    asks=(Question("level", "The level to enforce: baseline or restricted", "baseline"),),
    verify_s=10.0,
)
def pod_security(view: View, ref: Ref, level: str = "baseline") -> Draft:
    """The enforced level of Pod Security; the dry-run names the pods that break it."""
    found = view.get(Namespace, ref.name)
    if found is None:
        return gone(ref)
    stops = () if level in LEVELS else (Stop(note(NO_LEVEL, ref, level=level)),)
    running = sum(pod.is_live for pod in view.within(Pod, ref.name))
    labels = {f"{PSA}enforce": level, f"{PSA}enforce-version": "latest"}
    return Draft(
        (applied(found, {"metadata": {"labels": labels}}),), (note(RUNNING, ref, count=running),) if running else (), stops
    )
