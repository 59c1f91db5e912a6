"""Tokens of an account that may be in strange hands: those bound to pods end with the pods, all of them with the account.

A token names the uid of what it is bound to, and is refused once that is gone. Source: Kubernetes, bound ServiceAccount tokens;
authentication.k8s.io/v1 TokenReview. Tokens in Secrets have recipes of their own (``secret``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.engines.units import SCOPE, WORKLOADS, WORKLOADS_WHERE_SERVED, namespace_class, root_of
from ztui.kinds.base import Kind, Ref
from ztui.kinds.secret import AccountTokenSecret
from ztui.kinds.session import Session
from ztui.kinds.vault import VaultRole
from ztui.kinds.workload import Pod, ServiceAccount
from ztui.recipes.base import Draft, Note, Stop, Write, gone, made, note, recipe, refused
from ztui.recipes.strip import is_oneself
from ztui.redact import HIDDEN
from ztui.view import View

RESTARTS: Final = Reason("pods-restart", "{count} pods of {root} are deleted at once and start again with new tokens")
ENDS: Final = Reason("naked-pod", "nothing starts {pod} again")
NO_EVIDENCE: Final = Reason("evidence-gone", "what is in their memory and files is gone with them: take the evidence first")
STILL_GOOD: Final = Reason("others-good", "tokens that are bound to no pod stay good: R-SA-RECREATE ends them all")
NEW_UID: Final = Reason("new-uid", "every token of {account} is refused from then on, wherever it is; bindings name it and go on")
SECRETS_GO: Final = Reason("secrets-go", "the cluster deletes its token Secrets: {names}")
VAULT_BY_UID: Final = Reason("vault-uid", "{role} tells accounts by their uid: to that Vault it is somebody new")
NOT_KEPT: Final = Reason("note-not-kept", "the annotation {key} looks like a credential and is not written again")
OWNED: Final = Reason("account-owned", "{owner} keeps {account}, and may write it too")
PLATFORMS: Final = Reason("platform-account", "{namespace} belongs to the platform: its operators use this account")
YOUR_TOKEN: Final = Reason("your-own-token", "you are this account: your own token may end with it, and you with that")
NO_PODS: Final = Reason("no-pods", "no pod runs as {account}")

ACCOUNT: Final = "kubernetes.io/service-account.name"
_OWN: Final = re.compile(r"-(dockercfg|token)-[a-z0-9]{5}$")
"""Secrets that the cluster makes for each account by itself, and makes anew for a new one."""
_OWN_NOTES: Final = frozenset({"openshift.io/internal-registry-pull-secret-ref", "kubernetes.io/legacy-token-last-used"})
READS: Final[tuple[type[Kind], ...]] = (*WORKLOADS, *WORKLOADS_WHERE_SERVED, *SCOPE, ServiceAccount, Session)


def pods_as(view: View, account: Ref) -> tuple[Pod, ...]:
    """The live pods that run as an account, by name."""
    mine = (pod for pod in view.within(Pod, account.namespace) if pod.account == account.name and pod.is_live)
    return tuple(sorted((pod for pod in mine if not pod.is_mirror), key=lambda pod: pod.name))


def token_secrets(view: View, account: Ref) -> tuple[AccountTokenSecret, ...]:
    """The Secrets with tokens of an account that never end, where they may be seen."""
    mine = (item for item in view.within(AccountTokenSecret, account.namespace) if item.annotations.get(ACCOUNT) == account.name)
    return tuple(sorted(mine, key=lambda item: item.name))


def _are_new(view: View, ref: Ref, was: View) -> bool:
    """Whether none of the pods of before is there any more."""
    before = {pod.metadata.uid for pod in pods_as(was, ref)}
    return not any(pod.metadata.uid in before for pod in pods_as(view, ref))


def _is_another(view: View, ref: Ref, was: View) -> bool:
    now, before = view.get(ServiceAccount, ref.name, ref.namespace), was.get(ServiceAccount, ref.name, ref.namespace)
    return now is not None and before is not None and now.metadata.uid != before.metadata.uid and _are_new(view, ref, was)


@recipe(
    "R-SA-PODS",
    "End the tokens of its pods",
    risk_class="disruptive",
    on=(ServiceAccount,),
    writes=(Pod,),
    deletes=(Pod,),
    reads=READS,
    contains=("account",),
    verify_s=120.0,
    done=_are_new,
)
def end_pods(view: View, ref: Ref) -> Draft:
    """All pods that run as it are deleted, each by its uid: a token dies with the pod that it is bound to."""
    found = pods_as(view, ref)
    if not found:
        return refused(ref, NO_PODS, account=ref)
    radius = [*_restarts(view, found), note(NO_EVIDENCE, ref), note(STILL_GOOD, ref)]
    return Draft(_deletes(found), tuple(radius), tuple(_stops(view, ref, found)))


@recipe(
    "R-SA-RECREATE",
    "Make the account anew: all its tokens end",
    risk_class="destructive",
    on=(ServiceAccount,),
    writes=(ServiceAccount, Pod),
    makes=(ServiceAccount,),
    deletes=(ServiceAccount, Pod),
    reads=(*READS, AccountTokenSecret, VaultRole),
    contains=("account",),
    verify_s=120.0,
    done=_is_another,
)
def recreate(view: View, ref: Ref) -> Draft:
    """The account is deleted by its uid and made again with the same words; its pods start again with tokens of the new one."""
    found = view.get(ServiceAccount, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    pods = pods_as(view, ref)
    writes = (Write(ServiceAccount, found.ref, "delete"), _again(found), *_deletes(pods))
    radius = [note(NEW_UID, ref, account=ref), *_restarts(view, pods), *([note(NO_EVIDENCE, ref)] if pods else [])]
    if secrets := token_secrets(view, ref):
        radius.append(note(SECRETS_GO, ref, names=", ".join(item.name for item in secrets)))
    roles = sorted((item for item in view.all(VaultRole) if _names_by_uid(item, found)), key=lambda item: item.name)
    radius += [note(VAULT_BY_UID, role.ref, role=role.name) for role in roles]
    owner = next(iter(found.owners), None)
    radius += [note(OWNED, ref, owner=f"{owner.kind} {owner.name}", account=ref)] if owner is not None else []
    return Draft(writes, tuple(radius), (*_stops(view, ref, pods), *_not_kept(found)))


def _again(account: ServiceAccount) -> Write:
    """The account as people wrote it; what the cluster adds to each account it adds again."""
    meta: dict[str, Any] = {}
    if account.labels:
        meta["labels"] = dict(account.labels)
    notes = {key: value for key, value in account.annotations.items() if key not in _OWN_NOTES and HIDDEN not in value}
    if notes:
        meta["annotations"] = notes
    body: dict[str, Any] = {"metadata": meta} if meta else {}
    for key, secrets in {"imagePullSecrets": account.image_pull_secrets, "secrets": account.secrets}.items():
        kept = [{"name": item.name} for item in secrets or () if not _OWN.search(item.name)]
        if kept:
            body[key] = kept
    if account.automount_service_account_token is not None:
        body["automountServiceAccountToken"] = account.automount_service_account_token
    return made(ServiceAccount, account.name, account.namespace, body)


def _names_by_uid(role: VaultRole, account: ServiceAccount) -> bool:
    if role.data.alias_name_source != "serviceaccount_uid":
        return False
    names, places = role.data.bound_service_account_names or (), role.data.bound_service_account_namespaces or ()
    return bool({"*", account.name} & set(names)) and bool({"*", account.namespace} & set(places))


def _deletes(pods: Iterable[Pod]) -> tuple[Write, ...]:
    return tuple(Write(Pod, pod.ref, "delete") for pod in pods)


def _restarts(view: View, pods: tuple[Pod, ...]) -> Iterator[Note]:
    roots = [root_of(view, pod) for pod in pods]
    for root in sorted({item for item in roots if item.kind != Pod.KIND}):
        yield note(RESTARTS, root, count=roots.count(root), root=root)


def _stops(view: View, ref: Ref, pods: tuple[Pod, ...]) -> Iterator[Stop]:
    if is_oneself(view, ref):
        yield Stop(note(YOUR_TOKEN, ref), override=True)
    for pod in pods:
        if root_of(view, pod).kind == Pod.KIND:
            yield Stop(note(ENDS, pod.ref, pod=pod.name), override=True)
    if view.derive(namespace_class, ref.namespace) != "user":
        yield Stop(note(PLATFORMS, ref, namespace=ref.namespace), override=True)


def _not_kept(account: ServiceAccount) -> Iterator[Stop]:
    for key, value in sorted(account.annotations.items()):
        if HIDDEN in value:
            yield Stop(note(NOT_KEPT, account.ref, key=key), override=True)
