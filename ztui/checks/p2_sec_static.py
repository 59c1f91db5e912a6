"""Row P2.SEC, the tenants' side: static Secrets are the exception, and no credential lies in an environment or never expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, Status, check, fail, halved, ok, reason, seen, warn
from ztui.engines.grants import ACCESS, Grant, cluster_grants
from ztui.engines.holders import account_of
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.base import Kind
from ztui.kinds.secret import AccountTokenSecret, BasicAuthSecret, OpaqueSecret, PullSecret, SSHAuthSecret, TLSSecret
from ztui.kinds.workload import Container, EnvVar, Namespace
from ztui.view import View

MANAGED = reason("managed-secret", "is kept up to date by {by}")
STATIC = reason(
    "static-secret",
    "nobody keeps it up to date ({age} days old)",
    next="Move it to the central manager, and let an ExternalSecret or VaultStaticSecret make it",
)
OLD = reason(
    "old-static-secret",
    "has been the same for {age} days, and nobody keeps it up to date",
    next="Rotate it now, and let an ExternalSecret or VaultStaticSecret make it",
)
SEALED = reason(
    "sealed-secret",
    "comes from a SealedSecret: kept centrally, and still the same until somebody seals it anew",
    next="Move it to a manager that rotates",
)
CLEAN = reason("no-credential-in-env", "no credential in its environment")
LITERAL = reason(
    "literal-credential",
    "the container {container} has a credential in plain text: {name}",
    next="Rotate it, and mount it from a Secret of the central manager as a file",
    stands=True,
)
LOGIN = reason(
    "login-in-url",
    "the container {container} has user and password in an address: {name}",
    next="Rotate it, and mount it from a Secret of the central manager as a file",
    stands=True,
)
FROM_SECRET = reason(
    "secret-in-env",
    "the container {container} gets a Secret as environment ({name})",
    next="Mount the Secret as a file, which is read anew and not inherited by child processes",
)
SWITCHED_OFF = reason("token-invalid", "the server has marked the token as invalid")
UNUSED = reason(
    "unused-token",
    "a token of {account} that never expires, {how}",
    next="Preview marking it as invalid; delete it when nobody complains",
)
IN_USE = reason(
    "immortal-token",
    "a token of {account} that never expires was used on {when}",
    next="Find out who uses it (audit log), and give them a bound token: kubectl create token, or a projected volume",
    stands=True,
)
POWERFUL = reason(
    "powerful-token",
    "a token that never expires, of {account}, who writes at cluster scope by {by}",
    next="Take the grant from the account, or replace the token by a bound one",
    stands=True,
)
FOR_PULLS = reason(
    "token-of-pull-secret",
    "a token of {account} that never expires was made for a pull secret",
    next="Do not delete it while pods pull images by it; releases from 4.16 make such tokens no more",
)

SECRETS: Final[tuple[type[Kind], ...]] = (OpaqueSecret, BasicAuthSecret, SSHAuthSecret, TLSSecret, PullSecret)
_MANAGERS: Final = frozenset(
    {
        ("external-secrets.io", "ExternalSecret"),
        ("secrets.hashicorp.com", "VaultStaticSecret"),
        ("secrets.hashicorp.com", "VaultDynamicSecret"),
        ("secrets.hashicorp.com", "VaultPKISecret"),
        ("cert-manager.io", "Certificate"),
    }
)
_SEALED: Final = ("bitnami.com", "SealedSecret")
_LABELS: Final = {
    "reconcile.external-secrets.io/managed": "External Secrets",
    "secrets-store.csi.k8s.io/managed": "the Secrets Store CSI driver",
}
_NOTES: Final = {
    "cert-manager.io/certificate-name": "cert-manager",
    "service.beta.openshift.io/originating-service-name": "the service CA",
    "service.alpha.openshift.io/originating-service-name": "the service CA",
    "openshift.io/internal-registry-auth-token.service-account": "the image registry",
}
_OLD: Final = timedelta(days=180)
_REFERS: Final = ("_FILE", "_PATH", "_NAME", "_URL")
_ACCOUNT: Final = "kubernetes.io/service-account.name"
_LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
_INVALID: Final = "kubernetes.io/legacy-token-invalid-since"
_MADE_BY: Final = "kubernetes.io/created-by"
_DOCKERCFG: Final = "openshift.io/create-dockercfg-secrets"
_UNUSED: Final = timedelta(days=90)
_WRITES: Final = frozenset({"*", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate"})
_REVIEWS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})


@check(
    "ZT2-SEC-003",
    "Static Secrets are the exception",
    severity="high",
    gate="R",
    grain="namespace",
    needs=SECRETS,
    ratio=Bands(pass_at=0.9, warn_at=0.6, any_fail=False),
    maps=("800-53 IA-5(1)", "800-53 IA-5(7)", "800-53 SC-12"),
)
def secrets_managed(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Nine of ten Secrets of tenants are kept up to date by something that rotates them.

    Why: the row asks for a shift, and this measures it.
    How: a password that was copied into a Secret years ago still opens the database for whoever left since.
    Rule: managed Secrets of all: pass from 90 %, warn from 60 %, fail below. One of a SealedSecret counts half. Each static one
    is a finding, the worse where it is older than 180 days.
    Traps: an owner need not be a controller; Secrets of the service CA, of cert-manager and of generated pull secrets are
    managed; those of Helm, of bootstrap and of ServiceAccount tokens are other things. Only metadata is ever read.
    Source: v1 Secret by type, metadata.ownerReferences, metadata.labels, metadata.annotations, metadata.creationTimestamp.
    Verify: kubectl get secrets -n NAMESPACE -o custom-columns=NAME:.metadata.name,OWNER:..ownerReferences[*].kind
    """
    for kind in SECRETS:
        for secret in sorted(view.within(kind, namespace.name), key=lambda item: item.name):
            yield _managed(view, secret)


