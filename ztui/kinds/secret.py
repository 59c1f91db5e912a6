"""Secrets, of which only metadata is ever asked for."""

from __future__ import annotations

from ztui.kinds.base import Kind


class BootstrapSecret(Kind, frozen=True):
    """The one Secret that holds the bootstrap administrator's password: whether it is there is all that is asked."""

    PLURAL = "secrets"
    KIND = "Secret"
    METADATA_ONLY = True
    SINGLE = ("kube-system", "kubeadmin")
    PROFILE = "S"
