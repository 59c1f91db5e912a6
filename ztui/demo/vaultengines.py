"""What the demo's Vault does when engines, login methods and audit devices are enabled, and when an engine is written to.

Of a stored secret only the metadata is kept. Source: Vault 1.21, `logical_system.go`, `path_data.go` of the key-value engine, the
paths of roles and of connections of the database engine.
"""

from __future__ import annotations

import time
import uuid
import zlib
from datetime import UTC, datetime
from typing import Any

from ztui.demo import vaultpki
from ztui.demo.vaultstory import Answer, Body, Story

_PREFLIGHT = "sys/internal/ui/mounts/"
_TABLES = {"sys/mounts/": "sys/mounts", "sys/auth/": "sys/auth"}


def seen(story: Story, path: str) -> dict[str, Any] | None:
    """What a client asks of a mount before it writes there; `None` for other paths, and where nothing is mounted."""
    if not path.startswith(_PREFLIGHT):
        return None
    wanted = path.removeprefix(_PREFLIGHT).strip("/") + "/"
    for table, prefix in (("sys/auth", "auth/"), ("sys/mounts", "")):
        for name, mount in story[table].items():
            if wanted.startswith(prefix + name):
                return {**mount, "path": prefix + name}
    return None


def write(story: Story, path: str, body: Body) -> Answer | None:
    """The answer to a write; `None` where these parts have nothing to do with it."""
    for prefix, table in _TABLES.items():
        if path.startswith(prefix):
            return _mount(story, table, path.removeprefix(prefix), body)
    if path.startswith("sys/audit/"):
        return _audit(story, path.removeprefix("sys/audit/"), body)
    mount, _, rest = path.partition("/")
    entry = story["sys/mounts"].get(f"{mount}/")
    if path.startswith("auth/") and path.endswith("/config"):
        return _configure(story, path, body)
    if entry is None:
        return None
    if entry["type"] == "kv" and rest.startswith("data/"):
        return _put(story, f"{mount}/metadata/{rest.removeprefix('data/')}")
    if entry["type"] == "pki" and (done := vaultpki.write(story, mount, rest, body)) is not None:
        return done
    if entry["type"] in {"database", "pki"} and rest.startswith(("roles/", "config/")):
        story[path] = {**story.get(path, {}), **body}
        return 204, None
    return None


def delete(story: Story, path: str) -> Answer:
    """Takes away what is there: a role, a policy, a mount with all that is under it, a device."""
    for table, root in (("sys/auth", "auth/"), ("sys/mounts", ""), ("sys/audit", "")):
        if path.startswith(prefix := f"{table}/"):
            name = f"{path.removeprefix(prefix).strip('/')}/"
            story[table] = {key: value for key, value in story[table].items() if key != name}
            for known in [item for item in story if item.startswith(root + name)] if table != "sys/audit" else ():
                del story[known]
            return 204, None
    if not vaultpki.delete(story, path):
        story.pop(path, None)
    return 204, None


def _mount(story: Story, table: str, name: str, body: Body) -> Answer:
    key = f"{name.strip('/')}/"
    if key in story[table]:
        return 400, {"errors": [f"path is already in use at {key}"]}
    kind = str(body.get("type", ""))
    like = next((item for item in story[table].values() if item["type"] == kind), next(iter(story[table].values())))
    made = {**like, "type": kind, "description": body.get("description", ""), "uuid": str(uuid.uuid4())}
    made["options"] = body.get("options")
    made["accessor"] = f"{'auth_' if table == 'sys/auth' else ''}{kind}_{zlib.crc32(key.encode()):08x}"
    story[table] = {**story[table], key: made}
    return 204, None


def _audit(story: Story, name: str, body: Body) -> Answer:
    key, kind = f"{name.strip('/')}/", str(body.get("type", ""))
    options = dict(body.get("options") or {})
    if key in story["sys/audit"]:
        return 400, {"errors": ["path already in use"]}
    lacks = "file_path" if kind == "file" else "address" if kind == "socket" else ""
    if lacks and not options.get(lacks):
        return 400, {"errors": [f"{lacks} is required"]}
    made = {"description": body.get("description", ""), "local": bool(body.get("local")), "options": options}
    story["sys/audit"] = {**story["sys/audit"], key: {**made, "path": key, "type": kind}}
    return 204, None


def _configure(story: Story, path: str, body: Body) -> Answer | None:
    mount = path.removeprefix("auth/").removesuffix("/config")
    if f"{mount}/" not in story["sys/auth"]:
        return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
    told = {name: value for name, value in body.items() if not name.endswith(("_jwt", "_secret"))}
    story[path] = {**story.get(path, {}), **told}
    return 204, None


def _put(story: Story, path: str) -> Answer:
    """A new version of a secret: when it came and which one it is."""
    now = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
    held = story.get(path)
    number = (held["current_version"] if held else 0) + 1
    version = {"created_by": None, "created_time": now, "deleted_by": None, "deletion_time": "", "destroyed": False}
    new = {"cas_required": False, "created_time": now, "custom_metadata": None, "delete_version_after": "0s", "max_versions": 0}
    made = {**new, "last_updated_by": None, **(held or {}), "current_version": number, "updated_time": now}
    made["oldest_version"] = held["oldest_version"] if held else number
    story[path] = {**made, "versions": {**(held["versions"] if held else {}), str(number): version}}
    about = {"created_time": now, "custom_metadata": None, "deletion_time": "", "destroyed": False, "version": number}
    return 200, about
