"""Runs one program for a limited time and cleans up behind `oc debug`: a program of its own, which imports nothing of ours.

The oc wrapper kills one process and keeps whatever it prints. This stands between: own process group, both pipes drained and cut,
a limit of time; and where we are stopped, or die, the debug pod and a namespace that oc made for it are deleted all the same.

``python -I ocguard.py FOLDER LIMIT_S GRACE_S LIMIT_BYTES -- PROGRAM ARG...``: FOLDER holds the kubeconfig and goes at the end;
a file ``stop`` in it ends the run. Prints one JSON object: ``code``, ``why`` (done, limit, stopped, size), ``out``, ``err``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

DELETE_S = 20.0
PIPE_S = 1.0
"""How long a pipe may stay open behind a program that has ended: a child of its own may hold it."""
LOOK_S = 0.1

POD = re.compile(rb"^Starting pod/([a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?) ", re.MULTILINE)
SPACE = re.compile(rb"^Temporary namespace (openshift-debug-[a-z0-9]{1,40}) is created", re.MULTILINE)


class Run:
    """One child: what it said so far, and whether it may go on."""

    def __init__(self, argv: list[str], folder: Path, limit_s: float, grace_s: float, limit_bytes: int) -> None:
        self._ends = time.monotonic() + limit_s
        self._grace_s = grace_s
        self._limit_bytes = limit_bytes
        self._stop = folder / "stop"
        self._parent = os.getppid()
        self.said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self.why = "done"
        self._child = subprocess.Popen(  # noqa: S603  the caller's argv, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        )
        self._pipes = selectors.DefaultSelector()
        for name, pipe in (("out", self._child.stdout), ("err", self._child.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._pipes.register(pipe, selectors.EVENT_READ, name)

    def to_end(self) -> int:
        """Run to the end, or to the first reason to stop; nothing of its group is left. Returns the exit code."""
        try:
            while self._goes_on():
                self._drain()
            if self.why != "done":
                self._interrupt()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        self._rest()
        return self._child.returncode

    def _goes_on(self) -> bool:
        if self._child.poll() is not None:
            return False
        if len(self.said["out"]) > self._limit_bytes or len(self.said["err"]) > self._limit_bytes:
            self.why = "size"
        elif STOPPED or self._stop.exists() or os.getppid() != self._parent:
            self.why = "stopped"
        elif time.monotonic() > self._ends:
            self.why = "limit"
        return self.why == "done"

    def _drain(self) -> None:
        for key, _ in self._pipes.select(LOOK_S):
            chunk = os.read(key.fd, 65_536)
            if chunk:
                kept = self.said[str(key.data)]
                kept += chunk[: max(0, self._limit_bytes + 1 - len(kept))]
            else:
                self._pipes.unregister(key.fileobj)
        if not self._pipes.get_map():  # it closed its pipes and lives on
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(LOOK_S)

    def _interrupt(self) -> None:
        """Ask it to end by itself, which is when oc deletes what it made."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self._child.send_signal(signal.SIGINT)
        ends = time.monotonic() + self._grace_s
        while self._child.poll() is None and time.monotonic() < ends:
            self._drain()

    def _rest(self) -> None:
        ends = time.monotonic() + PIPE_S
        while self._pipes.get_map() and time.monotonic() < ends:
            self._drain()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()


STOPPED: list[int] = []
KEPT = frozenset({"PATH", "HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


def environment() -> dict[str, str]:
    """What the program gets of ours: where things are, and no secret; its words in English, for they are read."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in KEPT}
    return kept | {"LC_ALL": "C.UTF-8"}


def leftovers(argv: list[str], err: bytes) -> list[list[str]]:
    """The commands that delete what an `oc debug` said it made."""
    program, kubeconfig = argv[0], next((item for item in argv if item.startswith("--kubeconfig=")), "")
    usual = ["--ignore-not-found", "--wait=false", f"--request-timeout={DELETE_S / 2:.0f}s"]
    space = SPACE.search(err)
    where = [f"--namespace={space[1].decode()}"] if space else []
    pods = [[program, "delete", f"pod/{found[1].decode()}", kubeconfig, *where, *usual] for found in POD.finditer(err)]
    spaces = [[program, "delete", f"namespace/{space[1].decode()}", kubeconfig, *usual]] if space else []
    return [*pods[:4], *spaces]


def _delete(argv: list[str]) -> None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(  # noqa: S603  names that a pattern let through, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DELETE_S,
            check=False,
            env=environment(),
            start_new_session=True,
        )


def main(words: list[str]) -> int:
    """Run, clean up, tell."""
    split = words.index("--")
    folder, limit_s, grace_s, limit_bytes = words[:split][-4:]
    argv = words[split + 1 :]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda got, _frame: STOPPED.append(got))
    try:
        run = Run(argv, Path(folder), float(limit_s), float(grace_s), int(limit_bytes))
        try:
            code = run.to_end()
        finally:
            for command in leftovers(argv, bytes(run.said["err"])):
                _delete(command)
        told = {name: bytes(text[: int(limit_bytes)]).decode("utf-8", "replace") for name, text in run.said.items()}
        found = {"code": code, "why": run.why, **told}
    except OSError as error:
        found = {"code": -1, "why": "start", "out": "", "err": error.strerror or "cannot be run"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
