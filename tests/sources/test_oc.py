"""Asking a node by ``oc``: small programs stand in for it, as a node would answer on good and bad days."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sources.small_api import CANARY, kubeconfig
from ztui.board import Board
from ztui.checks.base import CheckId, Finding, Status, catalogue
from ztui.clock import ManualClock
from ztui.core import Core
from ztui.errors import ConnectError, DataError, ForbiddenError, SettingsError, ZtuiError
from ztui.kinds.nodereport import NodeReport, lines, node_report
from ztui.settings import Settings
from ztui.sources import oc, ocguard
from ztui.sources.credentials import Credentials
from ztui.sources.oc import SCRIPT, NodeDoor
from ztui.sources.target import find_target
from ztui.targets import target_finder

GOOD = """
print("selinux=Enforcing")
print("secureboot=SecureBoot enabled")
print("fips=1")
print("cmdline=BOOT_IMAGE=/x password=hunter2 enforcing=1 fips=1")
"""
STARTING = 'print("Starting pod/w0-debug-abc12 ...", file=sys.stderr, flush=True)'
WAIT = "signal.signal(signal.SIGINT, signal.SIG_DFL)\nsignal.pause()"
HANG = "while True:\n    try:\n        signal.pause()\n    except BaseException:\n        pass"


class Stage:
    """A door to nodes, the program that stands in for oc, and what it was called with."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "calls"
        path = kubeconfig(folder / "config", "https://localhost:1")
        target = find_target(Settings(kubeconfig=str(path)), {})
        self.environ = {"PATH": str(self.bin), "XDG_RUNTIME_DIR": str(folder / "run"), "HOME": str(folder)}
        self.credentials = Credentials(target, ManualClock())
        self.door = NodeDoor(target, self.credentials, ManualClock(), self.environ, limit_s=limit_s, grace_s=0.5)
        self.target = target

    def program(self, debug: str, *, delete: str = "pass", mode: int = 0o755) -> None:
        """Stand in for oc: note the call and the kubeconfig, then run the code for its verb."""
        code = f"""#!{sys.executable} -I
import json, os, signal, subprocess, sys, time
config = next(item.partition("=")[2] for item in sys.argv if item.startswith("--kubeconfig="))
told = {{"argv": sys.argv[1:], "environ": dict(os.environ), "config": open(config).read()}}
told["mode"] = os.stat(config).st_mode & 0o777
with open({str(self.log)!r}, "a") as file:
    file.write(json.dumps(told) + "\\n")
if sys.argv[1] == "delete":
    {delete}
if sys.argv[1] == "debug":
{"".join(f"    {line}{chr(10)}" for line in debug.strip().splitlines())}"""
        path = self.bin / "oc"
        path.write_text(code)
        path.chmod(mode)

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def private(self) -> Path:
        """A kubeconfig in a folder of its own."""
        folder = self.folder / "private"
        folder.mkdir()
        (folder / "kubeconfig").write_text("{}")
        return folder / "kubeconfig"

    def left(self) -> list[Path]:
        return list((self.folder / "run" / "ztui").glob("*"))


@asynccontextmanager
async def stage(folder: Path, limit_s: float = 30.0) -> AsyncIterator[Stage]:
    found = Stage(folder, limit_s)
    try:
        yield found
    finally:
        found.door.close()


