"""People: users, their identities at the providers, and groups. Source: user.openshift.io/v1."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


class User(Kind, frozen=True):
    """Somebody who has logged in; ``identities`` are ``provider:name``."""

    GROUP = "user.openshift.io"
    PLURAL = "users"
    KIND = "User"
    NAMESPACED = False

    identities: tuple[str, ...] | None = None


class UserRef(msgspec.Struct, frozen=True):
    """The user that an identity belongs to."""

    name: str = ""


class Identity(Kind, frozen=True):
    """Somebody at one identity provider."""

    GROUP = "user.openshift.io"
    PLURAL = "identities"
    KIND = "Identity"
    NAMESPACED = False

    provider_name: str = ""
    user: UserRef = UserRef()


class Group(Kind, frozen=True):
    """A group of users kept in the cluster."""

    GROUP = "user.openshift.io"
    PLURAL = "groups"
    KIND = "Group"
    NAMESPACED = False

    users: tuple[str, ...] | None = None
