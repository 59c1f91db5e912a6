"""How people log in. Source: config.openshift.io/v1 Authentication and OAuth, oauth.openshift.io/v1 OAuthClient.

Client secrets, CA contents and provider secrets have no place here.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


class Issuer(msgspec.Struct, frozen=True, rename="camel"):
    """Where tokens of an external provider come from."""

    issuer_url: str = msgspec.field(default="", name="issuerURL")
    audiences: tuple[str, ...] | None = None


class Prefix(msgspec.Struct, frozen=True, rename="camel"):
    """A prefix that is put before names."""

    prefix_string: str = ""


class UsernameClaim(msgspec.Struct, frozen=True, rename="camel"):
    """Which claim is the user's name, and what is put before it."""

    claim: str = ""
    expression: str = ""
    prefix_policy: str = ""
    prefix: Prefix | None = None


class GroupsClaim(msgspec.Struct, frozen=True):
    """Which claim lists the groups."""

    claim: str = ""
    expression: str = ""
    prefix: str = ""


class ClaimMappings(msgspec.Struct, frozen=True):
    """How claims become a user."""

    username: UsernameClaim = UsernameClaim()
    groups: GroupsClaim = GroupsClaim()


class RequiredClaim(msgspec.Struct, frozen=True, rename="camel"):
    """A claim that must have a value."""

    claim: str = ""
    required_value: str = ""


class ClaimExpression(msgspec.Struct, frozen=True):
    """A CEL expression over claims that must be true."""

    expression: str = ""


class ClaimRule(msgspec.Struct, frozen=True, rename="camel"):
    """One validation of claims."""

    type: str = ""
    required_claim: RequiredClaim | None = None
    cel: ClaimExpression | None = None


class OIDCProvider(msgspec.Struct, frozen=True, rename="camel"):
    """An external OIDC provider."""

    name: str = ""
    issuer: Issuer = Issuer()
    claim_mappings: ClaimMappings = ClaimMappings()
    claim_validation_rules: tuple[ClaimRule, ...] | None = None


class SecretName(msgspec.Struct, frozen=True):
    """The name of a Secret or ConfigMap."""

    name: str = ""


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """A webhook token authenticator; the plural form of older releases has no effect and is not read."""

    kube_config: SecretName = SecretName()


class AuthenticationSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which authenticator serves logins. An empty type is the integrated OAuth server."""

    type: str = ""
    oidc_providers: tuple[OIDCProvider, ...] | None = msgspec.field(default=None, name="oidcProviders")
    webhook_token_authenticator: Webhook | None = None


class Authentication(Kind, frozen=True):
    """``Authentication/cluster``."""

    GROUP = "config.openshift.io"
    PLURAL = "authentications"
    KIND = "Authentication"
    NAMESPACED = False

    spec: AuthenticationSpec


class TokenConfig(msgspec.Struct, frozen=True, rename="camel"):
    """Lifetimes of logins; 0 or absent is a day. The dead field ``accessTokenInactivityTimeoutSeconds`` is not read."""

    access_token_max_age_seconds: int = 0
    access_token_inactivity_timeout: str = ""


class OpenIDClaims(msgspec.Struct, frozen=True, rename="camel"):
    """Which claims name the user and the groups."""

    preferred_username: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None


class OpenID(msgspec.Struct, frozen=True, rename="camel"):
    """An OpenID provider of the integrated server."""

    issuer: str = ""
    claims: OpenIDClaims = OpenIDClaims()


class LDAP(msgspec.Struct, frozen=True):
    """An LDAP provider."""

    url: str = ""
    insecure: bool = False


class Remote(msgspec.Struct, frozen=True):
    """A provider that is reached at an address."""

    url: str = ""


class RequestHeader(msgspec.Struct, frozen=True, rename="camel"):
    """A proxy that says who the user is."""

    ca: SecretName = SecretName()
    client_common_names: tuple[str, ...] | None = None
    challenge_url: str = msgspec.field(default="", name="challengeURL")
    login_url: str = msgspec.field(default="", name="loginURL")


class IdentityProvider(msgspec.Struct, frozen=True, rename="camel"):
    """One identity provider of the integrated server."""

    name: str
    type: str
    mapping_method: str = "claim"
    open_id: OpenID | None = msgspec.field(default=None, name="openID")
    gitlab: Remote | None = None
    ldap: LDAP | None = None
    basic_auth: Remote | None = None
    keystone: Remote | None = None
    request_header: RequestHeader | None = None


class OAuthSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Providers and lifetimes of the integrated server."""

    identity_providers: tuple[IdentityProvider, ...] | None = None
    token_config: TokenConfig = TokenConfig()


class OAuth(Kind, frozen=True):
    """``OAuth/cluster``."""

    GROUP = "config.openshift.io"
    PLURAL = "oauths"
    KIND = "OAuth"
    NAMESPACED = False

    spec: OAuthSpec


class OAuthClient(Kind, frozen=True):
    """A client of the integrated server, without its secrets."""

    GROUP = "oauth.openshift.io"
    PLURAL = "oauthclients"
    KIND = "OAuthClient"
    NAMESPACED = False
    PROFILE = "O"

    access_token_max_age_seconds: int | None = None
    access_token_inactivity_timeout_seconds: int | None = None
    grant_method: str = ""
    redirect_uris: tuple[str, ...] | None = msgspec.field(default=None, name="redirectURIs")
