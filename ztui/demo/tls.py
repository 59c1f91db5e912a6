"""A certificate authority and a server certificate, made in memory at start; nothing touches the disk."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import trustme


class Tls(NamedTuple):
    """What the server listens with, and what its clients must trust."""

    context: ssl.SSLContext
    ca_pem: str


def make() -> Tls:
    """A fresh authority whose one certificate is good for 127.0.0.1, ::1 and localhost."""
    authority = trustme.CA(organization_name="demo", organization_unit_name="kube-apiserver-localhost-signer")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert("127.0.0.1", "::1", "localhost").configure_cert(context)
    return Tls(context, authority.cert_pem.bytes().decode())
