"""Row P2.SEC, the platform's side: the datastore is encrypted, a central manager is connected, and it is logged in to safely."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import Evidence, Finding, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.secretsources import SOURCES, SOURCES_WHERE_SERVED, sources
from ztui.kinds.base import Condition, Kind, condition, instant
from ztui.kinds.platform import AuthenticationOperator, KubeAPIServer, OpenShiftAPIServer, OperatorKind
from ztui.kinds.platformconfig import APIServerConfig
from ztui.kinds.secretmanager import (
    ClusterSecretStore,
    ExternalSecret,
    OperatorLogin,
    SecretStore,
    StoreLogin,
    VaultAuth,
    VaultAuthGlobal,
    VaultConnection,
    VaultStaticSecret,
)
from ztui.kinds.workload import Namespace
from ztui.view import View, Why

ENCRYPTED = reason("encrypted", "what the API servers store is encrypted ({type})")
PLAIN = reason(
    "not-encrypted",
    "Secrets are stored as they are: the encryption type is {type}",
    next="Preview the encryption of the datastore: it rewrites every Secret and restarts the API servers",
    stands=True,
)
NOT_SET = reason(
    "encryption-not-set",
    "nothing configures the API server, so Secrets are stored as they are",
    next="Preview the encryption of the datastore: it rewrites every Secret and restarts the API servers",
)
NOT_DONE = reason(
    "not-yet-encrypted",
    "has not encrypted what it stores for more than a day: {why}",
    next="Read the operator's conditions; a migration that is stuck needs its pods",
    stands=True,
)
MIGRATING = reason("migrating", "still encrypts what it stores: {why}", next="Wait for the reason EncryptionCompleted")
SILENT = reason("encryption-unsaid", "does not say whether what it stores is encrypted", next="Read the operator's conditions")
ELSEWHERE = reason(
    "hosted-datastore",
    "the datastore is kept by the hosting cluster",
    next="Ask its owner for spec.secretEncryption of the HostedCluster, and attest it",
)
NOT_SHOWN = reason(
    "flags-not-shown",
    "Kubernetes does not show how its API server encrypts",
    next="Attest what --encryption-provider-config names",
)
CONNECTED = reason("manager-connected", "a central manager delivers secrets: {by}, used {users} times")
UNUSED = reason(
    "manager-unused", "{by} works, and nothing takes secrets from it", next="Move the first static Secret to the manager"
)
NOT_CENTRAL = reason(
    "not-a-manager",
    "secrets come from {by} only, which is no central manager",
    next="Connect a manager that rotates and audits",
)
BROKEN = reason("manager-broken", "none of the {count} connections works, {by} among them", next="Read the store's conditions")
NONE = reason(
    "no-manager",
    "no central manager is connected",
    next="Install External Secrets, the Vault Secrets Operator or the Secrets Store CSI driver",
)
SHORT_LIVED = reason("short-lived-login", "logs in by a short-lived identity, over verified TLS")
IN_SYNC = reason("in-sync", "is kept equal to the central store")
STATIC_LOGIN = reason(
    "static-login",
    "logs in by {how}, which does not expire and is kept in a Secret",
    next="Log in as a ServiceAccount (auth.kubernetes)",
    stands=True,
)
NO_TLS = reason("no-tls", "talks to {server} without TLS", next="Use https, and name the CA", stands=True)
UNVERIFIED = reason(
    "unverified-tls",
    "does not verify whom it talks to ({server})",
    next="Unset skipTLSVerify, and set caCertSecretRef",
    stands=True,
)
STORED_LOGIN = reason("stored-login", "logs in by {how}, kept in a Secret", next="Log in as a ServiceAccount (auth.kubernetes)")
NO_AUDIENCE = reason(
    "no-audience",
    "logs in with a token that is good for any service: no audience is set",
    next="Set audiences, and the same audience on the role in Vault",
)
FOR_ALL = reason(
    "every-namespace",
    "every namespace may use it",
    next="Bound it to the namespaces that need it (spec.conditions, or allowedNamespaces)",
)
OUT_OF_SYNC = reason(
    "out-of-sync",
    "has not been synced for more than an hour: {why}",
    next="Read its conditions and those of its store",
    stands=True,
)
NO_REFRESH = reason(
    "never-refreshed", "is fetched once and never again ({how})", next="Set an interval, so that a rotation arrives"
)

_ENCRYPTED_TYPES: Final = frozenset({"aescbc", "aesgcm", "KMS"})
_DAY: Final = timedelta(hours=24)
_HOUR: Final = timedelta(hours=1)
_MUST_SAY: Final[tuple[type[OperatorKind], ...]] = (KubeAPIServer, OpenShiftAPIServer)
_OPERATORS: Final[tuple[type[OperatorKind], ...]] = (*_MUST_SAY, AuthenticationOperator)
_ONCE: Final = frozenset({"CreatedOnce", "OnChange"})
_ZERO: Final = frozenset({"0", "0s", "0m", "0h", "0m0s", "0h0m0s"})


@check(
    "ZT2-SEC-001",
    "Secrets are encrypted in the datastore",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(),
    where_served=(APIServerConfig, *_OPERATORS),
    variants=("ocp", "k8s"),
    scope="all",
    recipes=("R-ETCD-ENC",),
    maps=("CISA Data", "800-53 SC-28(1)", "CIS-OCP 1.2.31"),
)
def datastore_encrypted(view: View) -> Iterator[Finding]:
    """What the API servers store is encrypted, all of it.

    Why: base64 in etcd is plaintext in every backup.
    How: whoever gets a backup or a disk of a control plane node reads every Secret of the cluster.
    Rule: fail if no encryption is configured, or an API server has not encrypted for a day; warn while it migrates, or does not
    say; pass if every one reports that it is done. Unknown where a hosting cluster or plain Kubernetes keeps it to itself.
    Traps: configured is not done, the operators' conditions say that; without an integrated login the Authentication operator has
    no API server and says nothing.
    Source: config.openshift.io/v1 APIServer, spec.encryption.type; operator.openshift.io/v1 KubeAPIServer, OpenShiftAPIServer,
    Authentication, status.conditions[type=Encrypted].
    Verify: oc get kubeapiserver,openshiftapiserver -o jsonpath='{.items[*].status.conditions[?(@.type=="Encrypted")].reason}'
    """
    found = view.derive(units.platform)
    if found.variant == "k8s":
        yield unknown(cluster_ref(), NOT_SHOWN, Why.K8S, "API server flags")
        return
    if found.hosted:
        yield unknown(cluster_ref(), ELSEWHERE, Why.HOSTED, "datastore encryption")
        return
    server = view.get(APIServerConfig, "cluster")
    if server is None:
        yield fail(cluster_ref(), NOT_SET)
        return
    type_ = server.spec.encryption.type
    fact = seen(server, "spec.encryption.type", type_)
    if type_ not in _ENCRYPTED_TYPES:
        yield fail(server, PLAIN, seen=[fact], type=type_ or "identity")
        return
    yield ok(server, ENCRYPTED, seen=[fact], type=type_)
    for kind in _OPERATORS:
        for operator in view.all(kind):
            yield from _encrypts(view, operator, must_say=kind in _MUST_SAY)


@check(
    "ZT2-SEC-002",
    "A central secret manager is connected",
    severity="high",
    gate="R",
    grain="cluster",
    needs=SOURCES,
    where_served=SOURCES_WHERE_SERVED,
    scope="all",
    maps=("CISA Data", "CISA Identity", "800-53 IA-5", "800-53 SC-12", "CIS-OCP 5.4.2"),
)
def manager_connected(view: View) -> Iterator[Finding]:
    """Secrets come from one manager that rotates and audits, and workloads really get them from there.

    Why: rotation and audit need one authority.
    How: a password that sits in fifty Secrets is changed in none of them.
    Rule: pass if a connection works and something takes secrets from it; warn if nothing does, or what it connects to is the
    cluster itself, made-up values or a webhook; fail if there is no connection, or none that works.
    Traps: an installed operator connects nothing; a mounted class needs its driver; a pod that asks for an agent need not have
    got it. Judged by what the cluster shows: a manager that applications call by themselves is not seen.
    Source: external-secrets.io/v1 SecretStore, ClusterSecretStore, spec.provider, status.conditions[type=Ready];
    external-secrets.io/v1 ExternalSecret, status.conditions[type=Ready];
    secrets.hashicorp.com/v1beta1 VaultConnection, VaultAuth, status.valid; secrets-store.csi.x-k8s.io/v1 SecretProviderClass,
    spec.provider; secrets-store.csi.x-k8s.io/v1 SecretProviderClassPodStatus, status.mounted; storage.k8s.io/v1 CSIDriver;
    v1 Pod, metadata.annotations.
    Verify: kubectl get secretstores,clustersecretstores,vaultauths,secretproviderclasspodstatuses -A
    """
    found = view.derive(sources)
    facts = [Evidence(item.on, item.path, item.value) for item in found]
    working = [item for item in found if item.works]
    used = [item for item in working if item.users]
    central = [item for item in used if item.central]
    if central:
        users = sum(item.users for item in central)
        yield ok(cluster_ref(), CONNECTED, seen=facts, by=str(central[0].on), users=users)
    elif any(item.central for item in working):
        best = next(item for item in working if item.central)
        yield warn(cluster_ref(), UNUSED, seen=facts, by=str(best.on))
    elif working:
        yield warn(cluster_ref(), NOT_CENTRAL, seen=facts, by=str(working[0].on))
    elif found:
        yield fail(cluster_ref(), BROKEN, seen=facts, count=len(found), by=str(found[0].on))
    else:
        yield fail(cluster_ref(), NONE)


@check(
    "ZT2-SEC-006",
    "The integration itself uses short-lived identity over verified TLS",
    severity="high",
    gate="R",
    grain="both",
    needs=(),
    where_served=(
        SecretStore,
        ClusterSecretStore,
        ExternalSecret,
        VaultConnection,
        VaultAuth,
        VaultAuthGlobal,
        VaultStaticSecret,
    ),
    beyond=(VaultAuthGlobal,),
    scope="all",
    recipes=("R-CSS-CONDITIONS",),
    maps=("800-53 IA-5", "800-53 IA-9", "800-53 SC-8"),
)
def integration_safe(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """What fetches secrets logs in by a short-lived identity, to the server it means, and keeps fetching.

    Why: a static root token in a Secret recreates the problem centrally.
    How: one stolen token of the integration opens every secret that it may read.
    Rule: fail if it logs in by a stored token or by user and password, talks without TLS or without verifying it, or has not
    synced for an hour; warn if it logs in by an AppRole, LDAP, a stored token or a token without audience, if every namespace may
    use it, or if it never fetches again; pass otherwise.
    Traps: External Secrets' OpenBao provider has no login but stored ones, its vault provider talks to OpenBao too; the defaults
    of a VaultAuth may come from a VaultAuthGlobal; an interval of 0 fetches once.
    Source: external-secrets.io/v1 SecretStore, ClusterSecretStore, spec.provider.vault.{server,auth}, spec.provider.openBao,
    spec.conditions; external-secrets.io/v1 ExternalSecret, spec.refreshPolicy, spec.refreshInterval,
    status.conditions[type=Ready]; secrets.hashicorp.com/v1beta1 VaultConnection, spec.address, spec.skipTLSVerify;
    secrets.hashicorp.com/v1beta1 VaultAuth, spec.method, spec.allowedNamespaces, spec.kubernetes.audiences;
    secrets.hashicorp.com/v1beta1 VaultAuthGlobal, spec.defaultAuthMethod, spec.kubernetes.audiences;
    secrets.hashicorp.com/v1beta1 VaultStaticSecret, spec.refreshAfter.
    Verify: kubectl get clustersecretstores -o jsonpath='{.items[*].spec.provider.vault.auth}'
    """
    if namespace is None:
        for shared in sorted(view.all(ClusterSecretStore), key=_name):
            yield from _store(shared)
        return
    place = namespace.name
    for store in sorted(view.within(SecretStore, place), key=_name):
        yield from _store(store)
    for connection in sorted(view.within(VaultConnection, place), key=_name):
        yield _connection(connection)
    for auth in sorted(view.within(VaultAuth, place), key=_name):
        yield from _login(view, auth)
    for external in sorted(view.within(ExternalSecret, place), key=_name):
        yield _external(view, external)
    for static in sorted(view.within(VaultStaticSecret, place), key=_name):
        yield _static(view, static)


def _encrypts(view: View, operator: OperatorKind, *, must_say: bool) -> Iterator[Finding]:
    """What an operator says of the encryption of its API server."""
    found = condition(operator.status.conditions, "Encrypted")
    if found is None:
        if must_say:
            yield warn(operator, SILENT, seen=[operator])
        return
    facts = [seen(operator, f"status.conditions[type=Encrypted].{name}", getattr(found, name)) for name in ("status", "reason")]
    if found.status == "True" and not found.reason.endswith("InProgress"):
        yield ok(operator, ENCRYPTED, seen=facts, type=found.reason)
    elif found.status == "False" and _older(view, found.last_transition_time, _DAY):
        yield fail(operator, NOT_DONE, seen=facts, why=_words(found))
    else:
        yield warn(operator, MIGRATING, seen=facts, why=_words(found))


def _store(store: SecretStore | ClusterSecretStore) -> Iterator[Finding]:
    """How a store of External Secrets logs in, and where."""
    provider = store.spec.provider
    path = f"spec.provider.{provider.name}"
    login = [f"{path}.auth.{name}" for name in _methods(provider.auth)]
    facts = [seen(store, f"{path}.server", provider.server), *(seen(store, name) for name in login)]
    worse = list(_login_of_store(store, facts)) if provider.auth else []
    if provider.server.startswith("http://"):
        worse.append(fail(store, NO_TLS, seen=facts[:1], server=provider.server))
    if store.KIND == "ClusterSecretStore" and not store.spec.conditions:
        worse.append(warn(store, FOR_ALL, seen=[seen(store, "spec.conditions")]))
    yield from worse or [ok(store, SHORT_LIVED, seen=facts)]


def _login_of_store(store: SecretStore | ClusterSecretStore, facts: list[Evidence]) -> Iterator[Finding]:
    auth: StoreLogin = store.spec.provider.auth
    if auth.token_secret_ref:
        yield fail(store, STATIC_LOGIN, seen=facts, how="a token")
    if auth.user_pass:
        yield fail(store, STATIC_LOGIN, seen=facts, how="user and password")
    if auth.app_role:
        yield warn(store, STORED_LOGIN, seen=facts, how="an AppRole")
    if auth.ldap:
        yield warn(store, STORED_LOGIN, seen=facts, how="an LDAP password")
    if any(login and login.secret_ref for login in (auth.kubernetes, auth.jwt, auth.iam, auth.gcp)):
        yield warn(store, STORED_LOGIN, seen=facts, how="a credential")
    account = auth.kubernetes.service_account_ref if auth.kubernetes else None
    if auth.kubernetes and not auth.kubernetes.secret_ref and not (account and account.audiences):
        yield warn(store, NO_AUDIENCE, seen=facts)


def _methods(auth: StoreLogin | None) -> tuple[str, ...]:
    """The names of the logins that a store has."""
    if auth is None:
        return ()
    named = zip(auth.__struct_encode_fields__, auth.__struct_fields__, strict=True)
    return tuple(told for told, field in named if getattr(auth, field) is not None)


def _connection(connection: VaultConnection) -> Finding:
    spec = connection.spec
    facts = [
        seen(connection, "spec.address", spec.address),
        seen(connection, "spec.skipTLSVerify", str(spec.skip_tls_verify).lower()),
    ]
    if spec.address.startswith("http://"):
        return fail(connection, NO_TLS, seen=facts, server=spec.address)
    if spec.skip_tls_verify:
        return fail(connection, UNVERIFIED, seen=facts, server=spec.address)
    return ok(connection, SHORT_LIVED, seen=facts)


def _login(view: View, auth: VaultAuth) -> Iterator[Finding]:
    """How the Vault Secrets Operator logs in; what the login does not say comes from its defaults."""
    spec, defaults = auth.spec, _defaults(view, auth)
    method = spec.method or (defaults.spec.default_auth_method if defaults else "")
    facts = [seen(auth, "spec.method", method), *([seen(defaults, "spec.defaultAuthMethod")] if defaults else [])]
    login = _way(spec, method)
    inherited = _way(defaults.spec, method) if defaults else None
    found: list[Finding] = []
    if method == "appRole":
        found.append(warn(auth, STORED_LOGIN, seen=facts, how="an AppRole"))
    if (login and login.secret_ref) or (inherited and inherited.secret_ref):
        found.append(warn(auth, STORED_LOGIN, seen=facts, how="a credential"))
    if method == "kubernetes" and not ((login and login.audiences) or (inherited and inherited.audiences)):
        found.append(warn(auth, NO_AUDIENCE, seen=[*facts, seen(auth, "spec.kubernetes.audiences")]))
    if "*" in (spec.allowed_namespaces or ()):
        found.append(warn(auth, FOR_ALL, seen=[seen(auth, "spec.allowedNamespaces", "*")]))
    yield from found or [ok(auth, SHORT_LIVED, seen=facts)]


def _way(spec: object, method: str) -> OperatorLogin | None:
    found = getattr(spec, method, None) if method in {"kubernetes", "jwt", "aws", "gcp"} else None
    return found if isinstance(found, OperatorLogin) else None


def _defaults(view: View, auth: VaultAuth) -> VaultAuthGlobal | None:
    ref = auth.spec.vault_auth_global_ref
    if ref is None:
        return None
    return view.get(VaultAuthGlobal, ref.name or "default", ref.namespace or auth.namespace)


def _external(view: View, secret: ExternalSecret) -> Finding:
    ready = condition(secret.status.conditions, "Ready")
    if ready is not None and ready.status != "True" and _older(view, ready.last_transition_time, _HOUR):
        return fail(
            secret, OUT_OF_SYNC, seen=[seen(secret, "status.conditions[type=Ready].status", ready.status)], why=_words(ready)
        )
    spec = secret.spec
    if spec.refresh_policy in _ONCE:
        fact = seen(secret, "spec.refreshPolicy", spec.refresh_policy)
        return warn(secret, NO_REFRESH, seen=[fact], how=spec.refresh_policy)
    if spec.refresh_interval in _ZERO:
        fact = seen(secret, "spec.refreshInterval", spec.refresh_interval)
        return warn(secret, NO_REFRESH, seen=[fact], how="refreshInterval 0")
    return ok(secret, IN_SYNC, seen=[seen(secret, "status.refreshTime", secret.status.refresh_time or "")])


def _static(view: View, secret: VaultStaticSecret) -> Finding:
    ready = condition(secret.status.conditions, "Ready")
    if ready is not None and ready.status != "True" and _older(view, ready.last_transition_time, _HOUR):
        return fail(
            secret, OUT_OF_SYNC, seen=[seen(secret, "status.conditions[type=Ready].status", ready.status)], why=_words(ready)
        )
    fact = seen(secret, "spec.refreshAfter", secret.spec.refresh_after)
    sync = secret.spec.sync_config
    if (not secret.spec.refresh_after or secret.spec.refresh_after in _ZERO) and not (sync and sync.instant_updates):
        return warn(secret, NO_REFRESH, seen=[fact], how="no refreshAfter")
    return ok(secret, IN_SYNC, seen=[fact])


def _older(view: View, text: str | None, span: timedelta) -> bool:
    """Whether it has been so for longer than the span; what has no time has."""
    since = instant(text)
    return since is None or view.now - since > span


def _words(found: Condition) -> str:
    return found.message or found.reason or "no reason given"


def _name(of: Kind) -> str:
    return of.name
