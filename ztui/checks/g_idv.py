"""Row G.IDV: workloads can prove who they are, credentials are bound and short, and certificates do not end by surprise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, aside, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines.mtls import is_enrolled
from ztui.engines.spiffe import DRIVER, mounts_spire, selected_by, signer_of
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.base import Kind, condition, instant
from ztui.kinds.credential import Certificate, ClusterSPIFFEID, IdentityManager, OAuthAccessToken
from ztui.kinds.node import MachineConfigPool
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

IN_MESH = reason("mesh-identity", "has an identity of the mesh")
BY_SPIRE = reason("spire-identity", "has an identity of SPIRE ({by})")
BY_SERVER = reason("pod-certificate", "has a certificate of its own, of the signer {signer}")
ONLY_SELECTED = reason(
    "identity-unused",
    "{by} gives it an identity that it does not mount",
    next="Mount the volume of csi.spiffe.io, or take it into the mesh",
)
ONLY_MOUNTED = reason(
    "identity-unregistered",
    "mounts SPIRE's socket, and no ClusterSPIFFEID selects it",
    next="Add a ClusterSPIFFEID that selects its namespace and labels",
)
NAMELESS = reason(
    "no-identity",
    "cannot prove who it is",
    next="Take it into the mesh, or give it an identity of SPIRE",
)
ENTRY_FAILURES = reason(
    "entry-failures",
    "{count} of its pods could not be registered",
    next="Read the log of the SPIRE controller manager",
)
OPERAND_DOWN = reason("spire-not-ready", "its part {part} is not ready", next="Read the conditions of that part")
BOUND = reason("bound-tokens", "its tokens are short and bound to an audience, or it has none")
LONG_TOKEN = reason(
    "long-token",
    "mounts a token that lasts {hours} hours ({volume})",
    next="Set expirationSeconds to an hour; the kubelet renews it",
    stands=True,
)
NO_AUDIENCE = reason(
    "token-without-audience",
    "mounts a token of its own that is good for the API server too ({volume})",
    next="Set the audience of the service that it is for",
)
DEFAULT_TOKEN = reason(
    "default-token",
    "has the default token of the API server, which some clusters honour for a year",
    next="Set automountServiceAccountToken to false where it does not call the API server",
)
OLD_LOGINS = reason(
    "old-logins",
    "logins that are older than {hours} hours: {count}, the oldest {days} days ({users})",
    next="Preview revoking them",
    stands=True,
)
FRESH_LOGINS = reason("fresh-logins", "no login is older than {hours} hours")
LOGINS_UNSEEN = reason(
    "logins-unseen",
    "logins cannot be read",
    next="Bind the rights that `ztui roles oauth` prints",
)
VALID = reason("certificate-valid", "lasts {days} more days, and renews itself")
ENDS = reason(
    "certificate-ends",
    "ends in {days} days",
    next="Preview a renewal, and read the issuer's conditions",
    stands=True,
)
NOT_RENEWED = reason(
    "certificate-not-renewed",
    "should have been renewed on {day} and is not ready: {why}",
    next="Read the CertificateRequest and the issuer's conditions",
    stands=True,
)
BY_HAND = reason("certificate-by-hand", "ends in {days} days, and nothing renews it", next="Let cert-manager renew it")
LATE = reason(
    "renewal-late",
    "ends in {days} days, and should have been renewed on {day}",
    next="Read the CertificateRequest and the issuer's conditions",
)
SAME_KEY = reason("same-key", "is renewed with the same key", next="Set privateKey.rotationPolicy to Always")
NOT_ISSUED = reason("certificate-not-issued", "is not issued: {why}", next="Read the CertificateRequest and the issuer")
PLATFORM_VALID = reason(
    "platform-certificates-valid",
    "the node certificates last {days} more days; roots of meshes and Vaults, and served chains, are not read here",
)
PLATFORM_ENDS = reason(
    "platform-certificate-ends",
    "a certificate for nodes ends in {days} days ({subject})",
    next="Unpause the pool, so that it rolls out",
)

_LONG_S: Final = 86_400
_DEFAULT: Final = "kube-api-access-"
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_MONTH: Final = timedelta(days=30)


@check(
    "ZTG-IDV-001",
    "Workloads hold a verifiable cryptographic identity",
    severity="high",
    gate="R",
    grain="both",
    needs=WORKLOADS,
    where_served=(*WORKLOADS_WHERE_SERVED, ClusterSPIFFEID, IdentityManager),
    ratio=Bands(pass_at=0.95, warn_at=0.7, any_fail=False),
    maps=("CISA Identity", "800-53 IA-9", "800-53 IA-5(2)"),
)
def identity_held(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """Every workload of a tenant can prove who it is by a key that nobody copied into it.

    Why: continuous verification needs something to verify.
    How: where an address is the proof, whoever gets the address is believed.
    Rule: workloads with an identity of the mesh, of SPIRE, or a certificate of the API server's own: pass from 95 %, warn from
    70 %, fail below; SPIRE's own failures keep it from passing.
    Traps: a ClusterSPIFFEID that selects a pod does not prove that the pod uses it, so SPIRE's volume or socket has to be mounted
    too; a pod of the node's network has no identity of the mesh.
    Source: v1 Pod, spec.containers[].name, metadata.annotations, spec.volumes[].csi.driver,
    spec.volumes[].projected.sources[].podCertificate; spire.spiffe.io/v1alpha1 ClusterSPIFFEID, spec.namespaceSelector,
    spec.podSelector, spec.fallback, status.stats; operator.openshift.io/v1alpha1 ZeroTrustWorkloadIdentityManager,
    status.operands[].ready.
    Verify: kubectl get clusterspiffeids; istioctl proxy-config secret POD
    """
    if namespace is None:
        yield from _spire(view)
        return
    for unit in view.derive(workloads, namespace.name):
        yield _identity(view, unit)


@check(
    "ZTG-IDV-002",
    "Credentials in use are bound and short",
    severity="medium",
    gate="R",
    grain="both",
    needs=WORKLOADS,
    where_served=WORKLOADS_WHERE_SERVED,
    may=(OAuthAccessToken,),
    recipes=("R-OAUTH-REVOKE",),
    maps=("800-53 IA-5(13)", "800-53 AC-12", "800-53 SC-23"),
)
def credentials_short(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """Tokens that workloads mount are short and meant for somebody, and logins of people end.

    Why: stolen tokens must die.
    How: a token that lasts a year is stolen once, and used when nobody remembers.
    Rule: fail if a mounted token lasts more than a day, or a login is older than the limit for logins; warn if a token of its own
    has no audience, or if it is the default one of the API server; pass otherwise.
    Traps: the kubelet asks for 3607 seconds and some API servers make a year of it, so no hour is claimed; a login that has
    expired is only not swept up yet. Names of logins are hashes and are never shown.
    Source: v1 Pod, spec.volumes[].projected.sources[].serviceAccountToken; oauth.openshift.io/v1 OAuthAccessToken,
    metadata.creationTimestamp, expiresIn, userName.
    Verify: kubectl get pods -n NAMESPACE -o jsonpath='{.items[*].spec.volumes[*].projected.sources[*].serviceAccountToken}'
    """
    if namespace is None:
        yield from _logins(view)
        return
    for unit in view.derive(workloads, namespace.name):
        yield _tokens(unit)


@check(
    "ZTG-IDV-003",
    "Certificates will not surprise",
    severity="high",
    gate="R",
    grain="both",
    needs=(),
    where_served=(Certificate, MachineConfigPool),
    scope="all",
    recipes=("R-CERT-RENEW", "R-MCP-UNPAUSE"),
    maps=("800-53 SC-12", "800-53 SC-17"),
)
def certificates_last(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """No certificate is about to end, and each renews itself with a new key.

    Why: expiry is an outage that trains people to disable checks.
    How: the flag that skips verification is set on the night of the outage and stays.
    Rule: fail if it ends within 7 days, or is not ready after its time of renewal; warn if it ends within 30 days and nothing
    renews it, is a day late with its renewal, is renewed with the same key, or was never issued; pass
    otherwise. Certificates for nodes: fail within 7 days, warn within 30.
    Traps: a certificate that is being renewed may be not ready for a moment. The mesh's root, Vault's authorities and the chains
    that servers present are not read here.
    Source: cert-manager.io/v1 Certificate, spec.privateKey.rotationPolicy, spec.renewal.policy, status.notAfter,
    status.renewalTime, status.conditions[type=Ready]; machineconfiguration.openshift.io/v1 MachineConfigPool, status.certExpirys.
    Verify: kubectl get certificates -A
    """
    if namespace is None:
        yield from _platform_certificates(view)
        return
    for certificate in sorted(view.within(Certificate, namespace.name), key=_name):
        yield from list(_troubles(view, certificate)) or [_valid(view, certificate)]


def _identity(view: View, unit: Workload) -> Finding:
    """The worst of a workload's pods."""
    found = [_identity_of(view, unit, pod) for pod in unit.pods]
    return min(found, key=lambda item: ("FAIL", "WARN", "PASS").index(item.status))


