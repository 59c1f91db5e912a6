"""The demo's Vault in good order: its story once roles, policies, tokens, secrets and its CA are what they should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ztui.demo import vaultstory

_GONE = (
    "auth/kubernetes/role/shop",
    "auth/kubernetes/role/reporting",
    "auth/kubernetes/role/ci",
    "auth/clusters/stage/config",
    "auth/clusters/stage/role/stage",
    "auth/approle/role/jenkins",
    "auth/userpass/users/ops",
    "database/roles/shop",
    "sys/policies/acl/shop-api",
    "sys/policies/acl/ci-deploy",
    "sys/policies/acl/reporting",
    "auth/token/lookup-accessor/x2Vb7backup",
    "auth/token/lookup-accessor/s7Qd2shopweb",
)
_MOUNTS_GONE = ("approle/", "clusters/stage/", "userpass/")
_POLICIES = {
    "payments": 'path "database/creds/payments" { capabilities = ["read"] }',
    "external-secrets": 'path "secret/data/shop/*" { capabilities = ["read"] }',
    "cert-manager": 'path "pki/sign/apps" { capabilities = ["update"] }',
}
_CLIENTS = {
    "payments": (["api", "worker"], "payments"),
    "external-secrets": (["external-secrets"], "external-secrets"),
    "cert-manager": (["cert-manager"], "cert-manager"),
}
"""Roles of workloads, each with the accounts it is for and their namespace."""


def mend(found: dict[str, Any], at: float) -> None:
    """Changes what the Vault tells, in place; `at` is the moment of the story."""
    role = dict(found["auth/kubernetes/role/payments"])
    database = dict(found["database/roles/shop"])
    for path in _GONE:
        del found[path]
    for name in _MOUNTS_GONE:
        del found["sys/auth"][name]
    for name, text in _POLICIES.items():
        found[f"sys/policies/acl/{name}"] = {"name": name, "policy": text}
    for name, (accounts, namespace) in _CLIENTS.items():
        bound = {"bound_service_account_names": accounts, "bound_service_account_namespaces": [namespace]}
        found[f"auth/kubernetes/role/{name}"] = role | bound | {"token_policies": [name]}
    found["database/roles/payments"] = database | {"db_name": "payments"}
    socket = {"path": "socket/", "type": "socket", "options": {"address": "siem.corp.example:9090", "socket_type": "tcp"}}
    found["sys/audit"] = {**found["sys/audit"], "socket/": {"description": "", "local": False, **socket}}
    _rotate(found, at)
    pem = vaultstory.authority(datetime.fromtimestamp(at, UTC) + timedelta(days=300))
    found["pki/issuer/0b5f/json"] = found["pki/issuer/0b5f/json"] | {"ca_chain": [pem], "certificate": pem}
    found["pki/roles/apps"] = found["pki/roles/mesh"] | {"allowed_domains": ["apps.demo.example"]}


def _rotate(found: dict[str, Any], at: float) -> None:
    """Every stored secret was written a while ago at most."""
    written = datetime.fromtimestamp(at - 11 * vaultstory.DAY, UTC).isoformat().replace("+00:00", "Z")
    for path in [path for path in found if path.startswith("secret/metadata/")]:
        version = found[path]["versions"]["3"] | {"created_time": written}
        found[path] = found[path] | {"updated_time": written, "versions": {"3": version}}
