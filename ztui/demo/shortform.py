"""The short form in which the files in `data/` tell manifests, and what becomes of it.

`name`, `ns`, `labels`, `age` become metadata, `@-3d` becomes a time stamp and `@-3d/date` its day.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import yaml

from ztui.demo.answers import Obj
from ztui.demo.catalogue import DATA
from ztui.demo.store import stamp

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOMENT = re.compile(r"@([+-])(\d+)([smhd])(/date)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read(name: str) -> Any:
    """A file of the story."""
    return yaml.load((DATA / name).read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  # a safe loader


def complete(raw: Obj, namespace: str = "") -> Obj:
    """A manifest from its short form."""
    raw = dict(raw)
    meta: Obj = {"name": raw.pop("name")}
    place = raw.pop("ns", namespace)
    if place:
        meta["namespace"] = place
    age = raw.pop("age", None)
    if age:
        meta["creationTimestamp"] = age
    for key in ("labels", "annotations", "ownerReferences", "finalizers", "generation", "managedFields"):
        if key in raw:
            meta[key] = raw.pop(key)
    return {"apiVersion": raw.pop("api", ""), "kind": raw.pop("kind"), "metadata": meta, **raw}


def offset(text: str) -> timedelta:
    """How far from now `@-3d` is. Raises ValueError for another text."""
    found = _MOMENT.fullmatch(text)
    if not found:
        raise ValueError(text)
    span = timedelta(**{_UNITS[found[3]]: int(found[2])})
    return span if found[1] == "+" else -span


def times(value: Any, start: datetime) -> Any:
    """The value with every `@-3d` replaced by the moment it means."""
    if isinstance(value, dict):
        return {key: times(item, start) for key, item in value.items()}
    if isinstance(value, list):
        return [times(item, start) for item in value]
    if isinstance(value, str) and value[:1] == "@" and _MOMENT.fullmatch(value):
        moment = stamp(start + offset(value))
        return moment[:10] if value.endswith("/date") else moment
    return value
