"""The shell of somebody who follows the guide: the real kubectl, an `oc` that is the same, the real `vault`, and `ztui`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.build import vault_binary
from tests.servers.control_plane import programs
from ztui.demo.server import DemoServer
from ztui.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 120.0
EDITOR: Final = '''
"""Somebody who opens what is given, makes the changes that they were told, and saves."""
import json, os, sys, yaml

def merged(found, change):
    if not isinstance(change, dict) or not isinstance(found, dict):
        return change
    kept = {key: merged(found.get(key, {}), value) if isinstance(value, dict) else value for key, value in change.items()}
    return {key: value for key, value in {**found, **kept}.items() if value is not None}

def at(found, path):
    for part in path.split(".") if path else []:
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found

def like(item, told):
    return all(item.get(key) == value for key, value in told.items())

path, changes = sys.argv[1], json.loads(os.environ["CHANGES"])
with open(path) as file:
    found = yaml.safe_load(file)
for change in changes:
    if "merge" in change:
        found = merged(found, change["merge"])
    elif "take" in change:
        held = at(found, change["at"])
        left = [item for item in held if not like(item, change["take"])]
        assert len(left) < len(held), change
        held[:] = left
    elif "add" in change:
        at(found, change["at"]).append(change["add"])
    else:
        place, _, last = change["at"].rpartition(".")
        held = at(found, place)
        held[int(last) if isinstance(held, list) else last] = change["set"]
with open(path, "w") as file:
    yaml.safe_dump(found, file)
'''


class Shell:
    """A shell in a folder of its own, logged in to a demo cluster and its Vault as their administrator."""

    def __init__(self, folder: Path, demo: DemoServer, settings: Settings) -> None:
        self._folder = folder
        tools = folder / "bin"
        tools.mkdir()
        for name in ("kubectl", "oc"):
            _script(tools / name, f'#!/bin/sh\nexec {shlex.join(_kubectl())} "$@"\n')
        _script(tools / "editor", f"#!{sys.executable}\n{EDITOR}")
        _script(tools / "ztui", f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m ztui "$@"\n')
        _script(tools / "vault", f'#!/bin/sh\nexec {shlex.quote(_vault())} "$@"\n')
        (folder / "settings.toml").write_text(_toml(settings))
        self._env = {
            "PATH": f"{tools}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(folder),
            "KUBECONFIG": str(settings.kubeconfig),
            "KUBE_EDITOR": "editor",
            "EDITOR": "editor",
            "ZTUI_CONFIG": str(folder / "settings.toml"),
            "VAULT_ADDR": demo.vault.url,
            "VAULT_CACERT": str(settings.vaults["demo"].ca_file),
            "VAULT_TOKEN": demo.vault.token,
        }

    def run(self, command: str, changes: Sequence[Any] = (), typed: str = "") -> str:
        """Carries out a step's commands as they are; what they print. An editor that opens makes the changes."""
        env = {**self._env, "CHANGES": json.dumps(list(changes))}
        done = subprocess.run(
            ["/bin/bash", "-e", "-c", command],
            cwd=self._folder, env=env, input=typed, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o700)


def _kubectl() -> tuple[str, ...]:
    found, plain = programs(), shutil.which("kubectl")
    if not found and not plain:
        pytest.skip("no kubectl here: python -m tests.servers.build makes one, with Go")
    return tuple(found.kubectl) if found else (str(plain),)


def _vault() -> str:
    found = vault_binary() or shutil.which("vault")
    if found is None:
        pytest.skip("no vault here: python -m tests.servers.build makes one, with Go")
    return str(found)


def _toml(settings: Settings) -> str:
    vault, beside = settings.vaults["demo"], settings.contexts["demo"]
    told = {
        "": {"kubeconfig": settings.kubeconfig, "context": settings.context},
        "[vaults.demo]": {"address": vault.address, "ca_file": vault.ca_file, "token_file": vault.token_file},
        "[contexts.demo]": {"metrics_url": beside.metrics_url, "alertmanager_url": beside.alertmanager_url},
    }
    return "\n".join(
        f"{head}\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in part.items()) for head, part in told.items()
    )
