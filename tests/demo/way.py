"""The way from a young cluster to a grown one, as data: what carries each verdict, and how to break what was never broken.

`carriers.yaml` names objects by selectors: `resource place/name`, or `vault path`, with stars in place and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.demo.assessed import Assessed, Obj, filled, is_made, vault_story
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster
from ztui.demo.store import clone, merge

SERVERS_OWN: Final = ("uid", "resourceVersion", "generation")


class Carrier(NamedTuple):
    """What carries one verdict: objects to turn back, else what to break."""

    objects: tuple[str, ...]
    spoil: tuple[Obj, ...]


def carriers() -> dict[str, Carrier]:
    """The table, by check."""
    told = yaml.safe_load(Path(__file__).with_name("carriers.yaml").read_text())
    return {
        check: Carrier(tuple(_flat(entry.get("objects") or [])), tuple(entry.get("spoil") or ()))
        for check, entry in told.items()
        if not check.startswith("_")
    }


def _flat(found: list[Any]) -> list[str]:
    return [text for item in found for text in (item if isinstance(item, list) else [item])]


class Way:
    """The two ends of the way, and what of the one becomes what of the other."""

    def __init__(self, start: str, end: str) -> None:
        self.ends = (_told(filled(start)[0]), _told(filled(end)[0]))
        self.vault = (vault_story(start), vault_story(end))

    def named(self, selector: str) -> list[str]:
        """The objects that a selector means, at either end, namespaces first; never none."""
        resource, _, place = selector.partition(" ")
        wanted = place if "/" in place else f"/{place}"
        found = [
            key
            for key in {*self.ends[0], *self.ends[1]}
            for plural, _, at in [key.partition(" ")]
            if fnmatchcase(at, wanted) and (fnmatchcase(plural, resource) or plural.partition(".")[0] == resource)
        ]
        assert found, f"{selector} means nothing"
        return sorted(found)

    def paths(self, pattern: str) -> list[str]:
        """The paths of the Vault that a pattern means."""
        found = sorted(path for path in {*self.vault[0], *self.vault[1]} if fnmatchcase(path, pattern))
        assert found, f"vault {pattern} means nothing"
        return found

    def go(self, at: Assessed, selectors: tuple[str, ...]) -> None:
        """Makes of these what they are at the end of the way, in the world that is judged."""
        self._move(at, selectors, 1)

    def back(self, at: Assessed, selectors: tuple[str, ...]) -> tuple[str, ...]:
        """Makes of these what they were at its start; the selectors that mend it again."""
        self._move(at, selectors, 0)
        return selectors

    def _move(self, at: Assessed, selectors: tuple[str, ...], end: int) -> None:
        for selector in selectors:
            kind, _, what = selector.partition(" ")
            if kind == "vault":
                for path in self.paths(what):
                    self.write_path(at.story, path, end)
            else:
                for key in self.named(selector):
                    self._write(at.cluster, key, end)
        at.run.settle()

    def write_path(self, story: Obj, path: str, end: int) -> None:
        """Makes of one path of the Vault what it is at one end."""
        if path in self.vault[end]:
            story[path] = deepcopy(self.vault[end][path])
        else:
            story.pop(path, None)

    def _write(self, cluster: Cluster, key: str, end: int) -> None:
        if key in self.ends[end]:
            cluster.store.put(plain(self.ends[end][key][1]))
            return
        resource, obj = self.ends[1 - end][key]
        if found := cluster.store.find(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", "")):
            cluster.store.remove(resource, found)

    def spoil(self, at: Assessed, steps: tuple[Obj, ...]) -> tuple[str, ...]:
        """Breaks what the steps say; the selectors that mend it again."""
        mended: list[str] = []
        for step in steps:
            if "put" in step:
                mended.append(self._add(at.cluster, step["put"]))
            elif "vault" in step:
                at.story[step["vault"]] = merge(at.story[step["vault"]], step["to"])
                mended.append(f"vault {step['vault']}")
            elif step.get("gone", "").startswith("vault "):
                del at.story[step["gone"].partition(" ")[2]]
                mended.append(step["gone"])
            else:
                selector = step.get("gone") or step["change"]
                for key in self.named(selector):
                    self._break(at.cluster, key, step.get("to"))
                mended.append(selector)
        at.run.settle()
        return tuple(mended)

    def _add(self, cluster: Cluster, obj: Obj) -> str:
        """Puts an object that is at neither end, so that mending takes it away."""
        resource = cluster.catalogue.of_kind(obj["apiVersion"], obj["kind"])
        [key] = [name for name, _ in _keyed([(resource, cluster.store.put(obj))])]
        self.ends[0][key] = (resource, obj)
        return key

    def _break(self, cluster: Cluster, key: str, to: Obj | None) -> None:
        if key not in self.ends[1]:
            return
        resource, obj = self.ends[1][key]
        old = cluster.store.find(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        assert old is not None, key
        if to is None:
            cluster.store.remove(resource, old)
        else:
            cluster.store.write(resource, merge(old, to))


def plain(obj: Obj) -> Obj:
    """An object without what a server writes of itself."""
    found: Obj = clone(obj)
    for field in SERVERS_OWN:
        found["metadata"].pop(field, None)
    return found


def _told(cluster: Cluster) -> dict[str, tuple[Resource, Obj]]:
    found = ((resource, obj) for resource in cluster.catalogue for obj in cluster.store.all(resource))
    return dict(_keyed((resource, obj) for resource, obj in found if not is_made(obj)))


def _keyed(found: Iterable[tuple[Resource, Obj]]) -> Iterator[tuple[str, tuple[Resource, Obj]]]:
    for resource, obj in found:
        plural = f"{resource.plural}.{resource.group}".rstrip(".")
        meta = obj["metadata"]
        yield f"{plural} {meta.get('namespace', '')}/{meta['name']}", (resource, obj)
