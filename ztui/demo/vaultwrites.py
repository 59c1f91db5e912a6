"""What the demo's Vault does when it is written to: roles, policies, tokens ended, leases taken back, identities switched off.

Each function changes the story in place and gives the answer, a status and a body, as the real server gives it.

Source: Vault 1.21, `logical_system.go`, `token_store.go`, `identity_store_entities.go` and `identity_lookup.go` of `vault`,
`path_role.go` of its method kubernetes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ztui.demo import vaultengines
from ztui.demo.vaultstory import Answer, Body, Story

LEASES = "sys/leases/lookup/"
ACCESSORS = "auth/token/lookup-accessor/"
ENTITIES = "identity/entity/id/"
_EVERYTHING = ["create", "delete", "list", "read", "sudo", "update"]
_LISTS = {
    "allowed_redirect_uris", "bound_audiences", "bound_service_account_names", "bound_service_account_namespaces", "policies",
    "secret_id_bound_cidrs", "token_bound_cidrs", "token_policies",
}  # fmt: skip
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NEW_ROLE = {
    "alias_name_source": "serviceaccount_uid", "bound_service_account_names": [], "bound_service_account_namespaces": [],
    "bound_service_account_namespace_selector": "", "token_bound_cidrs": [], "token_explicit_max_ttl": 0, "token_max_ttl": 0,
    "token_no_default_policy": False, "token_num_uses": 0, "token_period": 0, "token_policies": [], "token_ttl": 0,
    "token_type": "default",
}  # fmt: skip


def envelope(data: object, warnings: list[str] | None = None) -> dict[str, Any]:
    """What Vault puts around an answer."""
    return {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": warnings,
        "auth": None,
    }


def write(story: Story, path: str, body: Body, closed: frozenset[str]) -> Answer | None:
    """The answer to a write; `None` where nothing is written there. `closed` are paths that the token may not write."""
    found: dict[str, Callable[[], Answer]] = {
        "auth/token/lookup-accessor": lambda: _lookup(story, body),
        "auth/token/revoke-accessor": lambda: _revoke(story, body),
        "identity/lookup/entity": lambda: _find_entity(story, body),
        "sys/capabilities-self": lambda: _capabilities(body, closed),
    }
    if path in found:
        return found[path]()
    mount, _, role = path.removeprefix("auth/").rpartition("/role/")
    if path.startswith("auth/") and mount and role:
        return _role(story, path, mount, body)
    if path.startswith("sys/policies/acl/"):
        return _policy(story, path, body)
    if path.startswith("sys/leases/revoke-prefix/"):
        return _take_back(story, path.removeprefix("sys/leases/revoke-prefix/"), body)
    if path.startswith(ENTITIES):
        return _entity(story, path, body)
    done = vaultengines.write(story, path, body)
    return (200, envelope(done[1])) if done is not None and done[0] == 200 else done


def _bad(*words: str) -> Answer:
    return 400, {"errors": list(words)}


def _refused(words: str) -> Answer:
    """As `_bad`, of the parts that answer by an error of their own."""
    return _bad(f"1 error occurred:\n\t* {words}\n\n")


def _lookup(story: Story, body: Body) -> Answer:
    if not body.get("accessor"):
        return _refused("missing accessor")
    found = story.get(f"{ACCESSORS}{body['accessor']}")
    return (200, envelope(found)) if found is not None else _refused("invalid accessor")


def _revoke(story: Story, body: Body) -> Answer:
    if not body.get("accessor"):
        return _refused("missing accessor")
    if story.pop(f"{ACCESSORS}{body['accessor']}", None) is None:
        return 200, envelope(None, ["No token found with this accessor"])
    return 204, None


def _capabilities(body: Body, closed: frozenset[str]) -> Answer:
    paths = body.get("paths") or body.get("path") or []
    if not paths:
        return _bad("paths must be supplied")
    found = {path: ["list", "read"] if path in closed else _EVERYTHING for path in paths}
    return 200, envelope({**found, **({"capabilities": found[paths[0]]} if len(paths) == 1 else {})})


def _role(story: Story, path: str, mount: str, body: Body) -> Answer:
    table = story["sys/auth"].get(f"{mount}/")
    if table is None:
        return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
    role = {**story.get(path, _NEW_ROLE if table["type"] == "kubernetes" else body)}
    for name, value in body.items():
        if name in role or name == "audience":
            role[name] = _typed(name, value)
    if table["type"] == "approle" and path in story and "local_secret_ids" in body:
        return _bad("local_secret_ids can only be modified during role creation")
    if role.get("token_max_ttl") and role.get("token_ttl", 0) > role["token_max_ttl"]:
        return _bad("'token_ttl' cannot be greater than 'token_max_ttl'")
    warnings = []
    if table["type"] == "kubernetes":
        # What is left out keeps its value, but for the selector.
        role["bound_service_account_namespace_selector"] = body.get("bound_service_account_namespace_selector", "")
        wrong = _wrong(role)
        if wrong:
            return _bad(wrong)
        if not role.get("audience"):
            role.pop("audience", None)
            name = path.rpartition("/")[2]
            warnings = [
                f"Role {name} does not have an audience configured. While audiences are not required, consider specifying one if"
                " your use case would benefit from additional JWT claim verification."
            ]
    story[path] = role
    return (200, envelope(None, warnings)) if warnings else (204, None)


def _typed(name: str, value: Any) -> Any:
    """A field of a role as the server keeps it: the program of Vault sends all of them as text."""
    if not isinstance(value, str):
        return value
    if name in _LISTS:
        return value.split(",")
    if name.endswith("_num_uses"):
        return int(value or 0)
    if name.endswith(("_ttl", "_period")):
        number, unit = (value[:-1], value[-1]) if value[-1:] in _UNITS else (value, "s")
        return int(number or 0) * _UNITS[unit]
    return value


def _wrong(role: dict[str, Any]) -> str:
    names, spaces = role["bound_service_account_names"], role["bound_service_account_namespaces"]
    if not names:
        return '"bound_service_account_names" can not be empty'
    if not spaces and not role["bound_service_account_namespace_selector"]:
        return '"bound_service_account_namespaces" can not be empty if "bound_service_account_namespace_selector" is not set'
    if any(len(found) > 1 and "*" in found for found in (names, spaces)):
        return 'can not mix "*" with values'
    return ""


def _policy(story: Story, path: str, body: Body) -> Answer:
    name = path.rpartition("/")[2]
    if not body.get("policy"):
        return _bad("'policy' parameter not supplied or empty")
    if name == "root":
        return _bad('cannot update "root" policy')
    story[path] = {"name": name, "policy": body["policy"]}
    return 204, None


def _take_back(story: Story, prefix: str, body: Body) -> Answer:
    under = [path for path in story if path.startswith(f"{LEASES}{prefix.rstrip('/')}/")]
    for path in under:
        del story[path]
    return (204, None) if body.get("sync", True) else (202, None)


def _find_entity(story: Story, body: Body) -> Answer:
    asked = [name for name in ("id", "name", "alias_id", "alias_name", "alias_mount_accessor") if body.get(name)]
    if not asked:
        return _bad("query parameter not supplied")
    by_alias = set(asked) & {"alias_name", "alias_mount_accessor"}
    if len(asked) == 1 and by_alias:
        return _bad("both 'alias_name' and 'alias_mount_accessor' needs to be set")
    if len(asked) > 1 and set(asked) != {"alias_name", "alias_mount_accessor"}:
        return _bad("query parameter conflict; please supply distinct set of query parameters")
    for path, entity in story.items():
        if path.startswith(ENTITIES) and _is_meant(entity, body):
            return 200, envelope(entity)
    return 204, None


def _is_meant(entity: dict[str, Any], body: Body) -> bool:
    if body.get("id") or body.get("name"):
        return bool(entity["id"] == body.get("id") or entity["name"] == body.get("name"))
    wanted = (body.get("alias_mount_accessor"), body.get("alias_name"))
    return any(
        alias["id"] == body.get("alias_id") or (alias["mount_accessor"], alias["name"]) == wanted for alias in entity["aliases"]
    )


def _entity(story: Story, path: str, body: Body) -> Answer:
    entity = story.get(path)
    if entity is None:
        return _bad("entity not found from id")
    told = {name: body[name] for name in ("name", "policies", "metadata", "disabled") if name in body}
    story[path] = {**entity, **told}
    return 204, None
