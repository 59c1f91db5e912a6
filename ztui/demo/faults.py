"""Fault switches of the demo server: each makes it misbehave in one way that real clusters have shown.

`on` throws a switch, for one resource or for all, for a number of requests or until `off`. The server asks `hit` at the
places where that misbehaviour belongs; nothing else in this package knows about faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.store import Store

SWITCHES = {
    "watch-empty": "a watch answers 200 and ends at once, without an event",
    "watch-410": "a watch answers with an ERROR event 410, after=N real events (default 0)",
    "watch-410-status": "a watch is refused with HTTP 410",
    "watch-line": "lines=[bytes, …] come after=N real events (default 0); see `garbage`",
    "watch-silent": "a watch sends its headers and then nothing, not even its planned end",
    "no-bookmarks": "no bookmark is ever sent",
    "stream-list": "sendInitialEvents is mode=refuse (422), ignore (a plain watch) or endless (no end mark)",
    "page-410": "a list page with a continue token answers 410",
    "page-slow": "a list page takes seconds=N",
    "page-same": "every page carries the same continue token",
    "page-items": "a list has items=value (None for null, ... for no such key)",
    "lag": "lists and gets answer as of behind=N versions ago",
    "status": "answers code=N with text=…, kind=status|html|plain, retry_after=seconds or None, location=url",
    "group-down": "every request of group=… answers 503, and discovery marks it stale",
    "forbid": "answers 403, for user=… where given, for verb=… where given",
    "unauthorized": "answers 401 to every token, or to user=… only",
    "cut": "the connection is closed after=N bytes of the body",
    "lose-answer": "the change is made, then the connection is closed before the answer",
    "lose-request": "the change is not made: the connection is closed before anything comes of it",
    "revert": "another controller undoes each update after seconds=N",
    "slow": "the answer waits for seconds=N",
    "webhook": "admission: deny=text, seconds=N, no_dry_run=True, or set=merge patch of the object",
}


@dataclass
class Switch:
    """A thrown switch. `left` counts down to 0 where it was thrown for a number of requests."""

    name: str
    resource: str = ""
    left: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    hits: int = 0

    def get(self, option: str, default: Any = None) -> Any:
        """An option of the switch."""
        return self.options.get(option, default)


class Faults:
    """The switches that are on."""

    def __init__(self) -> None:
        self._on: list[Switch] = []

    def on(self, name: str, resource: str = "", *, times: int | None = None, **options: Any) -> Switch:
        """Throws a switch of `SWITCHES`; `resource` is a plural, empty for all. Raises KeyError for an unknown name."""
        if name not in SWITCHES:
            raise KeyError(name)
        switch = Switch(name, resource, times, options)
        self._on.append(switch)
        return switch

    def off(self, name: str = "") -> None:
        """Switches one name off, or everything."""
        self._on = [switch for switch in self._on if name and switch.name != name]

    def hit(self, name: str, resource: str = "", **options: Any) -> Switch | None:
        """The switch that applies now, counted as used; options given here must equal those it was thrown with."""
        for switch in self._on:
            if switch.name != name or switch.left == 0 or switch.resource not in ("", resource):
                continue
            if any(switch.options.get(key) not in (None, value) for key, value in options.items()):
                continue
            switch.hits += 1
            if switch.left is not None:
                switch.left -= 1
            return switch
        return None

    def __bool__(self) -> bool:
        return bool(self._on)

    def down_groups(self) -> set[str]:
        """Groups that answer 503."""
        return {str(switch.get("group")) for switch in self._on if switch.name == "group-down"}


def garbage(version: str) -> dict[str, bytes]:
    """Watch lines that no real server should send, by name; `version` goes where a version is needed."""
    pod = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"odd","namespace":"web","resourceVersion":"%s"}}'
    whole = pod % version.encode()
    return {
        "unknown-type": b'{"type":"SYNC","object":' + whole + b"}",
        "no-object": b'{"type":"MODIFIED"}',
        "null-object": b'{"type":"ADDED","object":null}',
        "error-without-code": b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{}}}',
        "bookmark-without-metadata": b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1"}}',
        "plain-text": b"upstream connect error or disconnect/reset before headers",
        "empty": b"",
        "nan": b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","spec":{"x":NaN},"metadata":{"name":"odd"}}}',
        "half": whole[:40],
        "not-utf8": b'{"type":"ADDED","object":{"metadata":{"name":"\xff\xfe"}}}',
        "deep": b'{"type":"ADDED","object":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    }


def put_big(store: Store, megabytes: int, *, namespace: str = "data", name: str = "big") -> Obj:
    """Stores a ConfigMap of that many megabytes."""
    text = "x" * 1_000_000
    data = {f"part-{number}": text for number in range(megabytes)}
    meta = {"name": name, "namespace": namespace}
    return store.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})


def put_crd(
    store: Store, group: str, plural: str, kind: str, versions: tuple[str, ...] = ("v1",), *, scope: str = "Namespaced"
) -> Obj:
    """Stores a CustomResourceDefinition, so that the resource is served from now on; the first version is stored."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    listed = [{"name": version, "served": True, "storage": version == versions[0], "schema": schema} for version in versions]
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    return store.put(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "names": names, "scope": scope, "versions": listed},
        }
    )