def _identity_of(view: View, unit: Workload, pod: Pod) -> Finding:
    if is_enrolled(pod):
        return ok(unit.root, IN_MESH, seen=[pod])
    signer = signer_of(pod)
    if signer:
        fact = seen(pod, "spec.volumes[].projected.sources[].podCertificate.signerName", signer)
        return ok(unit.root, BY_SERVER, seen=[fact], signer=signer)
    by = next(iter(selected_by(view, pod)), None)
    mounts = mounts_spire(pod)
    fact = seen(pod, "spec.volumes[].csi.driver", DRIVER if mounts else "")
    if by is not None and mounts:
        return ok(unit.root, BY_SPIRE, seen=[by, fact], by=by.name)
    if by is not None:
        return warn(unit.root, ONLY_SELECTED, seen=[by, fact], by=by.name)
    return warn(unit.root, ONLY_MOUNTED, seen=[fact]) if mounts else fail(unit.root, NAMELESS, seen=[pod])


def _spire(view: View) -> Iterator[Finding]:
    """What of SPIRE itself does not work; it stands beside the share of workloads."""
    for identity in sorted(view.all(ClusterSPIFFEID), key=_name):
        stats = identity.status.stats
        failures = stats.pod_entry_render_failures + stats.entry_failures
        if failures:
            facts = [
                seen(identity, "status.stats.podEntryRenderFailures", stats.pod_entry_render_failures),
                seen(identity, "status.stats.entryFailures", stats.entry_failures),
            ]
            yield aside(warn(identity, ENTRY_FAILURES, seen=facts, count=failures))
    for manager in view.all(IdentityManager):
        for part in manager.status.operands or ():
            if part.ready.lower() != "true":
                fact = seen(manager, "status.operands[].ready", part.ready)
                yield aside(warn(manager, OPERAND_DOWN, seen=[fact], part=f"{part.kind} {part.name}"))


