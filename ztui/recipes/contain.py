"""What can be done to contain an incident at a target, in the order in which it should be done.

GitOps first, so that nothing is undone; then the network, so that nothing more gets out; then credentials and rights; then what
runs. Each measure is an ordinary recipe on an object, or says why it does nothing here and what does instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from ztui.checks.base import Reason
from ztui.checks.p3_auto import applications
from ztui.engines.mtls import is_enrolled
from ztui.engines.scans import digest_of, normalised, started
from ztui.engines.units import root_of, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.credential import OAuthAccessToken
from ztui.kinds.gitops import Application, Kustomization
from ztui.kinds.identity import Group
from ztui.kinds.secret import AccountTokenSecret
from ztui.kinds.workload import Job, Node, Pod, ServiceAccount
from ztui.recipes import fuse as fuses
from ztui.recipes.base import Note, note, ref_to
from ztui.recipes.halt import STOPPED
from ztui.recipes.imageblock import image_ref, running, users
from ztui.recipes.login import EVERYBODY
from ztui.recipes.quarantine import HELD_BY, NOT_ENFORCED, enforces_nothing
from ztui.recipes.revoke import pods_as, token_secrets
from ztui.recipes.roots import pods_of, unit_of
from ztui.recipes.secret import INVALID_SINCE
from ztui.recipes.strip import bindings_of, groups_of, unread_bindings, who_is
from ztui.recipes.suspend import kustomizations_of, stands_still
from ztui.recipes.vaultcontain import vault_containment
from ztui.view import Gap, View

Step = Literal["gitops", "network", "credentials", "rights", "stop", "node", "image", "close"]

SYNCS: Final = Reason("contain-syncs", "{app} keeps {place} as its repository says, and would undo what follows")
ELSEWHERE: Final = Reason(
    "contain-hub", "a repository keeps {what}, and no application in this cluster does it: suspend it at its hub"
)
SYNCS_UNREAD: Final = Reason(
    "contain-gitops-unread", "not all of GitOps can be read ({why}): whether it undoes what follows is not known"
)
CUTS: Final = Reason("contain-cuts", "nothing more gets out or in; the pods stay as they are for whoever looks into them")
HELD: Final = Reason("contain-held", "{pod} is in a quarantine that ends by itself: let it hold for longer")
HELD_FOR_GOOD: Final = Reason("contain-held-good", "its pods are in quarantine already, until it is taken back")
ON_HOST: Final = Reason("contain-host", "not effective: {what} is on its node's network; cordon the node, or scale it to zero")
TOKENS: Final = Reason("contain-tokens", "its pods held tokens of {account}: whoever copied one can use it until it ends")
SHARED: Final = Reason("contain-shared", "its pods held tokens of {account}, which {others} use too")
IMMORTAL: Final = Reason("contain-immortal", "{secret} holds a token of {account} that never ends")
OFF_ALREADY: Final = Reason("contain-off", "{secret} is switched off; deleting it is for good")
SECRETS_UNREAD: Final = Reason(
    "contain-secrets-unread", "Secrets cannot be read ({why}): whether one holds a token of it is not known"
)
RIGHTS_UNREAD: Final = Reason(
    "contain-rights-unread", "not all bindings and groups can be read ({why}): what {who} holds is not known"
)
RIGHTS: Final = Reason("contain-rights", "bindings that give {who} rights in the cluster: {count}")
NO_RIGHTS: Final = Reason("contain-no-rights", "no binding gives {who} anything: there is nothing to take away")
STOPS: Final = Reason("contain-stops", "live pods that stop: {count}; what they hold in memory is lost: take the evidence first")
NO_SCALE: Final = Reason(
    "contain-no-scale", "an operator of its own keeps {what} and decides how many there are: change it there"
)
NAKED: Final = Reason("contain-naked", "nothing controls {what}, so nothing can be scaled: delete the pod")
DELETES: Final = Reason("contain-deletes", "the pod and the tokens that are bound to it end; {again}")
NODE: Final = Reason("contain-node", "{what} can reach its node ({how}): let nothing new come to {node}")
CORDON: Final = Reason("contain-cordon", "nothing new comes to {node}; what runs there goes on")
IMAGE: Final = Reason("contain-image", "{image} starts nowhere any more")
IMAGE_SHARED: Final = Reason("contain-image-shared", "{image} starts nowhere any more, nor {count} others that run it: {others}")
NO_IMAGE: Final = Reason("contain-no-image", "its node does not tell which image runs: wait until it has started")
PERSON: Final = Reason("contain-person", "{count} bindings and {groups} groups give {who} rights")
NOBODY: Final = Reason("contain-nobody", "no binding and no group here gives {who} anything: disable it at its provider")
LOGINS: Final = Reason("contain-logins", "who is logged in stays so until the login ends")
NO_LOGINS: Final = Reason("contain-no-logins", "nobody is logged in by that name")
UNREAD: Final = Reason("contain-logins-unread", "logins cannot be read ({why}): end them where they are given")
STANDS: Final = Reason("contain-stands", "{app} undoes nothing by itself")
UNKNOWN: Final = Reason("contain-unknown", "{what} is nothing that can be contained from here")

_INJECTED: Final = frozenset({"istio-proxy", "istio-init", "istio-validation"})
_ALL_AGES: Final = "0"
_SHOWN: Final = 3


class Measure(msgspec.Struct, frozen=True):
    """One measure: the recipe, the object to ask it about, why; ``known`` are answers that are clear from the target.

    ``works`` is false where it would do nothing here; then ``why`` says what does instead.
    """

    step: Step
    recipe: str
    on: Ref
    why: Note
    works: bool = True
    known: tuple[tuple[str, str], ...] = ()


def containment(view: View, ref: Ref) -> tuple[Measure, ...]:
    """The measures for a target, first things first; one that says so where the target is nothing of the kind.

    A target is a workload or a pod, a node, a ServiceAccount, a User or Group (with or without an object of that name), an
    Application of Argo CD or a Kustomization of Flux, or an image (``Ref("", "Image", …, "repo@sha256:…")``).
    """
    for kind, measures in _BY_KIND.items():
        if ref.kind == kind:
            return tuple(measures(view, ref))
    if pods_of(view, ref):
        return tuple(_for_workload(view, ref))
    return (Measure("stop", "", ref, note(UNKNOWN, ref, what=ref), works=False),)


def _for_workload(view: View, ref: Ref) -> Iterator[Measure]:
    pods = pods_of(view, ref)
    if not pods:
        yield Measure("stop", "", ref, note(UNKNOWN, ref, what=ref), works=False)
        return
    root = root_of(view, pods[0]) if ref.kind == Pod.KIND else ref
    account = Ref("", "ServiceAccount", ref.namespace, pods[0].account)
    yield from _gitops(view, root)
    yield _quarantine(view, ref, pods)
    yield from _credentials(view, account, but=root)
    for told in vault_containment(view, root):
        yield Measure("credentials", told.recipe, told.on, told.why, told.works)
    yield _rights(view, account)
    yield from _stopping(view, ref, root, pods)
    yield from _blocking(view, ref, root, pods)
    yield from _nodes(ref, pods)


def _gitops(view: View, root: Ref) -> Iterator[Measure]:
    """The applications that would undo the rest."""
    mine = view.derive(applications).get(root.namespace, ())
    awake = [app for app in mine if not stands_still(app)]
    for app in awake:
        yield Measure("gitops", "R-ARGO-SUSPEND", app.ref, note(SYNCS, app.ref, app=app.name, place=root.namespace))
    unit = unit_of(view, root)
    flux = kustomizations_of(view, root, unit.labels if unit is not None else {})
    for item in flux:
        yield Measure("gitops", "R-FLUX-SUSPEND", item.ref, note(SYNCS, item.ref, app=item.name, place=root.namespace))
    gap = _unserved(view, Application) or _unserved(view, Kustomization)
    if gap is not None:
        yield Measure("gitops", "R-ARGO-SUSPEND", root, note(SYNCS_UNREAD, root, why=gap), works=False)
    elif unit is not None and unit.manager == "gitops" and not mine and not flux:
        yield Measure("gitops", "R-ARGO-SUSPEND", root, note(ELSEWHERE, root, what=root), works=False)


def _quarantine(view: View, ref: Ref, pods: tuple[Pod, ...]) -> Measure:
    if all(pod.spec.host_network for pod in pods):
        return Measure("network", "R-QUARANTINE", ref, note(ON_HOST, ref, what=ref), works=False)
    if enforces_nothing(view) and not any(map(is_enrolled, pods)):
        return Measure("network", "R-QUARANTINE", ref, note(NOT_ENFORCED, ref), works=False)
    held = next((pod for pod in pods if HELD_BY in pod.labels), None)
    if held is None:
        return Measure("network", "R-QUARANTINE", ref, note(CUTS, ref))
    job = view.get(Job, f"{fuses.PREFIX}{held.labels[HELD_BY]}", ref.namespace)
    if job is not None:
        return Measure("network", "R-FUSE-RENEW", job.ref, note(HELD, job.ref, pod=held.name))
    return Measure("network", "R-QUARANTINE", ref, note(HELD_FOR_GOOD, ref), works=False)


def _credentials(view: View, account: Ref, *, but: Ref | None = None) -> Iterator[Measure]:
    """The tokens of an account: those in Secrets, then all of them at once."""
    gap = view.gap(AccountTokenSecret, account.namespace)
    if gap is not None:
        yield Measure("credentials", "R-SATOKEN-SOFT", account, note(SECRETS_UNREAD, account, why=gap), works=False)
    for secret in token_secrets(view, account):
        if INVALID_SINCE in secret.labels:
            yield Measure("credentials", "R-SATOKEN-DEL", secret.ref, note(OFF_ALREADY, secret.ref, secret=secret.ref))
        else:
            told = note(IMMORTAL, secret.ref, secret=secret.ref, account=account)
            yield Measure("credentials", "R-SATOKEN-SOFT", secret.ref, told)
    found = view.get(ServiceAccount, account.name, account.namespace)
    if found is None:
        return
    others = sorted({str(root) for pod in pods_as(view, account) if (root := root_of(view, pod)) != but})
    why = note(SHARED, account, account=account, others=", ".join(others)) if others else note(TOKENS, account, account=account)
    if pods_as(view, account):
        yield Measure("credentials", "R-SA-PODS", found.ref, why)
    yield Measure("credentials", "R-SA-RECREATE", found.ref, why)


def _rights(view: View, subject: Ref) -> Measure:
    who = who_is(subject)
    count, gap = len(bindings_of(view, who)), unread_bindings(view)
    if not count:
        told = note(NO_RIGHTS, subject, who=who) if gap is None else note(RIGHTS_UNREAD, subject, who=who, why=gap)
        return Measure("rights", "R-STRIP", subject, told, works=False)
    return Measure("rights", "R-STRIP", subject, note(RIGHTS, subject, count=count, who=who))


def _stopping(view: View, ref: Ref, root: Ref, pods: tuple[Pod, ...]) -> Iterator[Measure]:
    kinds = {(kind.GROUP, kind.KIND) for kind in STOPPED}
    unit = unit_of(view, root)
    count = len(unit.pods) if unit is not None else len(pods)
    if (root.group, root.kind) in kinds:
        yield Measure("stop", "R-SCALE-ZERO", root, note(STOPS, root, count=count))
    elif root.kind == Pod.KIND:
        yield Measure("stop", "R-SCALE-ZERO", root, note(NAKED, root, what=root), works=False)
    else:
        yield Measure("stop", "R-SCALE-ZERO", root, note(NO_SCALE, root, what=root), works=False)
    for pod in pods if Pod.KIND in {ref.kind, root.kind} else ():
        again = "nothing starts it again" if root.kind == Pod.KIND else f"{root} starts another"
        yield Measure("stop", "R-POD-DELETE", pod.ref, note(DELETES, pod.ref, again=again))


def _blocking(view: View, ref: Ref, root: Ref, pods: tuple[Pod, ...]) -> Iterator[Measure]:
    """The images of its own, then those that others run too. What a mesh puts into pods is not the workload's."""
    found = {name for pod in pods for asked, image_id in started(pod, _INJECTED) if (name := normalised(image_id, asked))}
    by_digest = {digest_of(name): name for name in sorted(found)}
    others = {digest: [str(user) for user in users(view, digest) if user != root] for digest in by_digest}
    for digest, name in sorted(by_digest.items(), key=lambda item: (len(others[item[0]]), item[1])):
        on, shared = image_ref(name), others[digest]
        told = note(IMAGE, on, image=name)
        if shared:
            told = note(IMAGE_SHARED, on, image=name, count=len(shared), others=_named(shared))
        yield Measure("image", "R-IMAGE-BLOCK", on, told)
    if not by_digest:
        yield Measure("image", "R-IMAGE-BLOCK", ref, note(NO_IMAGE, ref), works=False)


