"""Who we are to the server: asked once, at connect. No token is kept, only the ``iss`` claim of ours and its hash."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from typing import Final, TypeVar

import msgspec

from ztui.errors import ZtuiError
from ztui.kinds.base import DECODE_ERRORS
from ztui.kinds.session import Session, session
from ztui.sources.kube import KubeApi

_OPENSHIFT: Final = "sha256~"


class Login:
    """The session as far as the server told it. ``cluster_id`` is filled in when the namespaces are read."""

    def __init__(self) -> None:
        self.user = ""
        self.groups: tuple[str, ...] = ()
        self.version = ""
        self.token_issuer = ""
        self.cluster_issuer = ""
        self.cluster_id = ""
        self.server = ""
        self.login_name = ""

    @property
    def minor(self) -> int:
        """The server's minor version, 0 where it is not known."""
        return self.as_kind().minor

    def as_kind(self) -> Session:
        """The same as a kind, for the checks."""
        issuers = (self.token_issuer, self.cluster_issuer)
        return session(self.user, self.groups, self.version, *issuers, self.server, self.login_name)


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""
    groups: tuple[str, ...] | None = None


class _ReviewStatus(msgspec.Struct, frozen=True, rename="camel"):
    user_info: _UserInfo = _UserInfo()


class _Review(msgspec.Struct, frozen=True):
    status: _ReviewStatus = _ReviewStatus()


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str = ""


class _Issuer(msgspec.Struct, frozen=True):
    issuer: str = msgspec.field(default="", name="issuer")


class _Claims(msgspec.Struct, frozen=True):
    iss: str = ""


async def who_am_i(api: KubeApi) -> Login:
    """Ask the server who we are. What it does not tell stays empty; raises only where it does not answer at all.

    Source: authentication.k8s.io/v1 SelfSubjectReview, ``/version``, ``/.well-known/openid-configuration``.
    """
    login = Login()
    login.server = api.http.target.server
    login.version = _decoded(await api.fetch("/version"), _Version).git_version
    body = b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}'
    with contextlib.suppress(ZtuiError):
        answer = await api.http.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
        info = _decoded(answer.body, _Review).status.user_info
        login.user, login.groups = info.username, info.groups or ()
    with contextlib.suppress(ZtuiError):
        login.cluster_issuer = _decoded(await api.fetch("/.well-known/openid-configuration"), _Issuer).issuer
    with contextlib.suppress(ZtuiError):
        header = (await api.http.credentials.headers()).get("Authorization", "")
        login.token_issuer, login.login_name = issuer_of(header), login_name_of(header)
    return login


def login_name_of(header: str) -> str:
    """The name of the OAuthAccessToken behind a bearer token of OpenShift; empty for any other.

    Source: openshift/oauth-apiserver, the object of a token ``sha256~T`` is named after the SHA-256 of ``T``.
    """
    token = header.removeprefix("Bearer ")
    if not token.startswith(_OPENSHIFT):
        return ""
    hashed = hashlib.sha256(token.removeprefix(_OPENSHIFT).encode()).digest()
    return _OPENSHIFT + base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def issuer_of(header: str) -> str:
    """The ``iss`` claim of a bearer token that is a JSON web token; empty for any other."""
    parts = header.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return ""
    return _decoded(claims, _Claims).iss


T = TypeVar("T", bound=msgspec.Struct)


def _decoded(body: bytes, of: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=of)
    except DECODE_ERRORS:
        return of()
