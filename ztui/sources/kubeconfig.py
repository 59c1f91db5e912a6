"""Reads kubeconfig files and merges them as kubectl does: for every name, and for current-context, the first file wins.

What comes out are named entries with their places; ``target`` gives them meaning.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from ztui.errors import SettingsError
from ztui.sources.login import Entry
from ztui.sources.yamlfile import FileError, Node, kind_of, parse_yaml, read_limited

_BODIES: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
WARNING_LIMIT: Final = 50


@dataclass(slots=True)
class Merged:
    """All entries by name; ``read`` are the files that exist, ``looked_at`` all that were asked for, in order."""

    clusters: dict[str, Named] = field(default_factory=dict)
    users: dict[str, Named] = field(default_factory=dict)
    contexts: dict[str, Named] = field(default_factory=dict)
    current: str | None = None
    read: list[Path] = field(default_factory=list)
    looked_at: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def warn(self, sentence: str) -> None:
        """Keep a warning; a hostile file cannot make more than a screenful."""
        if len(self.warnings) < WARNING_LIMIT:
            self.warnings.append(sentence)


@dataclass(frozen=True, slots=True)
class Named:
    """One entry of a list such as ``users``: its body is judged only when it is used."""

    body: Node
    at: str
    source: Path

    def entry(self, files: list[str]) -> Entry:
        """The body as a mapping. Raises SettingsError that names the node where it is not one."""
        node = self.body if isinstance(self.body, dict) else {}
        entry = Entry(node, self.at, self.source, files)
        if not isinstance(self.body, dict):
            entry.refuse("", f"expected a mapping, found {kind_of(self.body)}")
        return entry


def kubeconfig_paths(named: str | None, environ: Mapping[str, str]) -> tuple[list[Path], bool]:
    """Where to look, in order, and whether a missing file is an error (it is where one was named by flag)."""
    if named:
        return [Path(named).expanduser()], True
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part.strip()]
    if listed:
        return list(dict.fromkeys(listed)), False
    home = environ.get("HOME") or str(Path.home())
    return [Path(home) / ".kube" / "config"], False


def read_all(paths: Sequence[Path], *, must_exist: bool) -> Merged:
    """Read and merge. Raises SettingsError for a file that is there and cannot be used."""
    merged = Merged(looked_at=list(paths))
    for path in paths:
        if not must_exist and not path.exists() and not path.is_symlink():
            continue
        _add_file(merged, path, alone=len(paths) == 1)
    return merged


def _add_file(merged: Merged, path: Path, *, alone: bool) -> None:
    try:
        raw = read_limited(path)
    except FileError as error:
        step = f"chmod u+r {path}" if "denied" in str(error) else "name another with --kubeconfig or KUBECONFIG"
        raise SettingsError(f"cannot read kubeconfig {path}", why=str(error), next=step) from None
    merged.read.append(path)
    _warn_if_open(merged, path)
    try:
        document = parse_yaml(raw)
    except FileError as error:
        raise SettingsError("not a kubeconfig", where=str(path), why=str(error), next="correct or remove the file") from None
    for warning in document.warnings:
        merged.warn(f"{path}: {warning}")
    root = document.root
    if root is None and not alone:
        merged.warn(f"{path}: is empty")
        return
    if not isinstance(root, dict):
        raise SettingsError(
            "not a kubeconfig",
            where=str(path),
            why=f"expected a mapping, found {kind_of(root)}",
            next="correct or remove the file",
        )
    _add_root(merged, Entry(root, "", path, []))


def _add_root(merged: Merged, root: Entry) -> None:
    current = root.node.get("current-context")
    if current is not None and not isinstance(current, str):
        _refuse(root, "current-context", f"expected text, found {kind_of(current)}")
    merged.current = merged.current or current or None
    for key, body in _BODIES.items():
        into = {"clusters": merged.clusters, "users": merged.users, "contexts": merged.contexts}[key]
        nodes = root.node.get(key)
        if nodes is None:
            continue
        if not isinstance(nodes, list):
            _refuse(root, key, f"expected a list, found {kind_of(nodes)}")
        for number, node in enumerate(nodes):
            _add_named(merged, into, root, node, (f"{key}[{number}]", body))


def _add_named(merged: Merged, into: dict[str, Named], root: Entry, node: Node, place: tuple[str, str]) -> None:
    at, body = place
    if not isinstance(node, dict):
        _refuse(root, at, f"expected a mapping, found {kind_of(node)}")
    name = node.get("name")
    if not isinstance(name, str) or not name:
        _refuse(root, f"{at}.name", "is missing" if name is None or name == "" else f"expected text, found {kind_of(name)}")
    if name in into:
        merged.warn(f'{root.source}: {at}: "{name[:60]}" is there already, the first one wins ({into[name].source})')
        return
    into[name] = Named(node.get(body), f"{at}.{body}", root.source)


def _refuse(root: Entry, key: str, why: str) -> NoReturn:
    Entry(root.node, key, root.source, []).refuse("", why)


def _warn_if_open(merged: Merged, path: Path) -> None:
    """Say so where others may read the file (it holds credentials)."""
    mode = path.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        merged.warn(f"{path} can be read by others: chmod 600 {path}")