def _tokens(unit: Workload) -> Finding:
    """The worst token that a workload's pods mount."""
    loose: Finding | None = None
    for pod in unit.pods:
        for volume in pod.spec.volumes or ():
            for source in (volume.projected.sources if volume.projected else None) or ():
                token = source.service_account_token
                if token is None:
                    continue
                path = "spec.volumes[].projected.sources[].serviceAccountToken"
                facts = [
                    seen(pod, f"{path}.expirationSeconds", token.expiration_seconds),
                    seen(pod, f"{path}.audience", token.audience),
                ]
                if token.expiration_seconds > _LONG_S:
                    hours = token.expiration_seconds // 3600
                    return fail(unit.root, LONG_TOKEN, seen=facts, hours=hours, volume=volume.name)
                if volume.name.startswith(_DEFAULT):
                    loose = loose or warn(unit.root, DEFAULT_TOKEN, seen=facts)
                elif not token.audience:
                    loose = warn(unit.root, NO_AUDIENCE, seen=facts, volume=volume.name)
    return loose or ok(unit.root, BOUND, seen=unit.pods)


def _logins(view: View) -> Iterator[Finding]:
    gap = view.gap(OAuthAccessToken)
    if gap is not None:
        if gap.why is not Why.ABSENT:
            yield unknown(cluster_ref("logins"), LOGINS_UNSEEN, gap.why, gap.detail)
        return
    limit = timedelta(seconds=view.limits.max_token_age_s)
    old: list[tuple[timedelta, str]] = []
    for token in view.all(OAuthAccessToken):
        age = view.now - token.created if token.created else timedelta()
        expired = token.expires_in > 0 and age > timedelta(seconds=token.expires_in)
        if age > limit and not expired:
            old.append((age, token.user_name))
    hours = limit // timedelta(hours=1)
    if not old:
        yield ok(cluster_ref("logins"), FRESH_LOGINS, hours=hours)
        return
    users = sorted({user for _, user in old})
    more = f" and {len(users) - 3} more" if len(users) > 3 else ""
    facts = [
        Evidence(cluster_ref("logins"), "metadata.creationTimestamp", f"{user}: {age.days} d") for age, user in sorted(old)[::-1]
    ]
    words = {"count": len(old), "hours": hours, "days": max(old)[0].days, "users": ", ".join(users[:3]) + more}
    yield fail(cluster_ref("logins"), OLD_LOGINS, seen=facts, **words)


