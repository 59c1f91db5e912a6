"""Child processes of the test servers: free ports, waiting for readiness, and an end that is certain.

A child leads its own process group and holds a leash: the read end of a pipe that closes when this process is gone, whatever
ended it. Our own binary ends itself then; for others the group is killed at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_POLL = 0.02
_alive: weakref.WeakSet[Child] = weakref.WeakSet()


class NotReadyError(RuntimeError):
    """A server ended or stayed silent while we waited for it; the message carries the end of its log."""


def free_ports(count: int) -> list[int]:
    """Loopback ports nobody listens on now; all differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def listens(port: int) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition came true in time: for what a server does a moment after it said yes."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


class Child:
    """One server process with a log file."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, "ZTUI_TEST_LEASH": "1"},
                start_new_session=True,
            )
        _alive.add(self)

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready` says so.

        **Raises**: NotReadyError when the process ends first or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_POLL)
                raise NotReadyError(f"{self._log.stem} ended with {code}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise NotReadyError(f"{self._log.stem} was not ready in {seconds:.0f} s:\n{self.log_tail()}")

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """End the whole group at once; what it wrote is thrown away anyway."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        _alive.discard(self)


@atexit.register
def _kill_all() -> None:
    for child in list(_alive):
        child.kill()
