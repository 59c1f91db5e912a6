"""Row P1.AUTH, the platform's own endpoints: bootstrap login, authenticator, lifetimes, TLS floor, kubelets and API services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from ztui.checks.base import Evidence, Finding, check, cluster_ref, fail, na, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.kinds.base import Kind, Ref, condition
from ztui.kinds.login import Authentication, OAuth, OAuthClient
from ztui.kinds.openshift import ClusterOperator, Infrastructure
from ztui.kinds.platformconfig import APIServerConfig, IngressController, KubeletConfig, TLSProfile
from ztui.kinds.policy import APIService
from ztui.kinds.secret import BootstrapSecret
from ztui.limits import Limits
from ztui.view import View, Why

GONE = reason("removed", "the bootstrap administrator is removed")
THERE = reason(
    "kubeadmin",
    "the shared login kubeadmin still works",
    next="Bind an admin group, log in, then delete the Secret kube-system/kubeadmin",
    stands=True,
)
RESIDUAL = reason(
    "residual-secret", "the Secret of kubeadmin is left, though logins are external", next="Delete kube-system/kubeadmin"
)
SECRET_UNREAD = reason(
    "kubeadmin-unread",
    "whether the bootstrap administrator is still there could not be read",
    next="`ztui roles secrets` prints the right to one Secret that this needs",
)
HOSTED = reason("hosted", "the hosting cluster owns this")
SERVED = reason("authenticator", "logins are served by {mode}")
UNWELL = reason(
    "authenticator-unwell", "the operator `authentication` says {what}", next="oc describe clusteroperator authentication"
)
WEBHOOK = reason("webhook-only", "logins are decided by the webhook {name}", next="Use the integrated server or an OIDC provider")
NOBODY = reason(
    "no-authenticator", "type is None and no webhook is set", next="Set an authenticator in Authentication/cluster", stands=True
)
MISSING = reason("no-configuration", "Authentication/cluster is not there", next="Look at the authentication operator")
NO_PROVIDER = reason("no-provider", "type is OIDC and no provider is listed", next="Add a provider to oidcProviders", stands=True)
ODD_TYPE = reason(
    "unknown-type", "the authentication type is {mode}, which is not known", next="Look at Authentication/cluster", stands=True
)
LIFETIMES = reason("bounded-sessions", "logins end after {age} s, and after {idle} s without use")
LONG = reason("long-sessions", "logins of {who} end after {age} s; {limit} s is the limit", next="Lower accessTokenMaxAgeSeconds")
NO_IDLE = reason("no-idle-limit", "an unused login of {who} does not end", next="Set accessTokenInactivityTimeout, at least 5m")
ENDLESS = reason("endless-sessions", "logins of {who} {what}", next="Lower accessTokenMaxAgeSeconds", stands=True)
PLAIN_REDIRECT = reason("plain-redirect", "{who} sends tokens to {uri} without TLS", next="Use an https address", stands=True)
PROVIDER_OWNS = reason("provider-lifetimes", "the OIDC provider decides how long logins last")
CLIENTS_UNREAD = reason("clients-unread", "the OAuth clients could not be read", next="Grant `ztui roles oauth`")
FLOOR = reason("tls-floor", "{profile} keeps old TLS out")
ODD_PROFILE = reason(
    "unknown-profile", "the TLS profile is {profile}, which is not known", next="Set tlsSecurityProfile to Intermediate"
)
WEAK_CIPHERS = reason("weak-ciphers", "the list has {cipher}", next="Use the Intermediate profile")
OLD_TLS = reason("old-tls", "{profile} lets TLS below 1.2 in", next="Set tlsSecurityProfile to Intermediate", stands=True)
OPEN_KUBELET = reason("open-kubelet", "{what}", next="Remove the override and let the nodes roll out", stands=True)
UNVERIFIED = reason(
    "unverified-api",
    "the API service does not verify its server",
    next="Set caBundle instead of insecureSkipTLSVerify",
    stands=True,
)
AUTHENTICATED = reason("authenticated-endpoints", "no override opens a kubelet, and {count} API services are verified")
KUBELETS_UNSEEN = reason(
    "kubelets-unseen", "kubelet settings are not visible in this platform's API", next="Attest them, or look on a node"
)

DAY_S: Final = 86_400
_OPERATOR: Final = "authentication"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SOUND_CIPHERS: Final = ("GCM", "POLY1305", "CCM")
"""Authenticated modes; what has none of these is CBC or worse, in OpenSSL's names too (``ECDHE-RSA-AES128-SHA256``)."""

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@check(
    "ZT1-AUTH-002",
    "Bootstrap kubeadmin removed",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Infrastructure,),
    may=(Authentication, BootstrapSecret),
    variants=("ocp",),
    recipes=("R-KUBEADMIN",),
    maps=("CISA Identity", "800-53 AC-2(2)", "800-53 AC-2(7)", "800-53 IA-2(5)", "CIS-OCP 3.1.1"),
)
def kubeadmin_removed(view: View) -> Iterator[Finding]:
    """The bootstrap administrator is gone.

    Why: a shared static superuser bypasses the identity provider.
    How: the password is in the installer's folder and in old tickets; it has no second factor and no owner.
    Rule: pass if the Secret is not there, fail if it is; warn if logins are external; not applicable where hosted.
    Traps: certificates of system:masters remain valid, and are not visible here.
    Source: v1 Secret, metadata.name; config.openshift.io/v1 Authentication,
    spec.type; config.openshift.io/v1 Infrastructure, status.controlPlaneTopology.
    Verify: oc get secret kubeadmin -n kube-system
    """
    if view.derive(units.platform).hosted:
        yield na(cluster_ref(), HOSTED)
        return
    at = Ref("", "Secret", "kube-system", "kubeadmin")
    gap = view.gap(BootstrapSecret)
    if gap is not None:
        yield unknown(at, SECRET_UNREAD, gap.why, gap.detail)
        return
    secret = view.get(BootstrapSecret, "kubeadmin", "kube-system")
    if secret is None:
        yield ok(at, GONE)
        return
    authentication = view.get(Authentication, "cluster")
    external = authentication is not None and authentication.spec.type == "OIDC"
    yield (warn if external else fail)(secret, RESIDUAL if external else THERE, seen=[secret])


