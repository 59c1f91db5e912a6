"""What we know of our own connection, as a kind like any other: checks that judge the login read it here.

Source: authentication.k8s.io/v1 SelfSubjectReview, ``/version``, ``/.well-known/openid-configuration``.
"""

from __future__ import annotations

from typing import ClassVar

from ztui.kinds.base import Kind, Meta

NAME = "self"


class Session(Kind, frozen=True):
    """Who we are to the server. ``token_issuer`` is the ``iss`` claim of our own token, empty without one.

    ``cluster_issuer`` is the server's ServiceAccount issuer, empty where it may not be read. ``server`` is its address.
    ``login_name`` is the name of the object of our own login, a hash of our token; empty where it is none of OpenShift's.
    """

    KIND: ClassVar[str] = "Session"
    NAMESPACED: ClassVar[bool] = False
    SOURCE = "session"

    user: str = ""
    groups: tuple[str, ...] = ()
    server_version: str = ""
    token_issuer: str = ""
    cluster_issuer: str = ""
    server: str = ""
    login_name: str = ""

    @property
    def minor(self) -> int:
        """The minor version of the server, 0 where it does not say."""
        parts = self.server_version.removeprefix("v").split(".")
        digits = "".join(char for char in parts[1] if char.isdigit()) if len(parts) > 1 else ""
        return int(digits) if digits else 0


def session(
    user: str,
    groups: tuple[str, ...],
    version: str,
    token_issuer: str,
    cluster_issuer: str,
    server: str = "",
    login_name: str = "",
) -> Session:
    """Make the one object of this kind."""
    meta = Meta(name=NAME, uid="", resource_version="")
    return Session(
        metadata=meta,
        user=user,
        groups=groups,
        server_version=version,
        token_issuer=token_issuer,
        cluster_issuer=cluster_issuer,
        server=server,
        login_name=login_name,
    )
