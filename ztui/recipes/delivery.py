"""What delivers: applications that heal, projects that bound them, certificates that are renewed, stores of secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.checks.p3_auto import applications
from ztui.kinds.base import Condition, Kind, Ref, condition, instant
from ztui.kinds.credential import Certificate, ClusterIssuer, Issuer
from ztui.kinds.gitops import Application, AppProject
from ztui.kinds.secretmanager import ClusterSecretStore, ExternalSecret, PushSecret, StoreRef
from ztui.kinds.workload import Namespace
from ztui.recipes.base import (
    Draft,
    Note,
    Question,
    Stop,
    Write,
    add,
    applied,
    as_wanted,
    expect,
    gone,
    note,
    patched,
    recipe,
    refused,
    replace,
)
from ztui.recipes.proofs import is_
from ztui.view import View

NOT_HERE: Final = Reason("no-application", "no application writes to {namespace}: nothing can heal it")
WHICH: Final = Reason("which-application", "{told} is none of the applications that write to {namespace}: {names}")
DRIFTS: Final = Reason(
    "not-synced", "{app} is {state}: healing would undo what was changed by hand; sync it, or put it into the repository"
)
CHILD: Final = Reason("app-of-apps", "{app} is itself kept by {parent}, which takes this back: change it in that repository")
HEALS: Final = Reason("heals", "from then on {app} undoes what is changed by hand in {namespace}, within minutes")
BEGINS: Final = Reason("begins-to-sync", "{app} was synced by hand: from then on each change in its repository arrives by itself")
PRUNES: Final = Reason("prunes", "what the repository no longer has is {what}")

NO_APPLICATION: Final = Reason("unused-project", "no application is in {project}: there is nothing to bound it to")
LOGIN_INSIDE: Final = Reason("login-inside", "the repository of {app} has a login in its address, so it cannot be listed")
BOUNDED: Final = Reason("bounded", "{app} goes on: {repos} to {namespace}")
OTHERS_REFUSED: Final = Reason(
    "others-refused", "every other repository and namespace is refused until it is listed in {project}"
)

NOT_READY: Final = Reason("issuer-unready", "{issuer} does not say that it is ready: {why}")
NO_ISSUER: Final = Reason("no-issuer", "{issuer} is not there")
FOREIGN_ISSUER: Final = Reason(
    "foreign-issuer", "{issuer} is no issuer of cert-manager's own: whether it works is not seen from here"
)
ISSUING: Final = Reason("issuing", "it is being issued right now")
NEW_CERTIFICATE: Final = Reason(
    "new-certificate", "the Secret {secret} gets a new certificate{key}; who does not read it again goes on with the old one"
)

NOBODY: Final = Reason("nobody-uses", "nothing takes secrets from {store}: there is no namespace to bound it to")
USERS: Final = Reason("uses", "{namespace} goes on: {names}")
OUTSIDE: Final = Reason("outside", "every other namespace is refused from then on")

_NAME: Final = "argocd.argoproj.io/tracking-id"
_INSTANCE: Final = "app.kubernetes.io/instance"
_SHOWN: Final = 5


def _app(view: View, ref: Ref, told: str) -> Application | None:
    """The application of a namespace that is meant: by its name, or its only one."""
    found = view.derive(applications).get(ref.name, ())
    exact = [item for item in found if told.strip() in {item.name, str(item.ref)}]
    if exact:
        return exact[0]
    return found[0] if len(found) == 1 and not told.strip() else None


@recipe(
    "R-ARGO-SELFHEAL",
    "Let Argo CD undo what is changed by hand",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(Application,),
    reads=(Application, AppProject),
    asks=(Question("application", "Which application", told_by="by"),),
    verify_s=120.0,
)
def self_heal(view: View, ref: Ref, application: str = "") -> Draft:
    """Only what is missing of automated sync with self-heal; pruning stays as it is."""
    every = view.derive(applications).get(ref.name, ())
    if not every:
        return refused(ref, NOT_HERE, namespace=ref.name)
    found = _app(view, ref, application)
    if found is None:
        names = ", ".join(item.name for item in every)
        return refused(ref, WHICH, told=application or "nothing", namespace=ref.name, names=names)
    held = found.spec.sync_policy.automated if found.spec.sync_policy else None
    wanted = {**({} if held is None or held.enabled else {"enabled": True}), "selfHeal": True}
    if held is not None and held.enabled and held.self_heal:
        return as_wanted(ref, f"{found.name} heals already")
    radius = [note(HEALS, found.ref, app=found.name, namespace=ref.name)]
    if held is None or not held.enabled:
        radius.append(note(BEGINS, found.ref, app=found.name))
    radius.append(note(PRUNES, found.ref, what="deleted" if held is not None and held.prune else "kept"))
    write = applied(found, {"spec": {"syncPolicy": {"automated": wanted}}})
    return Draft((write,), tuple(radius), tuple(_not_to_heal(found)))


def _not_to_heal(found: Application) -> Iterator[Stop]:
    state = found.status.sync.status
    if state != "Synced":
        yield Stop(note(DRIFTS, found.ref, app=found.name, state=state or "not compared yet"))
    if parent := parent_of(found):
        yield Stop(note(CHILD, found.ref, app=found.name, parent=parent))


def parent_of(app: Application) -> str:
    """The application that keeps this one; empty where none does."""
    told = app.annotations.get(_NAME, "").partition(":")[0] or app.labels.get(_INSTANCE, "")
    return told if told != app.name else ""


@recipe(
    "R-APPPROJ",
    "Bound the project to what it is used for",
    risk_class="disruptive",
    on=(AppProject,),
    writes=(AppProject,),
    reads=(AppProject, Application),
    verify_s=60.0,
)
def bound_project(view: View, ref: Ref) -> Draft:
    """The repositories and destinations of today's applications, in place of everything."""
    found = view.get(AppProject, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    apps = sorted((item for item in view.all(Application) if (item.spec.project or "default") == ref.name), key=_name)
    if not apps:
        return refused(ref, NO_APPLICATION, project=ref.name)
    repos = sorted({source.repo_url for app in apps for source in app.spec.repositories if source.repo_url})
    places = [dict(item) for item in sorted({tuple(_destination(app).items()) for app in apps})]
    operations = [*_narrowed("/spec/sourceRepos", found.spec.source_repos, repos)]
    operations += _narrowed("/spec/destinations", found.spec.destinations, places)
    if not operations:
        return as_wanted(ref, "it lists what its applications use, and nothing else")
    hidden = [app for app in apps if any(source.hides_login for source in app.spec.repositories)]
    stops = tuple(Stop(note(LOGIN_INSIDE, app.ref, app=app.name)) for app in hidden)
    radius = [note(BOUNDED, app.ref, app=app.name, repos=_repos(app), namespace=app.spec.destination.namespace) for app in apps]
    return Draft((patched(found, *operations),), (*radius, note(OTHERS_REFUSED, ref, project=ref.name)), stops)


def _destination(app: Application) -> dict[str, str]:
    to = app.spec.destination
    told = {"namespace": to.namespace, "server": to.server, "name": to.name}
    return {key: value for key, value in told.items() if value}


def _narrowed(path: str, held: tuple[Any, ...] | None, wanted: list[Any]) -> Iterator[dict[str, Any]]:
    if held is None:
        yield add(path, wanted)
    elif list(held) != wanted:
        yield expect(path, msgspec.to_builtins(held))
        yield replace(path, wanted)


def _repos(app: Application) -> str:
    return ", ".join(source.repo_url for source in app.spec.repositories) or "no repository"


def _renewed(view: View, ref: Ref, was: View) -> bool:
    """Whether another certificate was issued since, and is in place."""
    now, before = view.get(Certificate, ref.name, ref.namespace), was.get(Certificate, ref.name, ref.namespace)
    if now is None or before is None:
        return False
    ends, ended = instant(now.status.not_after), instant(before.status.not_after)
    later = ends is not None and (ended is None or ends > ended)
    said = now.status.conditions
    return later and now.status.revision > before.status.revision and is_(said, "Ready") and not is_(said, "Issuing")


@recipe(
    "R-CERT-RENEW",
    "Renew the certificate now",
    risk_class="safe",
    on=(Certificate,),
    writes=(Certificate,),
    statuses=(Certificate,),
    reads=(Certificate, Issuer, ClusterIssuer),
    verify_s=5 * 60.0,
    done=_renewed,
)
def renew(view: View, ref: Ref) -> Draft:
    """The condition ``Issuing``, as cert-manager's own command line sets it."""
    found = view.get(Certificate, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    if is_(found.status.conditions, "Issuing"):
        return refused(ref, ISSUING)
    stop, told = _issuer(view, found)
    never = found.spec.private_key is not None and found.spec.private_key.rotation_policy == "Never"
    key = ", with the same key" if never else ""
    radius = [note(NEW_CERTIFICATE, ref, secret=found.spec.secret_name, key=key), *([told] if told is not None else [])]
    return Draft((_issuing(view, found),), tuple(radius), (stop,) if stop is not None else ())


def _issuing(view: View, found: Certificate) -> Write:
    wanted = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": view.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "observedGeneration": found.metadata.generation,
    }
    held = found.status.conditions
    if held is None:
        operations = [add("/status/conditions", [wanted])]
    else:
        at = next((at for at, item in enumerate(held) if item.type == "Issuing"), None)
        change = add("/status/conditions/-", wanted) if at is None else replace(f"/status/conditions/{at}", wanted)
        operations = [expect("/status/conditions", msgspec.to_builtins(held)), change]
    write = patched(found, *operations)
    return msgspec.structs.replace(write, verb="status")


def _issuer(view: View, found: Certificate) -> tuple[Stop | None, Note | None]:
    """What stands in the way at the issuer, and what is not seen of it."""
    of = found.spec.issuer_ref
    kind: type[Issuer | ClusterIssuer] = ClusterIssuer if of.kind == "ClusterIssuer" else Issuer
    name = f"{kind.KIND} {of.name}"
    if of.group not in {"", "cert-manager.io"}:
        return None, note(FOREIGN_ISSUER, found.ref, issuer=f"{of.kind} {of.name}")
    issuer = view.get(kind, of.name, "" if kind is ClusterIssuer else found.namespace)
    gap = view.gap(kind)
    if issuer is None and gap is not None:
        return Stop(note(NOT_READY, found.ref, issuer=name, why=gap)), None
    if issuer is None:
        return Stop(note(NO_ISSUER, found.ref, issuer=name)), None
    ready = condition(issuer.status.conditions, "Ready")
    if ready is None or ready.status != "True":
        return Stop(note(NOT_READY, found.ref, issuer=name, why=_words(ready))), None
    return None, None


def _words(found: Condition | None) -> str:
    return (found.message or found.reason if found is not None else "") or "no reason given"


def _users(view: View, name: str) -> dict[str, list[str]]:
    """What uses a cluster-wide store, by namespace."""
    ref = StoreRef(name, ClusterSecretStore.KIND)
    found: dict[str, list[str]] = {}
    for secret in view.all(ExternalSecret):
        if ref in secret.stores:
            found.setdefault(secret.namespace, []).append(f"ExternalSecret {secret.name}")
    for push in view.all(PushSecret):
        if ref in (push.spec.secret_store_refs or ()):
            found.setdefault(push.namespace, []).append(f"PushSecret {push.name}")
    return {place: sorted(names) for place, names in sorted(found.items())}


def _serves(view: View, ref: Ref, was: View) -> bool:
    """Whether the store is bounded, and all that used it before are still fed."""
    store = view.get(ClusterSecretStore, ref.name)
    if store is None or not store.spec.conditions or not is_(store.status.conditions, "Ready"):
        return False
    of = StoreRef(ref.name, ClusterSecretStore.KIND)
    used = [(item.namespace, item.name) for item in was.all(ExternalSecret) if of in item.stores]
    now = [view.get(ExternalSecret, name, place) for place, name in used]
    return all(item is None or is_(item.status.conditions, "Ready") for item in now)


@recipe(
    "R-CSS-CONDITIONS",
    "Bound the store to the namespaces that use it",
    risk_class="disruptive",
    on=(ClusterSecretStore,),
    writes=(ClusterSecretStore,),
    reads=(ClusterSecretStore, ExternalSecret, PushSecret),
    verify_s=120.0,
    done=_serves,
)
def bound_store(view: View, ref: Ref) -> Draft:
    """One condition with today's namespaces; conditions are alternatives, so those that are there are replaced."""
    found = view.get(ClusterSecretStore, ref.name)
    if found is None:
        return gone(ref)
    users = _users(view, ref.name)
    if not users:
        return refused(ref, NOBODY, store=ref.name)
    wanted = [{"namespaces": list(users)}]
    if found.spec.conditions:
        path = "/spec/conditions"
        write = patched(found, expect(path, msgspec.to_builtins(found.spec.conditions)), replace(path, wanted))
    else:
        write = applied(found, {"spec": {"conditions": wanted}})
    radius = [note(USERS, ref, namespace=place, names=_some(names)) for place, names in users.items()]
    return Draft((write,), (*radius, note(OUTSIDE, ref)))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _name(of: Kind) -> tuple[str, str]:
    return (of.namespace, of.name)