@check(
    "ZT1-AUTH-003",
    "Cluster login is served by a real authenticator",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(Authentication, ClusterOperator),
    variants=("ocp",),
    maps=("CISA Identity", "800-53 IA-2", "800-53 IA-8"),
)
def real_authenticator(view: View) -> Iterator[Finding]:
    """Somebody who can be trusted decides who is who.

    Why: type None, or a webhook that nobody manages, leaves authentication outside of policy.
    How: with no authenticator, whoever finds another way to a token is never asked.
    Rule: pass for the integrated server or OIDC with a healthy operator; warn where the operator is unwell, or a webhook decides;
    fail for None without a webhook, and for OIDC without a provider.
    Traps: the plural webhookTokenAuthenticators has no effect and does not count.
    Source: config.openshift.io/v1 Authentication, spec.type, spec.oidcProviders, spec.webhookTokenAuthenticator;
    config.openshift.io/v1 ClusterOperator, status.conditions.
    Verify: oc get authentication cluster -o yaml; oc get clusteroperator authentication
    """
    found = view.get(Authentication, "cluster")
    if found is None:
        yield fail(cluster_ref(), MISSING)
        return
    mode = found.spec.type
    facts = [seen(found, "spec.type", mode or "(unset)")]
    webhook = found.spec.webhook_token_authenticator
    if mode == "None":
        named = webhook.kube_config.name if webhook else ""
        yield warn(found, WEBHOOK, seen=facts, name=named) if named else fail(found, NOBODY, seen=facts)
    elif mode == "OIDC" and not found.spec.oidc_providers:
        yield fail(found, NO_PROVIDER, seen=facts)
    elif mode not in {"", "IntegratedOAuth", "OIDC"}:
        yield fail(found, ODD_TYPE, seen=facts, mode=repr(mode))
    else:
        yield _operator_health(view, found, mode, facts)