def _troubles(view: View, certificate: Certificate) -> Iterator[Finding]:
    """What is wrong with a certificate."""
    spec, status = certificate.spec, certificate.status
    ready = condition(status.conditions, "Ready")
    why = (ready.message or ready.reason or "no reason given") if ready else "no reason given"
    ends, renews = instant(status.not_after), instant(status.renewal_time)
    fact = seen(certificate, "status.notAfter", status.not_after or "")
    is_down = ready is not None and ready.status != "True"
    if ends is not None and ends - view.now < _WEEK:
        yield fail(certificate, ENDS, seen=[fact], days=_days(view, ends))
    if is_down and renews is not None and renews < view.now:
        facts = [fact, seen(certificate, "status.renewalTime", status.renewal_time or "")]
        yield fail(certificate, NOT_RENEWED, seen=facts, day=renews.date().isoformat(), why=why)
    elif is_down and ends is None:
        yield warn(certificate, NOT_ISSUED, seen=[seen(certificate, "status.conditions[type=Ready].status", "False")], why=why)
    by_hand = renews is None or (spec.renewal is not None and spec.renewal.policy == "Disabled")
    if ends is not None and by_hand and _WEEK <= ends - view.now < _MONTH:
        yield warn(certificate, BY_HAND, seen=[fact], days=_days(view, ends))
    elif ends is not None and not is_down and renews is not None and view.now - renews > _DAY and ends - view.now >= _WEEK:
        late = seen(certificate, "status.renewalTime", status.renewal_time or "")
        yield warn(certificate, LATE, seen=[fact, late], days=_days(view, ends), day=renews.date().isoformat())
    if spec.private_key and spec.private_key.rotation_policy == "Never":
        yield warn(certificate, SAME_KEY, seen=[seen(certificate, "spec.privateKey.rotationPolicy", "Never")])


def _valid(view: View, certificate: Certificate) -> Finding:
    ends = instant(certificate.status.not_after)
    fact = seen(certificate, "status.notAfter", certificate.status.not_after or "")
    return ok(certificate, VALID, seen=[fact], days=_days(view, ends) if ends else "some")


def _platform_certificates(view: View) -> Iterator[Finding]:
    """The certificates that pools hand to their nodes; only the next one to end of each pool."""
    for pool in sorted(view.all(MachineConfigPool), key=_name):
        ends = [(at, item.subject) for item in pool.status.cert_expirys or () if (at := instant(item.expiry)) is not None]
        if not ends:
            continue
        at, subject = min(ends)
        fact = seen(pool, "status.certExpirys[].expiry", at.isoformat())
        left = at - view.now
        if left < _MONTH:
            found = fail if left < _WEEK else warn
            yield found(pool, PLATFORM_ENDS, seen=[fact], days=_days(view, at), subject=subject)
        else:
            yield ok(pool, PLATFORM_VALID, seen=[fact], days=_days(view, at))


def _days(view: View, at: datetime) -> int:
    return max((at - view.now).days, 0)


def _name(of: Kind) -> str:
    return of.name
