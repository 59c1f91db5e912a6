"""Trust: which check fails, in whose certificate, and that nothing is ever let through instead."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import socket
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sources.small_api import CANARY, SmallApi, small_api
from tests.sources.test_http import http_to
from ztui.errors import LoginError, SettingsError, TrustError

Pair = tuple[str, str]


def server_context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def own_ca(folder: Path, *, key_identifiers: bool) -> tuple[str, ssl.SSLContext]:
    """An authority as old clusters have it, and a server of it: without key identifiers on request."""
    now = datetime.now(UTC)

    def make(
        subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, ca: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        if key_identifiers:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        return builder.sign(signer, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_certificate = make("old root", "old root", root, root, ca=True)
    leaf_certificate = make("old server", "old root", leaf, root, ca=False)
    path = folder / "leaf.pem"
    path.write_bytes(
        leaf_certificate.public_bytes(serialization.Encoding.PEM)
        + leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return root_certificate.public_bytes(serialization.Encoding.PEM).decode(), context


async def trust_failure(folder: Path, context: ssl.SSLContext, ca: trustme.CA, ca_pem: str | None = None) -> TrustError:
    async with small_api(ca=ca, context=context) as api, http_to(api, folder, ca_pem=ca_pem or api.ca_pem) as http:
        with pytest.raises(TrustError) as caught:
            await http.request("GET", "/api")
        assert not api.seen
        assert CANARY not in str(caught.value)
        return caught.value


async def test_F31_an_expired_certificate_shows_subject_and_dates(tmp_path: Path) -> None:
    ca = trustme.CA()
    leaf = ca.issue_cert("localhost", not_after=datetime(2020, 1, 2, tzinfo=UTC), common_name="api server")
    error = await trust_failure(tmp_path, server_context(leaf), ca)
    assert error.what == "the server's certificate has expired"
    assert "CN=api server" in error.why
    assert "to 2020-01-02 00:00Z" in error.why


async def test_F31_another_name_shows_the_names_that_are_there(tmp_path: Path) -> None:
    ca = trustme.CA()
    error = await trust_failure(tmp_path, server_context(ca.issue_cert("other.example")), ca)
    assert error.what == "the server's certificate is for another name"
    assert "names other.example" in error.why
    assert "tls-server-name" in error.next


async def test_F31_tls_server_name_is_what_is_checked(tmp_path: Path) -> None:
    ca = trustme.CA()
    async with (
        small_api(ca=ca, context=server_context(ca.issue_cert("other.example"))) as api,
        http_to(api, tmp_path, cluster={"tls-server-name": "other.example"}) as http,
    ):
        assert (await http.request("GET", "/api")).status == 200


async def test_F31_an_unknown_or_rotated_authority_is_refused_and_named(tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA(organization_name="new authority")
    error = await trust_failure(tmp_path, server_context(new.issue_cert("localhost")), new, old.cert_pem.bytes().decode())
    assert error.what == "the server's certificate is from an unknown authority"
    assert "new authority" in error.why


async def test_F31_an_authority_without_key_identifiers_works_and_is_noted(tmp_path: Path) -> None:
    ca_pem, context = own_ca(tmp_path, key_identifiers=False)
    async with small_api(context=context) as api, http_to(api, tmp_path, ca_pem=ca_pem) as http:
        assert (await http.request("GET", "/api")).status == 200
        assert (await http.ping()) == 0.0
        assert [note for note in http.warnings if "lack key identifiers" in note] == http.warnings[-1:]


async def test_F31_the_relaxed_profile_still_checks_the_name(tmp_path: Path) -> None:
    ca_pem, context = own_ca(tmp_path, key_identifiers=False)
    async with (
        small_api(context=context) as api,
        http_to(api, tmp_path, ca_pem=ca_pem, cluster={"tls-server-name": "elsewhere.example"}) as http,
    ):
        with pytest.raises(TrustError, match="another name"):
            await http.request("GET", "/api")
        assert not api.seen


async def test_F31_the_relaxed_profile_still_checks_the_authority(tmp_path: Path) -> None:
    _, context = own_ca(tmp_path, key_identifiers=False)
    error = await trust_failure(tmp_path, context, trustme.CA())
    assert error.what == "the server's certificate is from an unknown authority"


async def test_F31_a_port_that_speaks_no_tls_is_said_to(tmp_path: Path) -> None:
    async with small_api(tls=False) as api, http_to(api, tmp_path) as http:
        with pytest.raises(TrustError, match="no TLS with the server"):
            await http.request("GET", "/api")


async def test_D08_a_client_certificate_logs_in_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    ca, client = trustme.CA(), trustme.CA()
    context = server_context(ca.issue_cert("localhost"))
    context.verify_mode = ssl.CERT_REQUIRED
    client.configure_trust(context)
    async with small_api(ca=ca, context=context) as api:
        async with http_to(api, tmp_path, user=user_of(client.issue_cert("ana"))) as http:
            assert (await http.request("GET", "/api")).status == 200
            assert "PRIVATE KEY" not in repr(http.target)
            assert list((tmp_path / "tmp").iterdir()) == []
        gc.collect()


async def test_F31_a_refused_client_certificate_is_a_matter_of_login(tmp_path: Path) -> None:
    ca = trustme.CA()
    context = server_context(ca.issue_cert("localhost"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 the alert comes after the handshake and may be lost to a reset
    trustme.CA().configure_trust(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = asyncio.create_task(asyncio.to_thread(refuse_handshakes, listener, context))
        api = SmallApi(listener.getsockname()[1], ca)
        try:
            async with http_to(api, tmp_path, user=user_of(ca.issue_cert("eve"))) as http:
                with pytest.raises(LoginError, match="refused our client certificate"):
                    await http.request("GET", "/api")
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            await refusing


def refuse_handshakes(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Accept until the listener is shut; a blocking socket sends the alert that asyncio's servers swallow."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()


async def test_B07_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    ca = trustme.CA()
    one, other = user_of(ca.issue_cert("ana")), user_of(ca.issue_cert("ben"))
    async with small_api(ca=ca) as api:
        with pytest.raises(SettingsError, match="do not belong together"):
            async with http_to(api, tmp_path, user=one | {"client-key-data": other["client-key-data"]}):
                pass


def user_of(leaf: trustme.LeafCert) -> dict[str, object]:
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return {
        "client-certificate-data": base64.b64encode(chain).decode(),
        "client-key-data": base64.b64encode(leaf.private_key_pem.bytes()).decode(),
    }