@check(
    "ZT1-AUTH-004",
    "Login sessions expire",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Authentication, OAuth),
    may=(OAuthClient,),
    variants=("ocp",),
    recipes=("R-TOKENCFG",),
    maps=("CISA Identity", "800-53 AC-12", "800-53 AC-2(5)", "800-53 SC-10"),
)
def sessions_expire(view: View) -> Iterator[Finding]:
    """Logins end, and sooner when nobody uses them.

    Why: continuous verification needs bounded sessions.
    How: a token that was copied months ago still works.
    Rule: pass up to 8 hours with an idle limit of 30 minutes; warn up to a day or without idle limit; fail beyond a day, for a
    client whose tokens never expire, and for a client that redirects to plain http.
    Traps: accessTokenInactivityTimeoutSeconds in tokenConfig is dead; tokens that exist keep their lifetime.
    Source: config.openshift.io/v1 OAuth, spec.tokenConfig.accessTokenMaxAgeSeconds,
    spec.tokenConfig.accessTokenInactivityTimeout; oauth.openshift.io/v1 OAuthClient, accessTokenMaxAgeSeconds,
    accessTokenInactivityTimeoutSeconds, redirectURIs.
    Verify: oc get oauth cluster -o jsonpath='{.spec.tokenConfig}'
    """
    authentication, oauth = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type == "OIDC":
        yield na(authentication, PROVIDER_OWNS)
        return
    age = (oauth.spec.token_config.access_token_max_age_seconds if oauth else 0) or DAY_S
    idle = duration_s(oauth.spec.token_config.access_token_inactivity_timeout) if oauth else 0.0
    on: Kind | Ref = oauth or Ref("config.openshift.io", "OAuth", "", "cluster")
    yield _lifetime(
        view.limits, on, "the cluster", age, idle, [seen(oauth, "spec.tokenConfig", f"{age} s, idle {idle:g} s")] if oauth else []
    )
    gap = view.gap(OAuthClient)
    if gap is not None and gap.why is not Why.ABSENT:
        yield unknown(on, CLIENTS_UNREAD, Why.PARTIAL, str(gap))
    for client in view.all(OAuthClient):
        yield from _client(view.limits, client, age, idle)


@check(
    "ZT1-AUTH-007",
    "Platform TLS floor",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(Infrastructure, APIServerConfig, IngressController),
    where_served=(KubeletConfig,),
    variants=("ocp",),
    recipes=("R-TLSPROFILE",),
    maps=("800-53 SC-8", "800-53 SC-13", "CIS-OCP 1.2.32", "CIS-OCP 4.2.12"),
)
def tls_floor(view: View) -> Iterator[Finding]:
    """API server, routers and kubelets speak TLS 1.2 or newer.

    Why: old protocol versions undo the authentication of endpoints.
    How: a man in the middle talks a client down to a version that he can read.
    Rule: pass for Intermediate, Modern or unset; warn for a custom list with CBC or 3DES; fail for Old, or custom below 1.2.
    Traps: unset means the platform's default, Intermediate; hosted control planes own the API server's part.
    Source: config.openshift.io/v1 APIServer, spec.tlsSecurityProfile.type, spec.tlsSecurityProfile.custom;
    operator.openshift.io/v1 IngressController, spec.tlsSecurityProfile; machineconfiguration.openshift.io/v1 KubeletConfig,
    spec.tlsSecurityProfile.
    Verify: oc get apiserver cluster -o jsonpath='{.spec.tlsSecurityProfile}'
    """
    hosted = view.derive(units.platform).hosted
    for router in view.all(IngressController):
        yield _profile(router, router.spec.tls_security_profile)
    if not hosted:
        for server in view.all(APIServerConfig):
            yield _profile(server, server.spec.tls_security_profile)
        for config in view.all(KubeletConfig):
            yield _profile(config, config.spec.tls_security_profile)


@check(
    "ZT1-AUTH-008",
    "Node and aggregated API endpoints authenticate",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(APIService,),
    where_served=(KubeletConfig,),
    maps=("800-53 AC-3", "800-53 IA-3", "800-53 SC-8", "CIS-OCP 4.2.2", "CIS-OCP 4.2.3", "CIS-OCP 4.2.5"),
)
def endpoints_authenticate(view: View) -> Iterator[Finding]:
    """Kubelets ask who calls, and aggregated APIs are who they say.

    Why: an open kubelet, or an API server that is not verified, is full control.
    How: an exec through port 10250 without a login; a fake metrics server that answers in place of the real one.
    Rule: fail for a kubelet override that opens it, and for an API service whose certificate is not verified; pass on OpenShift
    without such overrides; unknown for kubelets of other platforms.
    Traps: built-in API services have no service and are skipped.
    Source: machineconfiguration.openshift.io/v1 KubeletConfig, spec.kubeletConfig; apiregistration.k8s.io/v1 APIService,
    spec.insecureSkipTLSVerify, spec.service.
    Verify: kubectl get apiservices -o json | jq '.items[] | select(.spec.insecureSkipTLSVerify) | .metadata.name'
    """
    clean, count = True, 0
    for service in view.all(APIService):
        if service.spec.service is None:
            continue
        count += 1
        if service.spec.insecure_skip_tls_verify:
            clean = False
            yield fail(service, UNVERIFIED, seen=[seen(service, "spec.insecureSkipTLSVerify", "true")])
    for config in view.all(KubeletConfig):
        for path, what in _openings(config):
            clean = False
            yield fail(config, OPEN_KUBELET, seen=[seen(config, f"spec.kubeletConfig.{path}")], what=what)
    if view.derive(units.platform).variant != "ocp":
        yield unknown(cluster_ref("kubelets"), KUBELETS_UNSEEN, Why.K8S, "kubelet configuration")
    elif clean:
        yield ok(cluster_ref("endpoints"), AUTHENTICATED, count=count)