async def test_a_node_says_what_it_is_and_nothing_else_is_kept(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        found = await it.door.ask("w0.example")
        assert (found.selinux, found.secure_boot, found.fips) == ("enforcing", True, True)
        assert found.arguments == ("enforcing=1", "fips=1")
        assert "hunter2" not in repr(found)


async def test_D10_the_login_goes_by_a_private_file_and_by_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        await it.door.ask("w0")
        [call] = it.calls()
        assert CANARY in str(call["config"])
        assert call["mode"] == 0o600
        assert CANARY not in json.dumps([call["argv"], call["environ"]])
        assert [word for word in call["argv"] if "--kubeconfig=" not in word] == [
            *("debug", "node/w0", "--", "chroot", "/host", "/bin/sh", "-c", SCRIPT)
        ]
        assert it.left() == []


async def test_D10_what_the_wrapper_takes_from_the_environment_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG_PATH", "API_SERVER", "CA_CERT_PATH", "PROJECT", "OC_LOGLEVEL", "SKIP_TLS_VERIFY"):
        monkeypatch.setenv(f"OPENSHIFT_CLIENT_PYTHON_DEFAULT_{name}", "elsewhere")
    monkeypatch.setenv("VAULT_TOKEN", CANARY)
    async with stage(tmp_path) as it:
        it.program(GOOD)
        assert (await it.door.ask("w0")).selinux == "enforcing"
        assert CANARY not in json.dumps(it.calls()[0]["environ"])
        assert "elsewhere" not in json.dumps(it.calls()[0]["argv"])


async def test_F42_without_oc_the_command_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        with pytest.raises(ConnectError, match=r"no program oc .*oc debug node/w0 -- chroot /host getenforce"):
            await it.door.ask("w0")


async def test_F42_an_oc_that_may_not_be_run_is_none(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD, mode=0o644)
        with pytest.raises(ConnectError, match="no program oc"):
            await it.door.ask("w0")


async def test_F42_an_oc_that_is_too_old_says_so_itself(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program('print("error: unknown command \\x1b[31mdebug", file=sys.stderr)\nsys.exit(1)')
        with pytest.raises(ConnectError, match=r"unknown command \\x1b\[31mdebug"):
            await it.door.ask("w0")


async def test_F43_a_hanging_oc_ends_at_its_limit_with_its_whole_group(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    child = f"import signal; kept = open({str(alive)!r}, 'w'); signal.pause()"
    async with stage(tmp_path, limit_s=4.0) as it:
        it.program(f"{STARTING}\nsubprocess.Popen([sys.executable, '-c', {child!r}])\n{HANG}")
        asking = asyncio.ensure_future(it.door.ask("w0"))
        await asyncio.to_thread(alive.read_bytes)  # ends when nobody is left that could write
        with pytest.raises(ConnectError, match="no answer in 4 s"):
            await asking


async def test_F43_a_grandchild_that_holds_the_pipe_holds_up_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(f"{GOOD}\nsys.stdout.flush()\nsubprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])")
        assert (await it.door.ask("w0")).selinux == "enforcing"


async def test_F44_too_much_is_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ztui.sources.oc.LIMIT_BYTES", 100_000)
    async with stage(tmp_path) as it:
        it.program("while True:\n    sys.stdout.write('x' * 65536)")
        with pytest.raises(DataError, match="too large"):
            await it.door.ask("w0")


async def test_F44_B41_bytes_that_are_no_text_are_no_answer(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program("sys.stdout.buffer.write(b'selinux=\\xff\\xfe\\x1b]0;x\\x07\\n')")
        with pytest.raises(ConnectError):
            await it.door.ask("w0")


@pytest.mark.parametrize("space", ["", "openshift-debug-x1y2z"])
async def test_the_pod_is_deleted_when_whoever_asked_goes_away(tmp_path: Path, space: str) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    made = f'print("Temporary namespace {space} is created for debugging node...", file=sys.stderr)' if space else ""
    async with stage(tmp_path) as it:
        it.program(f"{made}\n{STARTING}\nopen({str(started)!r}, 'w').close()\n{WAIT}")
        asking = asyncio.ensure_future(it.door.ask("w0"))
        await asyncio.to_thread(started.read_bytes)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        deleted = [call["argv"] for call in it.calls()[1:]]
        assert [words[1] for words in deleted] == ["pod/w0-debug-abc12", *([f"namespace/{space}"] if space else [])]
        assert (f"--namespace={space}" in deleted[0]) is bool(space)
        assert it.left() == []


async def test_the_pod_is_deleted_even_where_we_are_killed(tmp_path: Path) -> None:
    started, deleted = tmp_path / "started", tmp_path / "deleted"
    os.mkfifo(started)
    os.mkfifo(deleted)
    async with stage(tmp_path) as it:
        it.program(f"{STARTING}\nopen({str(started)!r}, 'w').close()\n{WAIT}", delete=f"open({str(deleted)!r}, 'w').close()")
        config = it.private()
        words = [ocguard.__file__, str(config.parent), "30", "0.5", "1000", "--", str(it.bin / "oc"), "debug", "node/w0"]
        ours = "import subprocess, sys; subprocess.run([sys.executable, '-I', *sys.argv[1:]])"
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", ours, *words, f"--kubeconfig={config}")
        await asyncio.to_thread(started.read_bytes)
        child.kill()
        await child.wait()
        await asyncio.to_thread(deleted.read_bytes)
        assert [call["argv"][:2] for call in it.calls()[1:]] == [["delete", "pod/w0-debug-abc12"]]


@pytest.mark.parametrize(
    "said",
    [
        b"Starting pod/--all ...",
        b"Starting pod/x;rm ...",
        b"  Starting pod/w0 ...",
        b"Starting pod/",
        b"Starting pod/-n ...",
        b"Temporary namespace kube-system is created",
        b"Temporary namespace openshift-debug-; is created",
    ],
)
def test_what_a_node_prints_names_nothing_to_delete(said: bytes) -> None:
    assert ocguard.leftovers(["oc", "--kubeconfig=x"], said) == []


@pytest.mark.parametrize("node", ["", "-x", "a b", "w0/../x", "W0", "w0\n", "x" * 254, "--as=admin"])
async def test_a_name_that_is_no_nodes_is_never_passed_on(tmp_path: Path, node: str) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        with pytest.raises(SettingsError):
            await it.door.ask(node)
        assert not it.log.exists()


async def test_an_unchecked_server_gets_no_pod(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        door = NodeDoor(replace(it.target, insecure=True), it.credentials, ManualClock(), it.environ)
        with pytest.raises(SettingsError, match="not checked"):
            await door.ask("w0")


async def test_a_right_that_is_missing_is_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program("print('Error from server (Forbidden): pods is forbidden: User \"v\"', file=sys.stderr)\nsys.exit(1)")
        with pytest.raises(ForbiddenError, match="oc debug node/w0"):
            await it.door.ask("w0")


async def test_what_a_dead_run_left_is_swept(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        stale = tmp_path / "run" / "ztui" / "oc-99999999-x"
        stale.mkdir(parents=True)
        (stale / "kubeconfig").write_text(CANARY)
        await it.door.ask("w0")
        assert it.left() == []


@pytest.mark.parametrize(
    ("text", "mode", "boot", "fips"),
    [
        ("selinux=Permissive\nsecureboot=SecureBoot disabled\nfips=0", "permissive", False, False),
        ("selinux=Disabled\nsecureboot=EFI variables are not supported on this system", "disabled", False, None),
        ("selinux=Enforcing\nsecureboot=sh: mokutil: not found\nfips=cat: no such file", "enforcing", None, None),
        ("selinux=Enforcing\r\nselinux=Disabled", "disabled", None, None),
        ("fips=1", "", None, True),
    ],
)
def test_answers_are_read_by_known_words(text: str, mode: str, boot: bool | None, fips: bool | None) -> None:
    found = node_report("w0", text, "2026-01-05T09:00:00+00:00")
    assert isinstance(found, NodeReport)
    assert (found.selinux, found.secure_boot, found.fips) == (mode, boot, fips)
    assert len(lines(found)) == 5


@pytest.mark.parametrize(
    "text", ["", "=", "selinux=\x1b[31mEnforcing", "hello", "selinux", "\u202eselinux=Enforcing", "a=b\n" * 9000]
)
def test_what_is_none_of_them_is_no_answer(text: str) -> None:
    assert node_report("w0", text, "") is None


def test_errors_are_all_of_our_tree() -> None:
    assert issubclass(ConnectError, ZtuiError)
    assert oc.by_hand("w0").startswith("run it by hand")


async def test_a_session_that_changes_nothing_asks_no_node(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.program(GOOD)
        with pytest.raises(SettingsError, match="read-only"):
            await Core(Settings(read_only=True), lambda: it.target).ask_node("w0")
        assert not it.log.exists()


async def test_what_a_node_said_is_judged_in_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = CheckId("ZT2-NODE-002")

    def finding(board: Board | None, name: str = "") -> Finding:
        found = [item for _, item in board.findings(check)] if board is not None else []
        return next(item for item in found if item.on.name == name or (not name and item.status is Status.PASS))

    async with stage(tmp_path) as it:
        it.program(GOOD.replace("Enforcing", "Permissive"))
        monkeypatch.setenv("PATH", it.environ["PATH"])
        monkeypatch.setenv("XDG_RUNTIME_DIR", it.environ["XDG_RUNTIME_DIR"])
        with target_finder(argparse.Namespace(demo=True, scenario="default"), Settings()) as (find, mine):
            core = Core(mine, find, cards={check: catalogue()[check]})
            async with core.open():
                node = finding((await core.settled(60)).board).on.name
                assert (await core.ask_node(node)).selinux == "permissive"
                async for frame in core.frames():
                    if finding(frame.board, node).status is Status.FAIL:
                        break
                assert finding(core.frame.board, node).reason.code == "node-says-otherwise"
