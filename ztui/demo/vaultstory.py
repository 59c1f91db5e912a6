"""What the demo's Vault tells, by path: three healthy nodes and one audit device; roles too wide, an old secret, a dying CA."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ztui.demo import vaultgiven

Answer = tuple[int, Any]
"""The status code, and the body."""
Story = dict[str, Any]
Body = Mapping[str, Any]

VERSION = "1.21.0"
DAY = 86_400

_POLICIES = {
    "shop-api": 'path "secret/data/shop/*" { capabilities = ["read"] }\npath "database/creds/shop" { capabilities = ["read"] }',
    "ci-deploy": 'path "*" { capabilities = ["create", "read", "update", "delete", "list"] }',
    "payments": 'path "secret/data/payments/*" { capabilities = ["read"] }\npath "secret/data/+/hsm" { capabilities = ["deny"] }',
    "reporting": 'path "secret/data/*" { capabilities = ["read", "list"] }',
    "break-glass": 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    "ztui-assess": 'path "sys/health" { capabilities = ["read"] }',
}


def story(now: Callable[[], float] | None = None) -> dict[str, Any]:
    """Everything, at this moment."""
    at = (now or time.time)()
    found: dict[str, Any] = {}
    _add_system(found)
    _add_mounts(found)
    _add_roles(found)
    vaultgiven.add_tokens(found, at)
    vaultgiven.add_identities(found, at)
    _add_secrets(found, at)
    _add_pki(found, at)
    return found


def _add_system(found: dict[str, Any]) -> None:
    found["sys/seal-status"] = {
        "type": "awskms",
        "initialized": True,
        "sealed": False,
        "t": 3,
        "n": 5,
        "progress": 0,
        "nonce": "",
        "version": VERSION,
        "build_date": "2025-10-21T20:06:18Z",
        "migration": False,
        "cluster_name": "vault-demo",
        "cluster_id": "7c1c0d5e",
        "recovery_seal": True,
        "storage_type": "raft",
    }
    found["sys/health"] = {
        "initialized": True,
        "sealed": False,
        "standby": False,
        "performance_standby": False,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": int(time.time()),
        "version": VERSION,
        "enterprise": False,
        "cluster_name": "vault-demo",
        "cluster_id": "7c1c0d5e",
        "echo_duration_ms": 0,
        "clock_skew_ms": 0,
        "replication_primary_canary_age_ms": 0,
    }
    found["sys/leader"] = {
        "ha_enabled": True,
        "is_self": True,
        "active_time": "2026-01-01T08:00:00Z",
        "leader_address": "https://vault-0.vault:8200",
        "leader_cluster_address": "https://vault-0.vault:8201",
        "performance_standby": False,
        "performance_standby_last_remote_wal": 0,
    }
    found["sys/generate-root/attempt"] = {
        "nonce": "",
        "started": False,
        "progress": 0,
        "required": 3,
        "complete": False,
        "encoded_token": "",
        "encoded_root_token": "",
        "pgp_fingerprint": "",
        "otp": "",
        "otp_length": 28,
    }
    nodes = [
        {
            "hostname": f"vault-{number}",
            "api_address": f"https://vault-{number}.vault:8200",
            "cluster_address": f"https://vault-{number}.vault:8201",
            "active_node": number == 0,
            "last_echo": None,
            "version": VERSION,
            "echo_duration_ms": 0,
            "clock_skew_ms": 0,
            "replication_primary_canary_age_ms": 0,
        }
        for number in range(3)
    ]
    found["sys/ha-status"] = {"nodes": nodes}
    found["sys/storage/raft/autopilot/state"] = {"healthy": True, "failure_tolerance": 1, "leader": "vault-0", "servers": {}}
    found["sys/leases/count"] = {"counts": {}, "lease_count": 0}
    gauge = {"Name": "vault.expire.num_leases", "Value": 214, "Labels": {}}
    found["sys/metrics"] = {"Timestamp": "", "Gauges": [gauge], "Points": [], "Counters": [], "Samples": []}
    found["sys/audit"] = {
        "file/": {
            "description": "",
            "local": False,
            "options": {"file_path": "/vault/audit/audit.log"},
            "path": "file/",
            "type": "file",
        }
    }
    for name, text in _POLICIES.items():
        found[f"sys/policies/acl/{name}"] = {"name": name, "policy": text}


def _add_mounts(found: dict[str, Any]) -> None:
    def mount(of: str, options: dict[str, str] | None = None, default: int = 0, limit: int = 0) -> dict[str, Any]:
        config = {"default_lease_ttl": default, "force_no_cache": False, "max_lease_ttl": limit, "token_type": "default-service"}
        return {
            "accessor": f"{of}_7f3a",
            "config": config,
            "deprecation_status": "supported",
            "description": "",
            "external_entropy_access": False,
            "local": False,
            "options": options,
            "plugin_version": "",
            "running_plugin_version": "",
            "running_sha256": "",
            "seal_wrap": False,
            "type": of,
            "uuid": "7f3a",
        }

    found["sys/auth"] = {
        "token/": mount("token"),
        "kubernetes/": mount("kubernetes", limit=DAY),
        "approle/": mount("approle"),
        "oidc/": mount("oidc"),
        "clusters/stage/": mount("kubernetes"),
        "userpass/": mount("userpass"),
    }
    found["sys/mounts"] = {
        "secret/": mount("kv", {"version": "2"}),
        "database/": mount("database"),
        "pki/": mount("pki", limit=30 * DAY),
        "sys/": mount("system"),
        "identity/": mount("identity"),
        "cubbyhole/": mount("cubbyhole"),
    }
    for path, entry in found["sys/auth"].items():
        entry["accessor"] = f"auth_{entry['type']}_{zlib.crc32(path.encode()):08x}"
    for entry in found["sys/mounts"].values():  # only auth mounts have a type of token
        del entry["config"]["token_type"], entry["deprecation_status"]


def _add_roles(found: dict[str, Any]) -> None:
    token = {
        "token_bound_cidrs": [],
        "token_explicit_max_ttl": 0,
        "token_max_ttl": 3600,
        "token_no_default_policy": False,
        "token_num_uses": 0,
        "token_period": 0,
        "token_policies": [],
        "token_ttl": 1200,
        "token_type": "default",
    }

    def bound(names: list[str], spaces: list[str], policy: str, **more: object) -> dict[str, Any]:
        return {
            **token,
            "alias_name_source": "serviceaccount_uid",
            "bound_service_account_names": names,
            "bound_service_account_namespace_selector": "",
            "bound_service_account_namespaces": spaces,
            "audience": "vault",
            "token_policies": [policy],
            **more,
        }

    def config(host: str) -> dict[str, Any]:
        return {
            "disable_iss_validation": True,
            "disable_local_ca_jwt": True,
            "issuer": "",
            "kubernetes_ca_cert": "",
            "kubernetes_host": host,
            "pem_keys": [],
            "token_reviewer_jwt_set": False,
            "use_annotations_as_alias_metadata": False,
        }

    found["auth/kubernetes/config"] = config("https://api.demo.example:6443")
    found["auth/clusters/stage/config"] = config("https://api.stage.example:6443")
    found["auth/kubernetes/role/payments"] = bound(["payments"], ["payments"], "payments")
    found["auth/kubernetes/role/shop"] = bound(["*"], ["shop"], "shop-api")
    found["auth/kubernetes/role/reporting"] = bound(["default"], ["shop"], "reporting", token_max_ttl=0)
    found["auth/kubernetes/role/ci"] = bound(["*"], ["*"], "ci-deploy", token_period=172_800)
    found["auth/clusters/stage/role/stage"] = bound(["api"], ["stage"], "shop-api")
    found["auth/approle/role/jenkins"] = {
        **token,
        "bind_secret_id": True,
        "local_secret_ids": False,
        "secret_id_bound_cidrs": None,
        "secret_id_num_uses": 0,
        "secret_id_ttl": 0,
        "token_policies": ["shop-api"],
    }
    found["auth/oidc/config"] = {
        "bound_issuer": "https://login.demo.example",
        "default_role": "people",
        "jwks_ca_pem": "",
        "jwks_url": "",
        "jwt_supported_algs": [],
        "jwt_validation_pubkeys": [],
        "namespace_in_state": True,
        "oidc_client_id": "vault",
        "oidc_discovery_ca_pem": "",
        "oidc_discovery_url": "https://login.demo.example",
        "oidc_response_mode": "",
        "oidc_response_types": [],
        "provider_config": {},
        "unsupported_critical_cert_extensions": [],
    }
    found["auth/oidc/role/break-glass"] = {
        **token,
        "allowed_redirect_uris": ["https://vault.demo.example/ui/vault/auth/oidc/oidc/callback"],
        "bound_audiences": None,
        "bound_claims": {"groups": ["vault-admins"]},
        "bound_claims_type": "string",
        "bound_subject": "",
        "claim_mappings": None,
        "clock_skew_leeway": 0,
        "expiration_leeway": 0,
        "groups_claim": "groups",
        "max_age": 0,
        "not_before_leeway": 0,
        "oidc_scopes": None,
        "role_type": "oidc",
        "token_policies": ["break-glass"],
        "user_claim": "sub",
        "user_claim_json_pointer": False,
        "verbose_oidc_logging": False,
    }
    found["auth/userpass/users/ops"] = {**token}
    found["database/roles/shop"] = {
        "creation_statements": [],
        "credential_config": {},
        "credential_type": "password",
        "db_name": "shop",
        "default_ttl": 3600,
        "max_ttl": DAY,
        "renew_statements": [],
        "revocation_statements": [],
        "rollback_statements": [],
    }


def _add_secrets(found: dict[str, Any], at: float) -> None:
    ages = {
        "shop/db": 12,
        "shop/session-key": 40,
        "shop/mail": 21,
        "payments/hsm": 8,
        "payments/bank-api": 731,
        "ci/registry": 55,
    }
    for path, days in ages.items():
        created = datetime.fromtimestamp(at - days * DAY, UTC).isoformat().replace("+00:00", "Z")
        version = {"created_by": None, "created_time": created, "deleted_by": None, "deletion_time": "", "destroyed": False}
        found[f"secret/metadata/{path}"] = {
            "cas_required": False,
            "created_time": created,
            "current_version": 3,
            "custom_metadata": None,
            "delete_version_after": "0s",
            "last_updated_by": None,
            "max_versions": 0,
            "oldest_version": 3,
            "updated_time": created,
            "versions": {"3": version},
        }


def _add_pki(found: dict[str, Any], at: float) -> None:
    pem = authority(datetime.fromtimestamp(at, UTC) + timedelta(days=21, hours=1))
    found["pki/issuers/0b5f"] = {}
    found["pki/issuer/0b5f/json"] = {"ca_chain": [pem], "certificate": pem, "issuer_id": "0b5f", "issuer_name": "mesh"}
    found["pki/roles/mesh"] = {
        "allow_any_name": False,
        "allow_bare_domains": False,
        "allow_glob_domains": False,
        "allow_subdomains": True,
        "allowed_domains": ["svc.cluster.local"],
        "client_flag": True,
        "enforce_hostnames": True,
        "issuer_ref": "default",
        "max_ttl": 259_200,
        "no_store": True,
        "server_flag": True,
        "ttl": 0,
    }


def authority(ends: datetime) -> str:
    """An intermediate that ends then; its key is thrown away."""
    key = ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(name("demo mesh intermediate"))
        .issuer_name(name("demo root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
