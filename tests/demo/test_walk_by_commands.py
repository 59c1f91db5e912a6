"""Stops of Phase 1 carried out by the very commands that the guide prints, with the real kubectl: what was found is gone."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.servers.control_plane import programs
from ztui.board import Board
from ztui.checks.base import CheckId, Finding
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.guide.procedures import Names, filled, ways
from ztui.guide.route import open_findings
from ztui.settings import Settings
from ztui.targets import finder

PATIENCE_S: Final = 60.0


class Stop(NamedTuple):
    """A check, on what it finds something, by which procedure and which of its steps that is mended, and what a person knows."""

    check: str
    on: str
    by: str
    steps: tuple[int, ...]
    known: tuple[tuple[str, str], ...] = ()


UNBIND: Final = (0, 1, 2)
STOPS: Final = (
    Stop("ZT1-MAP-001", "deployment/payments/api", "R-LABEL-OWNER", (0,), (("team", "team-payments"),)),
    Stop("ZT1-AUTH-001", "clusterrolebinding/anonymous-look", "R-UNBIND", UNBIND),
    Stop("ZT1-AUTH-002", "secret/kube-system/kubeadmin", "R-KUBEADMIN", (1,)),
    Stop("ZT1-AUTH-004", "oauth/cluster", "R-TOKENCFG", (0, 1)),
    Stop("ZT1-AUTH-005", "route/payments/api", "R-ROUTE-TLS", (0,)),  # plaintext; from the router on it is another finding
    Stop("ZT1-AUTH-005", "route/shop/web", "R-ROUTE-TLS", (0,)),
    Stop("ZT1-AUTH-006", "service/lab/probe", "R-SVC-CLUSTERIP", (0,)),
    Stop("ZT1-RBAC-001", "clusterrolebinding/bela-admin", "R-UNBIND", UNBIND),
    Stop("ZT1-RBAC-003", "clusterrolebinding/old-jenkins", "R-UNBIND", UNBIND),
    Stop("ZT1-RBAC-004", "clusterrolebinding/lab-looks", "R-UNBIND", UNBIND),
    Stop("ZT1-RBAC-005", "clusterrolebinding/everyone-deploys", "R-UNBIND", UNBIND),
    Stop("ZT1-RBAC-007", "deployment/payments/api", "G-DEDICATED-SA", (0, 1)),
    Stop("ZT1-RBAC-008", "clusterrolebinding/frank-edits", "R-UNBIND", UNBIND),
)
"""What a person does besides (logging in with a browser, writing an application anew) has no step here."""

EDITOR: Final = """
import os, sys, yaml
path, gone = sys.argv[1], os.environ["GONE"]
found = yaml.safe_load(open(path))
found["subjects"] = [item for item in found["subjects"] if item["name"] != gone]
open(path, "w").write(yaml.safe_dump(found))
"""
"""Somebody who takes one subject out of a binding and saves."""


class Shell:
    """A shell with `kubectl`, and an `oc` that is the same: of what the commands here ask for, both do one thing."""

    def __init__(self, folder: Path, config: Path, kubectl: tuple[str, ...]) -> None:
        self._folder = folder
        tools = folder / "bin"
        tools.mkdir()
        for name in ("kubectl", "oc"):
            script(tools / name, f'#!/bin/sh\nexec {shlex.join(kubectl)} "$@"\n')
        script(tools / "taker", f"#!{sys.executable}\n{EDITOR}")
        path = f"{tools}:{os.environ.get('PATH', os.defpath)}"
        self._env = {"PATH": path, "HOME": str(folder), "KUBECONFIG": str(config), "KUBE_EDITOR": "taker"}

    def run(self, command: str, gone: str) -> None:
        """Carries out a step's commands as they are."""
        env = {**self._env, "GONE": gone}
        done = subprocess.run(
            ["/bin/bash", "-e", "-c", command], cwd=self._folder, env=env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o700)


def kubectl() -> tuple[str, ...]:
    found, plain = programs(), shutil.which("kubectl")
    if not found and not plain:
        pytest.skip("no kubectl here")
    return tuple(found.kubectl) if found else (str(plain),)


def finding_of(board: Board, stop: Stop) -> Finding | None:
    return next((item for item in open_findings(board, CheckId(stop.check)) if str(item.on) == stop.on), None)


def is_open(board: Board, stop: Stop, found: Finding) -> bool:
    """Whether the same is still found on it."""
    return any(str(item.on) == stop.on and item.reason == found.reason for item in open_findings(board, CheckId(stop.check)))


def commands(stop: Stop, finding: Finding) -> Iterator[str]:
    """The commands of the steps as the guide prints them, with what a person puts in."""
    way = next(item for item in ways(CheckId(stop.check)) if item.id == stop.by)
    for number in stop.steps:
        text = filled(way.steps[number].run, finding, Names("demo", ""))
        for word, value in stop.known:
            text = text.replace(f"<{word}>", value)
        assert text
        assert not re.search(r"<[a-z]+>", text), text
        yield text


def subject(finding: Finding) -> str:
    """The bare name of the subject that a finding is about."""
    told = str(dict(finding.values).get("subject", ""))
    kind, _, rest = told.partition(":")
    return rest.rpartition("/")[2] if kind in {"user", "group", "sa"} else told


async def test_ten_and_more_stops_of_phase_1_are_mended_by_the_printed_commands(tmp_path: Path) -> None:
    with DemoThread(scenario="fresh", churn=False) as demo:
        config = demo.write_kubeconfig(tmp_path / "kubeconfig")
        shell = Shell(tmp_path, config, kubectl())
        settings = Settings(kubeconfig=str(config))
        core = Core(settings, finder(settings))
        async with core.open():
            board = (await core.settled(PATIENCE_S)).board
            assert board is not None
            found: dict[Stop, Finding] = {}
            for stop in STOPS:
                finding = finding_of(board, stop)
                assert finding is not None, stop
                found[stop] = finding
                for command in commands(stop, finding):
                    await asyncio.to_thread(shell.run, command, subject(finding))
            await gone(core, found)
    assert len({stop.check for stop in STOPS}) >= 10


async def gone(core: Core, found: Mapping[Stop, Finding]) -> None:
    """Waits until nothing is found any more of what was mended."""
    left: list[Stop] = list(STOPS)
    try:
        async with asyncio.timeout(PATIENCE_S), aclosing(core.frames()) as frames:
            async for frame in frames:
                if frame.board is not None:
                    left = [stop for stop, was in found.items() if is_open(frame.board, stop, was)]
                if not left:
                    return
    except TimeoutError:
        raise AssertionError(left) from None
