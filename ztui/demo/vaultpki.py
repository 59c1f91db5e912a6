"""The certificate authorities of the demo's Vault: a request for an intermediate, and what comes back signed. No key is kept.

Source: Vault 1.21, `path_intermediate.go`, `path_manage_issuers.go` and `path_config_ca.go` of the pki engine.
"""

from __future__ import annotations

import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ztui.demo.vaultstory import Answer, Body, Story


def write(story: Story, mount: str, rest: str, body: Body) -> Answer | None:
    """The answer to a write under a mount of the engine; `None` where these parts have nothing to do with it."""
    match rest:
        case "intermediate/generate/internal":
            return 200, {"csr": _request(str(body.get("common_name", ""))), "key_id": str(uuid.uuid4())}
        case "intermediate/set-signed":
            return _signed(story, mount, str(body.get("certificate", "")))
        case "config/issuers":
            story[f"{mount}/config/issuers"] = {"default": str(body.get("default", "")), "default_follows_latest_issuer": False}
            return 200, story[f"{mount}/config/issuers"]
    return None


def delete(story: Story, path: str) -> bool:
    """Takes an issuer away with all that is told of it; whether the path is one."""
    mount, found, name = path.rpartition("/issuer/")
    if not found:
        return False
    for known in (f"{mount}/issuers/{name}", f"{mount}/issuer/{name}/json"):
        story.pop(known, None)
    return True


def _request(name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _signed(story: Story, mount: str, pem: str) -> Answer:
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return 400, {"errors": ["the given certificate could not be parsed"]}
    names = []
    for certificate in certificates:
        text = certificate.public_bytes(serialization.Encoding.PEM).decode()
        name = str(uuid.uuid4())
        story[f"{mount}/issuers/{name}"] = {}
        story[f"{mount}/issuer/{name}/json"] = {"ca_chain": [text], "certificate": text, "issuer_id": name, "issuer_name": ""}
        names.append(name)
    return 200, {"imported_issuers": names, "imported_keys": None, "existing_issuers": None, "mapping": dict.fromkeys(names, "")}
