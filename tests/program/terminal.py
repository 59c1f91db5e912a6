"""The real program in a pseudo-terminal: what it writes, which modes it leaves behind, how it ends.

Every byte is kept and parsed. A sequence outside ``KNOWN`` is foreign: the framework does not write it, so somebody else did.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

import pyte

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_S: Final = 240.0
"""For a broken test only: nothing waits so long when all is well."""

_SEQUENCE: Final = re.compile(
    rb"\x1b\[([0-?]*)([ -/]*)([@-~])"  # CSI
    rb"|\x1b\](.*?)(?:\x07|\x1b\\)"  # OSC
    rb"|\x1b[PX^_](.*?)\x1b\\"  # DCS, SOS, PM, APC
    rb"|\x1b[ -/]*[0-~]",  # all others
    re.DOTALL,
)
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*)?\Z")
_MODES: Final = frozenset({"7", "25", "1000", "1002", "1003", "1004", "1006", "1015", "1016", "1049", "2004", "2026", "2048"})
_KNOWN_CSI: Final = re.compile(
    rb"[0-9;:]*m|[0-9;]*H|[0-9]*[ABCD]|[0-9]*[JK]|>[0-9]+u|<u|\?u|\?(?:2026|2048)\$p|6n|1[4-8]t|\?996n|[0-9]* q|=0;[0-9]u"
)


class Program:
    """One run of ztui (or of another command) in a terminal of its own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        size: tuple[int, int] = (100, 30),
        command: tuple[str, ...] = (sys.executable, "-m", "ztui"),
        **environ: str,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self._news = threading.Condition()
        self._reads = threading.Event()
        self._reads.set()
        self.master, self._slave = pty.openpty()
        self._size(*size)
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env=environment(folder, **environ),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  one ioctl: no lock, no allocation
        )
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        if kind is not None:
            sys.stderr.write("\n".join(self.lines) + "\n")
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            os.killpg(self.process.pid, signal.SIGCONT)
        self.process.wait()
        self._reads.set()
        self._ended = True
        with contextlib.suppress(OSError):
            os.close(self._slave)
        self._reader.join(PATIENCE_S)
        with contextlib.suppress(OSError):
            os.close(self.master)

    @property
    def lines(self) -> list[str]:
        """What is on the screen now."""
        with self._news:
            return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen in one string."""
        return "\n".join(self.lines)

    def until(self, what: str | Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        """Wait until the screen shows a text, or until something holds."""
        holds = what if callable(what) else lambda: what in "\n".join(self.screen.display)
        ends = time.monotonic() + limit_s
        with self._news:
            while not holds():
                left = ends - time.monotonic()
                assert left > 0, f"never: {what}\n" + "\n".join(self.screen.display)
                self._news.wait(min(left, 0.2))

    def overwrite(self, text: str) -> None:
        """Have something else write over the screen."""
        with self._news:
            self._stream.feed(text.encode())

    def press(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def insist(self, keys: str, what: str | Callable[[], bool], patience_s: float = 0.5) -> None:
        """Type again, less and less often, until the screen shows it: an answer that comes too early does not count."""
        holds = what if callable(what) else lambda: what in self.text
        ends, patience = time.monotonic() + PATIENCE_S, patience_s
        while not holds():
            assert self.process.poll() is None, f"ended: {self.process.poll()}\n{bytes(self.raw[-1000:])!r}\n{self.text}"
            assert time.monotonic() < ends, f"never: {what}\n{self.text}"
            self.press(keys)
            again = time.monotonic() + patience
            while not holds() and (left := again - time.monotonic()) > 0:
                with self._news:
                    self._news.wait(min(left, 0.2))
            patience *= 2

    def quiet(self, seconds: float) -> None:
        """Wait for a time in which not one byte comes."""
        ends = time.monotonic() + PATIENCE_S
        with self._news:
            while self._news.wait(seconds):
                assert time.monotonic() < ends, bytes(self.raw[-200:])

    def flood(self, keys: bytes) -> None:
        """Type as fast as the terminal takes it."""
        while keys:
            select.select([], [self.master], [], PATIENCE_S)
            try:
                keys = keys[os.write(self.master, keys[:1024]) :]
            except BlockingIOError:
                assert self.process.poll() is None

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, as a window manager would."""
        with self._news:
            if columns and lines:
                self.screen.resize(lines, columns)
        self._size(columns, lines)

    def stop_reading(self) -> None:
        """A terminal that takes nothing any more."""
        self._reads.clear()

    def read_again(self) -> None:
        """And one that does again."""
        self._reads.set()

    def signal(self, number: int) -> None:
        """Send a signal to the program alone."""
        os.kill(self.process.pid, number)

    def hang_up(self) -> None:
        """The line drops: both ends are closed."""
        self._ended = True
        os.close(self._slave)
        self._reader.join(PATIENCE_S)
        os.close(self.master)

    def ends(self, limit_s: float = PATIENCE_S) -> int:
        """Wait for the end; returns the exit status, negative for a signal."""
        return self.process.wait(limit_s)

    def stopped(self) -> None:
        """Wait until the shell's job control would see the program stopped."""
        found, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert found == self.process.pid
        assert os.WIFSTOPPED(status), status

    def drained(self) -> None:
        """Everything that was written has been read: the reader has seen the program's end."""
        self.until(lambda: self.process.poll() is not None)
        seen = -1
        while seen != len(self.raw):
            seen = len(self.raw)
            with self._news:
                self._news.wait(0.15)

    def modes(self) -> set[str]:
        """The private modes that differ from a fresh terminal's, as a terminal would remember them."""
        found: set[str] = set()
        keyboard = 0
        for match in _SEQUENCE.finditer(bytes(self.raw)):
            parameters, _, final = match.group(1), match.group(2), match.group(3)
            if final in (b"h", b"l") and parameters is not None and parameters.startswith(b"?"):
                for number in parameters[1:].decode().split(";"):
                    is_normal = (final == b"h") == (number in {"7", "25"})
                    (found.discard if is_normal else found.add)(number)
            elif final == b"u" and parameters is not None:
                keyboard += parameters.startswith(b">")
                keyboard = max(0, keyboard - parameters.startswith(b"<"))
        return found | ({"keyboard"} if keyboard else set())

    def restored(self) -> bool:
        """Whether the terminal is as it was found: private modes and line discipline."""
        return self.modes() == set() and termios.tcgetattr(self._slave) == self.before

    def foreign(self) -> list[bytes]:
        """Everything in the output that the framework does not write; what is still being written does not count."""
        return foreign(_UNFINISHED.sub(b"", bytes(self.raw)))

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        os.set_blocking(self.master, False)
        while not self._ended:
            self._reads.wait()
            try:
                data = os.read(self.master, 65_536)
            except BlockingIOError:
                select.select([self.master], [], [], 0.05)
                continue
            except OSError:
                return
            with self._news:
                self.raw += data
                with contextlib.suppress(Exception):  # pyte is a model, not a judge: what is odd shows in `foreign`
                    self._stream.feed(data)
                self._news.notify_all()


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A clean environment whose folders are the test's."""
    found = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "KUBECONFIG": str(folder / "no-kubeconfig"),
        **{f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "STATE", "CACHE")},
        **more,
    }
    return {name: value for name, value in found.items() if value != "-"}