def duration_s(text: str) -> float:
    """Seconds of a Go duration such as ``30m0s``; 0 where it says nothing."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text[:40]))


def _operator_health(view: View, found: Authentication, mode: str, facts: list[Evidence]) -> Finding:
    operator = view.get(ClusterOperator, _OPERATOR)
    if operator is not None:
        available, degraded = (condition(operator.status.conditions, name) for name in ("Available", "Degraded"))
        if available is None or available.status != "True":
            return warn(found, UNWELL, seen=[*facts, operator], what="it is not available")
        if degraded is not None and degraded.status == "True":
            return warn(found, UNWELL, seen=[*facts, operator], what=f"it is degraded: {degraded.reason}")
    elif not view.derive(units.platform).hosted:
        return warn(found, UNWELL, seen=facts, what="nothing: it is not there")
    return ok(found, SERVED, seen=facts, mode=mode or "the integrated server")


def _lifetime(limits: Limits, on: Kind | Ref, who: str, age: float, idle: float, facts: list[Evidence]) -> Finding:
    if age > DAY_S:
        return fail(on, ENDLESS, seen=facts, who=who, what=f"end only after {age:g} s")
    if age > limits.max_token_age_s:
        return warn(on, LONG, seen=facts, who=who, age=f"{age:g}", limit=limits.max_token_age_s)
    if idle <= 0 or idle > limits.max_idle_s:
        return warn(on, NO_IDLE, seen=facts, who=who)
    return ok(on, LIFETIMES, seen=facts, age=f"{age:g}", idle=f"{idle:g}")


def _client(limits: Limits, client: OAuthClient, age: float, idle: float) -> Iterator[Finding]:
    own, own_idle = client.access_token_max_age_seconds, client.access_token_inactivity_timeout_seconds
    facts = [seen(client, "accessTokenMaxAgeSeconds", own)] if own is not None else []
    facts += [seen(client, "accessTokenInactivityTimeoutSeconds", own_idle)] if own_idle is not None else []
    if own is not None and own <= 0:
        yield fail(client, ENDLESS, seen=facts, who=client.name, what="never end")
    elif facts:
        yield _lifetime(limits, client, client.name, age if own is None else own, idle if own_idle is None else own_idle, facts)
    for uri in client.redirect_uris or ():
        if _leaks(uri):
            yield fail(client, PLAIN_REDIRECT, seen=[seen(client, "redirectURIs", uri)], who=client.name, uri=uri)


def _leaks(uri: str) -> bool:
    """Whether an address is plain http to another machine."""
    try:
        parts = urlsplit(uri[:2000])
        host = parts.hostname or ""
    except ValueError:
        return uri.lower().startswith("http:")
    if parts.scheme != "http" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _profile(on: Kind, profile: TLSProfile | None) -> Finding:
    kind = profile.type if profile else ""
    facts = [seen(on, "spec.tlsSecurityProfile.type", kind or "(unset)")]
    if kind in {"", "Intermediate", "Modern"}:
        return ok(on, FLOOR, seen=facts, profile=kind or "the default profile")
    custom = profile.custom if profile else None
    if kind == "Custom" and custom is not None and custom.min_tls_version in {"VersionTLS12", "VersionTLS13"}:
        weak = next((item for item in custom.ciphers or () if not any(word in item for word in _SOUND_CIPHERS)), None)
        return (
            warn(on, WEAK_CIPHERS, seen=facts, cipher=weak) if weak else ok(on, FLOOR, seen=facts, profile="the custom profile")
        )
    if kind not in {"Old", "Custom"}:
        return fail(on, ODD_PROFILE, seen=facts, profile=repr(kind))
    return fail(on, OLD_TLS, seen=facts, profile=kind)


def _openings(config: KubeletConfig) -> Iterator[tuple[str, str]]:
    settings = config.spec.kubelet_config
    if settings is None:
        return
    if settings.authentication and settings.authentication.anonymous and settings.authentication.anonymous.enabled:
        yield "authentication.anonymous.enabled", "the kubelet answers callers without a login"
    mode = settings.authorization.mode if settings.authorization else ""
    if mode == "AlwaysAllow":
        yield "authorization.mode", "the kubelet allows everything to everybody"
    elif mode not in {"", "Webhook"}:
        yield "authorization.mode", f"the kubelet decides by {mode!r}, which is not known"
    if settings.read_only_port:
        yield "readOnlyPort", f"the kubelet serves port {settings.read_only_port} without a login"
