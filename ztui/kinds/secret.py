"""Secrets, of which only metadata is ever asked for, one list for each type: the type itself is not metadata."""

from __future__ import annotations

from ztui.kinds.base import Kind


class BootstrapSecret(Kind, frozen=True):
    """The one Secret that holds the bootstrap administrator's password: whether it is there is all that is asked."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    SINGLE = ("kube-system", "kubeadmin")
    PROFILE = "S"


class OpaqueSecret(Kind, frozen=True):
    """A Secret of no special type."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=Opaque"
    PROFILE = "S"


class BasicAuthSecret(Kind, frozen=True):
    """A Secret with a name and a password."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=kubernetes.io/basic-auth"
    PROFILE = "S"


class SSHAuthSecret(Kind, frozen=True):
    """A Secret with an SSH key."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=kubernetes.io/ssh-auth"
    PROFILE = "S"


class TLSSecret(Kind, frozen=True):
    """A Secret with a certificate and its key."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=kubernetes.io/tls"
    PROFILE = "S"


class PullSecret(Kind, frozen=True):
    """A Secret with logins of registries."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=kubernetes.io/dockerconfigjson"
    PROFILE = "S"


class AccountTokenSecret(Kind, frozen=True):
    """A Secret with a token of a ServiceAccount that never expires."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    FIELDS = "type=kubernetes.io/service-account-token"
    PROFILE = "S"