@check(
    "ZT2-SEC-004",
    "Credentials are not passed as environment or literals",
    severity="medium",
    gate="S",
    tier="x",
    grain="namespace",
    needs=WORKLOADS,
    where_served=WORKLOADS_WHERE_SERVED,
    maps=("800-53 IA-5(7)", "800-53 SC-28", "CIS-OCP 5.4.1"),
)
def no_credentials_in_env(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No workload gets a credential by its environment.

    Why: an environment leaks through crash dumps, child processes and describe output.
    How: whoever may read pods reads the password; whoever crashes the process finds it in the dump.
    Rule: fail if a variable whose name speaks of a credential has a value of its own, or any has user and password in an address;
    warn if a variable or a whole environment comes from a Secret; pass otherwise.
    Traps: init and ephemeral containers count; names that end in _FILE, _PATH, _NAME or _URL refer to something; what refers to
    another variable is no literal. Values are never kept, only their shape.
    Source: v1 Pod, spec.containers[].env[].value, spec.containers[].env[].valueFrom.secretKeyRef,
    spec.containers[].envFrom[].secretRef, spec.initContainers, spec.ephemeralContainers.
    Verify: kubectl get pods -n NAMESPACE -o jsonpath='{.items[*].spec.containers[*].env[*].name}'
    """
    for unit in view.derive(workloads, namespace.name):
        yield _environment(unit)


@check(
    "ZT2-SEC-005",
    "No long-lived ServiceAccount tokens",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(AccountTokenSecret, *ACCESS),
    empty=Status.PASS,
    recipes=("R-SATOKEN-SOFT", "R-SATOKEN-DEL"),
    maps=("800-53 IA-5(1)", "800-53 AC-2(3)", "800-53 SC-23"),
)
def no_immortal_tokens(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No Secret holds a token of a ServiceAccount that never expires.

    Why: such tokens never expire and are bound to nothing.
    How: one line in a build log is the account's for ever, from anywhere.
    Rule: pass if there is none, or the server has marked it as invalid; fail if it was used within 90 days, or its account
    writes at cluster scope; warn otherwise.
    Traps: older releases make such tokens for pull secrets by themselves, and deleting one of those breaks pulls; a token that
    was never used since the server keeps track has no label.
    Source: v1 Secret of the type kubernetes.io/service-account-token, metadata.labels, metadata.annotations;
    rbac.authorization.k8s.io/v1 ClusterRoleBinding, subjects, roleRef; rbac.authorization.k8s.io/v1 ClusterRole, rules.
    Verify: kubectl get secrets -n NAMESPACE --field-selector type=kubernetes.io/service-account-token -L
    kubernetes.io/legacy-token-last-used
    """
    for secret in sorted(view.within(AccountTokenSecret, namespace.name), key=lambda item: item.name):
        yield _token(view, secret)


def _managed(view: View, secret: Kind) -> Finding:
    for owner in secret.owners:
        fact = seen(secret, "metadata.ownerReferences[].kind", owner.kind)
        if (owner.group, owner.kind) in _MANAGERS:
            return ok(secret, MANAGED, seen=[fact], by=f"{owner.kind} {owner.name}")
        if (owner.group, owner.kind) == _SEALED:
            return halved(warn(secret, SEALED, seen=[fact]))
    for key, who in _LABELS.items():
        if secret.labels.get(key) == "true":
            return ok(secret, MANAGED, seen=[seen(secret, f"metadata.labels[{key}]", "true")], by=who)
    for key, who in _NOTES.items():
        if key in secret.annotations:
            fact = seen(secret, f"metadata.annotations[{key}]", secret.annotations[key])
            return ok(secret, MANAGED, seen=[fact], by=who)
    age = view.now - secret.created if secret.created else timedelta()
    facts = [seen(secret, "metadata.creationTimestamp", secret.metadata.creation_timestamp or "")]
    if age > _OLD:
        return fail(secret, OLD, seen=facts, age=age.days)
    return warn(secret, STATIC, seen=facts, age=max(age.days, 0))


def _environment(unit: Workload) -> Finding:
    """The worst that the environment of a workload's containers holds."""
    weak: Finding | None = None
    for pod in unit.pods:
        for container in pod.containers:
            for variable in container.secret_env:
                words = {"container": container.name, "name": variable.name}
                fact = Evidence(
                    pod.ref, f"spec.containers[{container.name}].env[{variable.name}]", variable.value or "secretKeyRef"
                )
                if variable.value == "login":
                    return fail(unit.root, LOGIN, seen=[fact], **words)
                if _is_literal(variable):
                    return fail(unit.root, LITERAL, seen=[fact], **words)
                if variable.from_secret:
                    weak = weak or warn(unit.root, FROM_SECRET, seen=[fact], **words)
            weak = weak or _whole_secret(unit, container)
    return weak or ok(unit.root, CLEAN, seen=unit.pods)


def _is_literal(variable: EnvVar) -> bool:
    return variable.value == "literal" and not variable.name.upper().endswith(_REFERS)


def _whole_secret(unit: Workload, container: Container) -> Finding | None:
    """The finding on a container that gets a whole Secret as environment."""
    for source in container.env_from or ():
        if source.secret_ref:
            fact = Evidence(unit.root, f"spec.containers[{container.name}].envFrom[].secretRef.name", source.secret_ref.name)
            return warn(unit.root, FROM_SECRET, seen=[fact], container=container.name, name=source.secret_ref.name)
    return None


def _token(view: View, secret: AccountTokenSecret) -> Finding:
    account = secret.annotations.get(_ACCOUNT, "")
    used = secret.labels.get(_LAST_USED, "")
    facts = [seen(secret, f"metadata.annotations[{_ACCOUNT}]", account), seen(secret, f"metadata.labels[{_LAST_USED}]", used)]
    if _INVALID in secret.labels:
        return ok(secret, SWITCHED_OFF, seen=[seen(secret, f"metadata.labels[{_INVALID}]", secret.labels[_INVALID])])
    by = view.derive(_writers).get((secret.namespace, account))
    if by is not None:
        return fail(secret, POWERFUL, seen=facts, account=account, by=by)
    if secret.annotations.get(_MADE_BY) == _DOCKERCFG:
        return warn(secret, FOR_PULLS, seen=facts, account=account)
    at = _day(used)
    if at is not None and view.now - at <= _UNUSED:
        return fail(secret, IN_USE, seen=facts, account=account, when=used)
    return warn(secret, UNUSED, seen=facts, account=account, how=f"last used on {used}" if at else "not seen in use")


def _day(text: str) -> datetime | None:
    """The day of a label such as ``2026-01-31``; ``None`` for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _writers(view: View) -> dict[tuple[str, str], str]:
    """The accounts that a ClusterRoleBinding lets write something, with the binding that does."""
    found: dict[tuple[str, str], str] = {}
    for grant in view.derive(cluster_grants):
        account = account_of(grant)
        if account is not None and _writes(grant):
            found.setdefault(account, str(grant.binding))
    return found


def _writes(grant: Grant) -> bool:
    """Whether a grant changes anything; asking for a review does not."""
    return any(
        _WRITES.intersection(rule.verbs or ()) and rule.resources and set(rule.api_groups or ()) - _REVIEWS
        for rule in grant.rules
    )
