"""Row P1.OIDC: identities come from a provider, none is local, none can be confused, none is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ztui.checks.base import Finding, Reason, check, cluster_ref, fail, na, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.grants import ACCESS, all_grants
from ztui.engines.holders import holder
from ztui.engines.people import DIRECTORY_TYPES, LOCAL_TYPES, OIDC_TYPES
from ztui.kinds.base import condition
from ztui.kinds.identity import Group, Identity, User
from ztui.kinds.login import Authentication, ClaimRule, IdentityProvider, OAuth, OIDCProvider
from ztui.kinds.openshift import ClusterOperator
from ztui.kinds.session import Session
from ztui.view import View, Why

IN_FORCE = reason("oidc", "{name} at {issuer} decides who is who")
DIRECTORY = reason(
    "directory-only",
    "only {kinds} providers are set",
    next="Add an OpenID provider: multi-factor and offboarding live there",
)
UNWELL = reason(
    "login-unwell", "an OIDC provider is set; the login server is unavailable", next="oc describe clusteroperator authentication"
)
NOT_SERVED = reason(
    "not-served", "the authentication type is {mode}: the providers are not asked", next="Set the type to OIDC or IntegratedOAuth"
)
NONE = reason("no-oidc", "no OIDC provider is in force", next="Register a client at your provider and add it")
LOCAL_ONLY = reason("local-only", "only {kinds} providers are set", next="Add an OpenID provider")
OWN_TOKEN = reason("own-token", "our own login comes from {issuer}")
NOT_SHOWN = reason(
    "not-shown",
    "the API server's flags are not visible in its API",
    next="Log in with OIDC, or attest the provider",
)
CLEARTEXT = reason("cleartext", "{name} is reached without TLS", next="Use an https or ldaps address")
LOCAL = reason(
    "local-provider",
    "{name} keeps passwords ({kind})",
    next="Remove it once an admin has logged in by OIDC",
)
ANY_PROXY = reason("any-proxy", "{name} believes any proxy with a certificate of its CA", next="Set clientCommonNames")
NO_CA = reason("no-ca", "{name} believes any proxy: it has no CA", next="Set the CA of the proxy")
FEDERATED = reason("federated", "{name} ({kind}) keeps no passwords here")
NOT_IN_USE = reason("external", "logins are external: the integrated providers are not in use")
MERGED = reason("merged-names", "{name} adds its users to those of other providers", next="Use mappingMethod claim")
NO_GROUPS = reason("no-groups", "{name} brings no groups: grants stay with single users", next="Map a groups claim")
NO_PREFIX = reason("no-prefix", "names of {name} have no prefix", next="Set a prefix")
SHARED_NAMES = reason("shared-names", "names of {name} have no prefix, beside other providers", next="Set a prefix")
NO_GROUP_PREFIX = reason("no-group-prefix", "groups of {name} have no prefix", next="Set a prefix for groups")
ODD_PREFIX = reason("unknown-prefix-policy", "the prefixPolicy of {name} is not known", next="Use Prefix")
MUTABLE = reason(
    "mutable-claim",
    "{name} names users by e-mail without checking that it is verified",
    next="Validate email_verified",
)
DISTINCT = reason("distinct", "names of {name} cannot be confused")
ORPHAN = reason("orphan", "has grants and no identity at any provider", next="Remove the user's bindings")
STRANGER = reason("unknown-provider", "belongs to the provider {name}, which is not configured", next="oc delete identity")
GHOST = reason("ghost-member", "{user} is a member and has never logged in", next="Remove the member, or let the provider sync")
LINKED = reason("linked", "is linked to a provider")


@check(
    "ZT1-OIDC-001",
    "An OIDC identity provider is in force",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(),
    where_served=(Authentication, OAuth, ClusterOperator),
    may=(Session,),
    variants=("ocp", "k8s"),
    maps=("CISA Identity", "800-53 IA-2", "800-53 IA-8", "800-53 AC-2(1)", "CIS-OCP 3.1.1"),
)
def oidc_in_force(view: View) -> Iterator[Finding]:
    """People log in by a provider that can demand a second factor and forget who left.

    Why: federated identity gives multi-factor, a life cycle and risk signals.
    How: a password that was phished once works until somebody remembers to change it.
    Rule: pass for an OIDC provider over https with an audience, or an OpenID, Google or GitLab provider; warn for LDAP, GitHub
    and request headers alone; fail for none, or local ones alone. On plain Kubernetes our own token's issuer is the evidence.
    Traps: identityProviders is an atomic list: an apply would replace it.
    Source: config.openshift.io/v1 Authentication, spec.type, spec.oidcProviders[].issuer.issuerURL,
    spec.oidcProviders[].issuer.audiences; config.openshift.io/v1 OAuth, spec.identityProviders[].type,
    spec.identityProviders[].openID.issuer; config.openshift.io/v1 ClusterOperator, status.conditions; the claim iss of our
    own token.
    Verify: oc get authentication cluster -o jsonpath='{.spec}'; oc get oauth cluster -o jsonpath='{.spec.identityProviders}'
    """
    if view.derive(units.platform).variant == "k8s":
        yield _own_login(view)
        return
    authentication, oauth = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type == "OIDC":
        good = [item for item in authentication.spec.oidc_providers or () if _is_sound(item)]
        if good and not _is_available(view):
            yield warn(authentication, UNWELL, seen=[authentication])
        elif good:
            words = {"name": good[0].name, "issuer": good[0].issuer.issuer_url}
            yield ok(authentication, IN_FORCE, seen=[seen(authentication, "spec.oidcProviders", good[0].name)], **words)
        else:
            yield fail(authentication, NONE, seen=[authentication])
        return
    mode = authentication.spec.type if authentication else ""
    if authentication is not None and mode not in {"", "IntegratedOAuth"}:
        yield fail(authentication, NOT_SERVED, seen=[seen(authentication, "spec.type", mode)], mode=repr(mode))
        return
    providers = (oauth.spec.identity_providers if oauth else None) or ()
    good_provider = next((item for item in providers if item.type in OIDC_TYPES and _is_tls(_address(item))), None)
    on = oauth or cluster_ref("oauth")
    if good_provider is not None and oauth is not None:
        facts = [seen(oauth, "spec.identityProviders", f"{item.name} ({item.type})") for item in providers]
        if not _is_available(view):
            yield warn(on, UNWELL, seen=facts)
            return
        yield ok(on, IN_FORCE, seen=facts, name=good_provider.name, issuer=_address(good_provider) or good_provider.type)
        return
    kinds = ", ".join(sorted({item.type for item in providers}))
    if any(item.type in DIRECTORY_TYPES for item in providers):
        yield warn(on, DIRECTORY, kinds=kinds)
    else:
        yield fail(on, LOCAL_ONLY, kinds=kinds) if providers else fail(on, NONE)


@check(
    "ZT1-OIDC-002",
    "No local or cleartext identity providers remain",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(Authentication, OAuth),
    variants=("ocp",),
    maps=("800-53 IA-2", "800-53 IA-5", "800-53 SC-8"),
)
def no_local_providers(view: View) -> Iterator[Finding]:
    """No provider keeps passwords, and none is asked in the clear.

    Why: password files bypass multi-factor and offboarding.
    How: an htpasswd entry from the first day of the cluster still opens it.
    Rule: fail for HTPasswd, BasicAuth and Keystone, for LDAP or any address without TLS, and for a request header without CA;
    warn for a request header without common names. External OIDC passes: the integrated server is not in use.
    Traps: a break-glass provider is a waiver, not an exception; removal must not take the last admin's way in.
    Source: config.openshift.io/v1 OAuth, spec.identityProviders[].type, spec.identityProviders[].ldap.insecure,
    spec.identityProviders[].ldap.url, spec.identityProviders[].basicAuth.url, spec.identityProviders[].requestHeader.ca,
    spec.identityProviders[].requestHeader.clientCommonNames.
    Verify: oc get oauth cluster -o jsonpath='{.spec.identityProviders[*].type}'
    """
    authentication, oauth = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type == "OIDC":
        yield ok(authentication, NOT_IN_USE)
        return
    for item in (oauth.spec.identity_providers if oauth else None) or ():
        assert oauth is not None  # noqa: S101  it has providers
        facts = [seen(oauth, "spec.identityProviders", f"{item.name} ({item.type})")]
        words = {"name": item.name, "kind": item.type}
        worst = _worst(item)
        if worst is None:
            yield ok(oauth, FEDERATED, seen=facts, **words)
        else:
            yield (warn if worst is ANY_PROXY else fail)(oauth, worst, seen=facts, **words)


@check(
    "ZT1-OIDC-003",
    "Identity mapping cannot be confused",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(Authentication, OAuth),
    variants=("ocp",),
    maps=("800-53 IA-4", "800-53 IA-8"),
)
def distinct_names(view: View) -> Iterator[Finding]:
    """One provider cannot name somebody else's user.

    Why: merged or unprefixed identities let one provider impersonate another's user.
    How: whoever controls the weaker provider makes a user with an admin's name.
    Rule: fail for mappingMethod add beside others, for names without prefix beside others, and for e-mail as name without a
    check that it is verified; warn for no groups claim and for a single provider without prefix.
    Traps: an empty prefixPolicy means the issuer's address as prefix, except for e-mail.
    Source: config.openshift.io/v1 OAuth, spec.identityProviders[].mappingMethod, spec.identityProviders[].openID.claims;
    config.openshift.io/v1 Authentication, spec.oidcProviders[].claimMappings.username,
    spec.oidcProviders[].claimMappings.groups, spec.oidcProviders[].claimValidationRules.
    Verify: oc get oauth cluster -o yaml; oc get authentication cluster -o yaml
    """
    authentication, oauth = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type == "OIDC":
        external = authentication.spec.oidc_providers or ()
        for one in external:
            verdict, why = _external(one, alone=len(external) == 1)
            yield verdict(authentication, why, seen=[seen(authentication, "spec.oidcProviders", one.name)], name=one.name)
        return
    providers = (oauth.spec.identity_providers if oauth else None) or ()
    for item in providers:
        assert oauth is not None  # noqa: S101  it has providers
        facts = [seen(oauth, "spec.identityProviders", f"{item.name}: {item.mapping_method}")]
        if item.mapping_method == "add" and len(providers) > 1:
            yield fail(oauth, MERGED, seen=facts, name=item.name)
        elif item.type == "OpenID" and not (item.open_id and item.open_id.claims.groups):
            yield warn(oauth, NO_GROUPS, seen=facts, name=item.name)
        else:
            yield ok(oauth, DISTINCT, seen=facts, name=item.name)


@check(
    "ZT1-OIDC-004",
    "Identities are alive and linked",
    severity="low",
    gate="S",
    grain="cluster",
    needs=(Authentication, OAuth, User, Identity, Group, *ACCESS),
    variants=("ocp",),
    tier="x",
    maps=("800-53 AC-2(3)",),
)
def linked_identities(view: View) -> Iterator[Finding]:
    """Every user belongs to a provider that is still there.

    Why: orphans are the accounts that nobody offboards.
    How: somebody who left keeps a user with grants; the next one of that name inherits them.
    Rule: fail for a user without identity that has grants; warn for an identity of a provider that is not configured, and for a
    group member without user.
    Traps: users appear only after their first login. Activity of tokens is not judged.
    Source: user.openshift.io/v1 User, identities; user.openshift.io/v1 Identity, user.name; user.openshift.io/v1 Group,
    users; rbac.authorization.k8s.io/v1 ClusterRoleBinding, RoleBinding, subjects.
    Verify: oc get users,identities,groups
    """
    authentication, oauth = view.get(Authentication, "cluster"), view.get(OAuth, "cluster")
    if authentication is not None and authentication.spec.type == "OIDC":
        yield na(authentication, NOT_IN_USE)
        return
    known = {item.name for item in (oauth.spec.identity_providers if oauth else None) or ()}
    granted = {
        grant.subject.name for grant in all_grants(view) if grant.subject.kind == "User" and holder(view, grant) == "human"
    }
    users = {item.name for item in view.all(User)}
    for user in view.all(User):
        orphan = not user.identities and user.name in granted
        yield fail(user, ORPHAN, seen=[seen(user, "identities", "none")]) if orphan else ok(user, LINKED)
    for identity in view.all(Identity):
        if identity.provider_name not in known:
            yield warn(
                identity, STRANGER, seen=[seen(identity, "providerName", identity.provider_name)], name=identity.provider_name
            )
    for group in view.all(Group):
        ghost = next((name for name in group.users or () if name not in users), None)
        if ghost is not None:
            yield warn(group, GHOST, seen=[seen(group, "users", ghost)], user=ghost)


def _own_login(view: View) -> Finding:
    session = view.get(Session, "self") if view.gap(Session) is None else None
    if session is not None and session.token_issuer and session.cluster_issuer and session.token_issuer != session.cluster_issuer:
        return ok(cluster_ref("login"), OWN_TOKEN, issuer=session.token_issuer)
    return unknown(cluster_ref("login"), NOT_SHOWN, Why.K8S, "API server flags")


def _is_sound(provider: OIDCProvider) -> bool:
    return _is_tls(provider.issuer.issuer_url) and bool(provider.issuer.audiences)


def _address(item: IdentityProvider) -> str:
    """Where an OIDC provider is; empty where it does not say. Google has one address and no field for it."""
    if item.type == "Google":
        return "https://accounts.google.com"
    if item.type == "OpenID":
        return item.open_id.issuer if item.open_id else ""
    return item.gitlab.url if item.gitlab else ""


def _is_tls(address: str) -> bool:
    return address.lower().startswith("https://")


def _is_available(view: View) -> bool:
    """Whether the operator of the login server says that it works; hosted control planes may not have it."""
    operator = view.get(ClusterOperator, "authentication")
    if operator is None:
        return view.derive(units.platform).hosted
    found = condition(operator.status.conditions, "Available")
    return found is not None and found.status == "True"


def _worst(item: IdentityProvider) -> Reason | None:
    addresses = [part.url for part in (item.gitlab, item.basic_auth, item.keystone) if part is not None]
    addresses += [item.open_id.issuer] if item.open_id else []
    addresses += [item.ldap.url] if item.ldap else []
    addresses += [item.request_header.challenge_url, item.request_header.login_url] if item.request_header else []
    if any(address.lower().startswith("http://") for address in addresses) or (item.ldap and item.ldap.insecure):
        return CLEARTEXT
    if item.type in LOCAL_TYPES or item.type not in OIDC_TYPES | DIRECTORY_TYPES:
        return LOCAL
    if item.type == "RequestHeader":
        if item.request_header is None or not item.request_header.ca.name:
            return NO_CA
        return None if item.request_header.client_common_names else ANY_PROXY
    return None


def _external(one: OIDCProvider, *, alone: bool) -> tuple[Callable[..., Finding], Reason]:
    username = one.claim_mappings.username
    groups = one.claim_mappings.groups
    by_mail = username.claim == "email" or "claims.email" in username.expression
    if by_mail and "email_verified" not in username.expression and not any(map(_verifies, one.claim_validation_rules or ())):
        return fail, MUTABLE
    if username.prefix_policy not in {"", "NoPrefix", "Prefix"}:
        return fail, ODD_PREFIX
    if username.prefix_policy == "NoPrefix":
        return (warn, NO_PREFIX) if alone else (fail, SHARED_NAMES)
    if not groups.claim and not groups.expression:
        return warn, NO_GROUPS
    return (ok, DISTINCT) if groups.prefix or groups.expression else (warn, NO_GROUP_PREFIX)


def _verifies(rule: ClaimRule) -> bool:
    """Whether a validation rule asks for ``email_verified``, as a required claim or in CEL."""
    required = rule.required_claim
    if required is not None and required.claim == "email_verified":
        return required.required_value == "true"
    return rule.cel is not None and "email_verified" in rule.cel.expression