def _named(shared: list[str]) -> str:
    more = len(shared) - _SHOWN
    return ", ".join(shared[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _nodes(ref: Ref, pods: tuple[Pod, ...]) -> Iterator[Measure]:
    """The nodes that the pods can reach themselves."""
    for name in sorted({pod.spec.node_name for pod in pods} - {""}):
        how = {way for pod in pods if pod.spec.node_name == name for way in _ways_to_node(pod)}
        if how:
            node = ref_to(Node, name, "")
            yield Measure("node", "R-CORDON", node, note(NODE, node, what=ref, how=", ".join(sorted(how)), node=name))


def _ways_to_node(pod: Pod) -> Iterator[str]:
    spec = pod.spec
    told = {"network": spec.host_network, "processes": spec.host_pid, "memory": spec.host_ipc}
    yield from (way for way, given in told.items() if given)
    if any(item.security_context is not None and item.security_context.privileged for item in pod.containers):
        yield "privileged"
    if any(volume.host_path is not None for volume in spec.volumes or ()):
        yield "files"


def _for_node(view: View, ref: Ref) -> Iterator[Measure]:
    del view
    yield Measure("node", "R-CORDON", ref, note(CORDON, ref, node=ref.name))


def _for_account(view: View, ref: Ref) -> Iterator[Measure]:
    for unit in view.derive(workloads, ref.namespace):
        if unit.account == ref.name:
            yield _quarantine(view, unit.root, unit.pods)
    yield from _credentials(view, ref)
    yield _rights(view, ref)


def _for_person(view: View, ref: Ref) -> Iterator[Measure]:
    if ref.kind == "Group":
        yield _rights(view, ref)
        return
    who, groups = who_is(ref), len(groups_of(view, ref.name))
    count, gap = len(bindings_of(view, who)), unread_bindings(view) or _unserved(view, Group)
    told = note(PERSON, ref, count=count, groups=groups, who=who)
    if not count and not groups:
        told = note(NOBODY, ref, who=who) if gap is None else note(RIGHTS_UNREAD, ref, who=who, why=gap)
    yield Measure("rights", "R-USER-DISABLE", ref, told, works=bool(count or groups))
    if ref.name != EVERYBODY:
        yield _logins(view, ref)


def _unserved(view: View, kind: type[Kind]) -> Gap | None:
    """Why a kind cannot be read whole; ``None`` where it can, or is not there at all."""
    return None if view.absent(kind) else view.gap(kind)


def _logins(view: View, ref: Ref) -> Measure:
    gap, known = view.gap(OAuthAccessToken), (("user", ref.name), ("hours", _ALL_AGES))
    there = any(item.user_name == ref.name for item in view.all(OAuthAccessToken))
    why = note(UNREAD, ref, why=gap) if gap is not None else note(LOGINS if there else NO_LOGINS, ref)
    works = gap is None and there
    return Measure("credentials", "R-OAUTH-REVOKE", Ref("", "Cluster", "", "cluster"), why, works, known)


def _for_application(view: View, ref: Ref) -> Iterator[Measure]:
    found = view.get(Application, ref.name, ref.namespace)
    if found is None or stands_still(found):
        yield Measure("gitops", "R-ARGO-SUSPEND", ref, note(STANDS, ref, app=ref.name), works=False)
    else:
        place = found.spec.destination.namespace or "its namespaces"
        yield Measure("gitops", "R-ARGO-SUSPEND", ref, note(SYNCS, ref, app=ref.name, place=place))


def _for_kustomization(view: View, ref: Ref) -> Iterator[Measure]:
    found = view.get(Kustomization, ref.name, ref.namespace)
    runs = found is not None and not found.spec.suspend
    place = (found.spec.target_namespace if found is not None else "") or "its namespaces"
    told = note(SYNCS, ref, app=ref.name, place=place) if runs else note(STANDS, ref, app=ref.name)
    yield Measure("gitops", "R-FLUX-SUSPEND", ref, told, works=runs)


def _for_image(view: View, ref: Ref) -> Iterator[Measure]:
    yield Measure("image", "R-IMAGE-BLOCK", ref, note(IMAGE, ref, image=ref.name))
    roots: dict[Ref, list[Pod]] = {}
    for pod, _ in running(view, digest_of(ref.name)):
        roots.setdefault(root_of(view, pod), []).append(pod)
    for root, pods in sorted(roots.items()):
        yield _quarantine(view, root, tuple(pods))


def _for_fuse(view: View, ref: Ref) -> Iterable[Measure]:
    if ref.name.startswith(fuses.PREFIX):
        return (Measure("network", "R-FUSE-RENEW", ref, note(HELD, ref, pod=ref.name)),)
    return _for_workload(view, ref)


_BY_KIND: Final[Mapping[str, Callable[[View, Ref], Iterable[Measure]]]] = {
    "Node": _for_node,
    "ServiceAccount": _for_account,
    "User": _for_person,
    "Group": _for_person,
    "Application": _for_application,
    "Kustomization": _for_kustomization,
    "Image": _for_image,
    "Job": _for_fuse,
}