def foreign(raw: bytes) -> list[bytes]:
    """The sequences and control bytes outside the framework's own list."""
    found = [match.group() for match in _SEQUENCE.finditer(raw) if not _is_known(match)]
    rest = _SEQUENCE.sub(b"", raw)
    found += [bytes([byte]) for byte in rest if (byte < 0x20 and byte not in b"\r\n\t") or byte == 0x7F]
    found += [char.encode() for char in rest.decode("utf-8", "replace") if 0x80 <= ord(char) < 0xA0 or ord(char) in _UNSEEN]
    return found


_UNSEEN: Final = frozenset((*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF))


def _is_known(match: re.Match[bytes]) -> bool:
    parameters, middle, final = match.group(1), match.group(2), match.group(3)
    if final is None:  # the framework sets the shape of the mouse pointer and copies, and nothing else of this family
        return match.group(4) is not None and re.fullmatch(rb"22;[a-z-]*|52;c;[A-Za-z0-9+/=]*", match.group(4)) is not None
    body = parameters + middle + final
    if final in (b"h", b"l") and parameters.startswith(b"?"):
        return set(parameters[1:].decode().split(";")) <= _MODES
    return _KNOWN_CSI.fullmatch(body) is not None


def children(pid: int) -> set[int]:
    """All living processes below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, front = set(), {pid}
    while front:
        front = {child for child, parent in parents.items() if parent in front and child not in found}
        found |= front
    return found


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
