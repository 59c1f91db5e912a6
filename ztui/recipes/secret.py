"""Tokens of ServiceAccounts that never expire: switched off by a label first, deleted later. Values are never read."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ztui.checks.base import Reason
from ztui.engines.units import WORKLOADS, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.secret import AccountTokenSecret
from ztui.kinds.session import Session
from ztui.kinds.workload import Pod
from ztui.recipes.base import Draft, Note, Stop, Write, gone, note, recipe
from ztui.view import View

INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
SERVER: Final = 29
"""The minor version since which servers honour the label. Source: feature gate LegacyServiceAccountTokenCleanUp."""

MOUNTED: Final = Reason("token-mounted", "{units} mounts it: its token stops working")
USED: Final = Reason("token-used", "it was last used on {day}")
OLD_SERVER: Final = Reason("server-too-old", "servers honour the label since 1.{since}, and this is 1.{minor}")
NOT_OFF_YET: Final = Reason("not-off-yet", "it was not switched off for a day yet: do that first, and see who complains")
FOR_GOOD: Final = Reason("deleted-for-good", "the token is gone for good; the account keeps its short-lived ones")
WAIT: Final = timedelta(days=1)
READS: Final[tuple[type[Kind], ...]] = (*WORKLOADS, AccountTokenSecret, Session)


@recipe(
    "R-SATOKEN-SOFT",
    "Switch the token off",
    risk_class="disruptive",
    on=("Secret",),
    writes=(AccountTokenSecret,),
    reads=READS,
    contains=("account",),
    verify_s=10.0,
)
def switch_off(view: View, ref: Ref) -> Draft:
    """The label by which the server refuses the token; taking it off makes the token work again."""
    secret = view.get(AccountTokenSecret, ref.name, ref.namespace)
    if secret is None:
        return gone(ref)
    me = next(iter(view.all(Session)), None)
    old = me is not None and 0 < me.minor < SERVER
    stops = (Stop(note(OLD_SERVER, ref, since=SERVER, minor=me.minor if me is not None else 0)),) if old else ()
    write = Write(AccountTokenSecret, secret.ref, "label", {INVALID_SINCE: f"{view.now:%Y-%m-%d}"})
    return Draft((write,), tuple(_users(view, secret)), stops)


@recipe(
    "R-SATOKEN-DEL",
    "Delete the token",
    risk_class="destructive",
    on=("Secret",),
    writes=(AccountTokenSecret,),
    deletes=(AccountTokenSecret,),
    reads=READS,
    contains=("account",),
    verify_s=10.0,
)
def delete(view: View, ref: Ref) -> Draft:
    """The Secret goes away, by its uid; nothing brings it back."""
    secret = view.get(AccountTokenSecret, ref.name, ref.namespace)
    if secret is None:
        return gone(ref)
    since = secret.labels.get(INVALID_SINCE, "")
    waited = bool(since) and since <= f"{view.now - WAIT:%Y-%m-%d}"
    stops = () if waited else (Stop(note(NOT_OFF_YET, ref), override=True),)
    return Draft((Write(AccountTokenSecret, secret.ref, "delete"),), (note(FOR_GOOD, ref), *_users(view, secret)), stops)


def _users(view: View, secret: AccountTokenSecret) -> list[Note]:
    used = secret.labels.get(LAST_USED)
    told = [note(USED, secret.ref, day=used)] if used else []
    mounting = [unit for unit in view.derive(workloads, secret.namespace) if any(_mounts(pod, secret.name) for pod in unit.pods)]
    return told + [note(MOUNTED, unit.root, units=unit.root) for unit in mounting]


def _mounts(pod: Pod, name: str) -> bool:
    return any(volume.secret is not None and volume.secret.secret_name == name for volume in pod.spec.volumes or ())
