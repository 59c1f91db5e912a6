"""What the demo's Vault has given out: tokens, the identities behind them, and credentials of a database. Names, never values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DAY = 86_400


def add_tokens(found: dict[str, Any], at: float) -> None:
    """Our own token, two of workloads, and one that somebody left behind."""

    def token(name: str, policies: list[str], age_s: float, ttl: int, **more: object) -> dict[str, Any]:
        ends = datetime.fromtimestamp(at + ttl, UTC).isoformat() if ttl else None
        return {
            "accessor": name,
            "creation_time": int(at - age_s),
            "creation_ttl": ttl,
            "display_name": name,
            "entity_id": "",
            "expire_time": ends,
            "explicit_max_ttl": 0,
            "id": "",
            "issue_time": datetime.fromtimestamp(at - age_s, UTC).isoformat(),
            "meta": None,
            "num_uses": 0,
            "orphan": True,
            "path": "auth/token/create",
            "policies": policies,
            "renewable": bool(ttl),
            "ttl": ttl,
            "type": "service",
            **more,
        }

    def login(role: str, account: str, space: str) -> dict[str, Any]:
        return {"path": "auth/kubernetes/login", "meta": {"role": role, **_account(space, account)}}

    found["auth/token/lookup-self"] = token("assessor", ["default", "ztui-assess"], 60, 28_800, accessor="k3Wq0assessor")
    for accessor, entry in (
        ("k3Wq0assessor", token("assessor", ["default", "ztui-assess"], 60, 28_800)),
        (
            "p9Zt1payments",
            token("kubernetes-payments", ["default", "payments"], 600, 3000, **login("payments", "payments", "payments")),
        ),
        ("s7Qd2shopweb", token("kubernetes-shop-web", ["default", "shop-api"], 300, 900, **login("shop", "web", "shop"))),
        ("x2Vb7backup", token("token-backup", ["default", "shop-api"], 400 * DAY, 0)),
    ):
        found[f"auth/token/lookup-accessor/{accessor}"] = entry | {"accessor": accessor}


def add_identities(found: dict[str, Any], at: float) -> None:
    """Who logged in by the cluster's accounts, and the credentials that a database gave out to one of them."""
    born = datetime.fromtimestamp(at - 200 * DAY, UTC).isoformat().replace("+00:00", "Z")
    for number, (space, account) in enumerate((("payments", "payments"), ("shop", "web"))):
        name = f"{number}c1d7e2a-77b0-4f35-9a53-1f0a6c2b5d7e"
        alias = {
            "canonical_id": name,
            "creation_time": born,
            "custom_metadata": None,
            "id": f"a{name[1:]}",
            "last_update_time": born,
            "local": False,
            "merged_from_canonical_ids": None,
            "metadata": _account(space, account),
            "mount_accessor": found["sys/auth"]["kubernetes/"]["accessor"],
            "mount_path": "auth/kubernetes/",
            "mount_type": "kubernetes",
            "name": f"{space}/{account}",
        }
        found[f"identity/entity/id/{name}"] = {
            "aliases": [alias],
            "creation_time": born,
            "direct_group_ids": [],
            "disabled": False,
            "group_ids": [],
            "id": name,
            "inherited_group_ids": [],
            "last_update_time": born,
            "merged_entity_ids": None,
            "metadata": None,
            "name": f"entity_{number}c1d7e2a",
            "namespace_id": "root",
            "policies": [],
        }
    for lease in ("Zp3vQk8m", "b7RtW1xe", "mN5uD9ca"):
        found[f"sys/leases/lookup/database/creds/shop/{lease}"] = {}


def know(found: dict[str, Any], uids: Mapping[tuple[str, str], str]) -> None:
    """Tell the accounts' uids, by namespace and name, and call each identity by that of its account, as logins do."""
    aliases = [alias for path, entity in found.items() if path.startswith("identity/entity/id/") for alias in entity["aliases"]]
    tokens = [token for path, token in found.items() if path.startswith("auth/token/lookup-accessor/") and token["meta"]]
    for item in (*aliases, *tokens):
        meta = item["metadata"] if "metadata" in item else item["meta"]
        meta["service_account_uid"] = uids.get((meta["service_account_namespace"], meta["service_account_name"]), "")
    for alias in aliases:
        alias["name"] = alias["metadata"]["service_account_uid"] or alias["name"]


def _account(space: str, account: str) -> dict[str, str]:
    """What a login by the method kubernetes notes of an account."""
    names = {"service_account_name": account, "service_account_namespace": space}
    return {**names, "service_account_secret_name": "", "service_account_uid": ""}
