"""What our TLS contexts add to the client's own: keys that never stay on disk, strict flags, and words for a failed check.

Nothing here weakens verification: the one relaxation (``relax``) keeps chain, dates and name, and drops only RFC 5280 profile
checks that old cluster authorities fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ztui.errors import TrustError
from ztui.sources.login import KeyPair

_PEM_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_STRICT_ONLY: Final = (
    "Missing Authority Key Identifier",
    "Missing Subject Key Identifier",
    "Basic Constraints of CA cert not marked critical",
    "CA cert does not include key usage extension",
)
"""Messages of OpenSSL's X509_V_FLAG_X509_STRICT alone (crypto/x509/x509_txt.c); without that flag these are not errors."""
_PROBE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a server showed: only for words in a message, never for a decision."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: str
    ends: str


def fingerprint(ca_pem: str) -> str:
    """The SHA-256 of all certificates in ``ca_pem``, 64 hex digits. Raises ValueError where none can be used."""
    blocks = _PEM_CERTIFICATE.findall(ca_pem)
    try:
        ders = [ssl.PEM_cert_to_DER_cert(block) for block in blocks]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata="\n".join(blocks))
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("holds no usable certificate") from error
    return hashlib.sha256(b"".join(ders)).hexdigest()


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Give ``context`` a client certificate; the key is in memory only (D8). Raises ValueError with the reason."""
    if "ENCRYPTED" in pair.key_pem.reveal():
        raise ValueError("the client key is encrypted")  # OpenSSL would ask for the password on the terminal
    with _in_memory(f"{pair.certificate_pem}\n{pair.key_pem.reveal()}\n") as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            mismatch = "KEY_VALUES_MISMATCH" in str(error)
            raise ValueError(
                "key and certificate do not belong together" if mismatch else "key or certificate cannot be used"
            ) from None


def check_pair(pair: KeyPair) -> None:
    """Prove that certificate and key belong together. Raises ValueError with the reason."""
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pair)


def strict(context: ssl.SSLContext) -> None:
    """Ask for the RFC 5280 profile on every Python (3.13 made it a default)."""
    if context.verify_mode is ssl.CERT_REQUIRED:
        context.verify_flags |= ssl.VERIFY_X509_STRICT


def relax(context: ssl.SSLContext, error: ssl.SSLCertVerificationError) -> bool:
    """Drop the strict profile if ``error`` is one that only it knows; says whether another try makes sense."""
    if error.verify_message not in _STRICT_ONLY or not context.verify_flags & ssl.VERIFY_X509_STRICT:
        return False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return True


def explain(error: ssl.SSLCertVerificationError, host: str, peer: PeerCertificate | None) -> TrustError:
    """Say which check failed, on whose certificate, with its dates, and what to do."""
    message = error.verify_message or str(error)
    if error.verify_code in {9, 10}:  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
        what = "the server's certificate has expired" if error.verify_code == 10 else "the server's certificate is not valid yet"
        step = "have the cluster's certificate renewed, and compare this machine's clock"
    elif error.verify_code in {62, 64}:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        what = "the server's certificate is for another name"
        step = "correct server or tls-server-name in the kubeconfig"
    else:
        what = "the server's certificate is from an unknown authority"
        step = "get a new kubeconfig if the cluster's authority was changed; do not go on if it was not"
    return TrustError(what, where=host, why=f"{message}{_about(peer)}", next=step)


async def look_at(host: str, port: int, server_name: str) -> PeerCertificate | None:
    """Fetch the certificate that failed its check, for the message alone: one handshake, not a byte of ours is sent after it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # this connection carries no request and no credential
    try:
        async with asyncio.timeout(_PROBE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=server_name)
            try:
                der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            finally:
                writer.transport.abort()
        return None if der is None else _read(der)
    except (OSError, TimeoutError, ssl.SSLError, ValueError):
        return None


def _about(peer: PeerCertificate | None) -> str:
    if peer is None:
        return ""
    names = ", ".join(peer.names[:6]) or "no names"
    return f"; subject {peer.subject}, names {names}, issuer {peer.issuer}, valid {peer.begins} to {peer.ends}"


def _read(der: bytes) -> PeerCertificate:
    from cryptography import x509  # noqa: PLC0415  only on the way to an error message

    certificate = x509.load_der_x509_certificate(der)
    names: list[str] = []
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        names = [str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]
    return PeerCertificate(
        subject=certificate.subject.rfc4514_string() or "(empty)",
        issuer=certificate.issuer.rfc4514_string() or "(empty)",
        names=tuple(names),
        begins=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%MZ}",
        ends=f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%MZ}",
    )


def _no_password() -> str:
    raise ValueError("the client key is encrypted")


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """Name a file that holds ``text`` and has no place on any disk; elsewhere than on Linux a private file, removed at once."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        handle = os.memfd_create("ztui", os.MFD_CLOEXEC)
        try:
            os.write(handle, text.encode())
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.TemporaryDirectory(prefix="ztui-", dir=os.environ.get("XDG_RUNTIME_DIR")) as folder:
        path = Path(folder, "pair.pem")
        path.touch(mode=0o600)
        path.write_text(text)
        yield str(path)
