"""The real program on a bad terminal day: modes, signals, floods, pastes, sizes, poor terminals."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program.terminal import Program, alive, children, environment
from ztui.demo.server import DemoThread

READY = "Phase 0 of 4"
BUG = "import sys, screens.overview as o\n" + (
    "o.OverviewScreen.next_check = lambda self: {}['planted']\nfrom ztui.cli import main\nsys.exit(main(sys.argv[1:]))"
)


def writes(cluster: DemoThread) -> list[str]:
    """Requests that change anything; who-am-I is a question, however it is asked."""
    reviews = ("selfsubjectreviews",)
    return [item.path for item in cluster.requests if item.method != "GET" and not item.path.endswith(reviews)]


def ready(folder: Path, kubeconfig: str, *more: str, **how: str) -> Program:
    found = Program(folder, "--kubeconfig", kubeconfig, *more, **how)  # type: ignore[arg-type]
    found.until(READY)
    found.until("live")
    return found


ENDINGS: dict[str, tuple[Callable[[Program], None], int]] = {
    "q": (lambda ztui: ztui.press("q"), 0),
    "ctrl-c": (lambda ztui: ztui.press("\x03"), 0),
    "SIGTERM": (lambda ztui: ztui.signal(signal.SIGTERM), 143),
    "SIGINT": (lambda ztui: ztui.signal(signal.SIGINT), 130),
    "SIGHUP": (lambda ztui: ztui.signal(signal.SIGHUP), 129),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_R21_F48_the_terminal_is_as_it_was(tmp_path: Path, kubeconfig: str, how: str) -> None:
    end, status = ENDINGS[how]
    with ready(tmp_path, kubeconfig) as ztui:
        assert ztui.modes() >= {"1049", "2004", "25"}
        end(ztui)
        assert ztui.ends() == status
        ztui.drained()
        assert ztui.restored(), ztui.modes()
        assert ztui.foreign() == []


def test_R21_D14_a_bug_restores_the_terminal_and_says_one_line(tmp_path: Path, kubeconfig: str) -> None:
    with Program(tmp_path, "--kubeconfig", kubeconfig, command=(sys.executable, "-c", BUG)) as ztui:
        ztui.until(READY)
        ztui.press("e")
        assert ztui.ends() == 70
        ztui.drained()
        assert ztui.restored(), ztui.modes()
        assert "a bug: KeyError" in ztui.text
        assert "Traceback" not in ztui.text
    reports = list((tmp_path / "state" / "ztui").glob("crash-*.txt"))
    assert [oct(item.stat().st_mode & 0o777) for item in reports] == ["0o600"]


def test_F48_ctrl_z_and_back(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("\x1a")
        ztui.stopped()
        ztui.until(ztui.restored)
        before = len(ztui.raw)
        ztui.signal(signal.SIGCONT)
        ztui.until(lambda: {"1049", "2004"} <= ztui.modes())
        ztui.until(lambda: READY.encode() in ztui.raw[before:])
        ztui.press("q")
        assert ztui.ends() == 0
        ztui.drained()
        assert ztui.restored()


def test_F46_R20_a_dropped_line_ends_the_program_and_its_children(tmp_path: Path) -> None:
    with Program(tmp_path, "--demo") as ztui:
        ztui.until(READY)
        below = children(ztui.process.pid)
        ztui.hang_up()
        ztui.ends()
        ztui.until(lambda: not any(alive(pid) for pid in below))


def test_F50_D13_bytes_that_are_no_text(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press(b"\xff\xfe\xc3\x28\xf0\x9f\x80")
        ztui.press("1")
        ztui.until("1 Identify")
        ztui.press("q")
        ztui.until(READY)


def test_F50_what_is_typed_behind_a_slash_or_a_colon_in_one_go_finds_the_prompt(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.press("/map\r")
        ztui.until("clear filter map")
        ztui.press(":who-can get /metrics\r")
        ztui.until("Who can get /metrics")


def test_F50_twenty_thousand_keys(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.flood(b"jk" * 10_000)
        ztui.press("o")
        ztui.until(READY)
        assert ztui.process.poll() is None


def test_F50_D16_a_paste_without_an_end_is_no_command(tmp_path: Path, kubeconfig: str, cluster: DemoThread) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("\x1b[200~1:quit\rq" + "x" * 1000)
        ztui.insist("H", "heartbeat")  # keys count again after two seconds
        assert ztui.process.poll() is None
        assert writes(cluster) == []


def test_F50_a_sequence_in_pieces(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        for piece in ("\x1b", "[", "B"):
            ztui.press(piece)
            ztui.quiet(0.3)
        assert ztui.process.poll() is None
        assert ztui.foreign() == []


def test_F51_a_terminal_that_is_not_read_catches_up(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.stop_reading()
        ztui.flood(b"1o" * 60)
        ztui.press("H")
        ztui.flood(b"1o" * 60)
        ztui.read_again()
        ztui.insist("H", "heartbeat")  # a key that meets a screen on its way out goes with it
        ztui.until("last heartbeat")
        ztui.until("Esc back")
        ztui.signal(signal.SIGTERM)
        assert ztui.ends() == 143


def test_F51_a_terminal_that_is_never_read_does_not_hold_the_program(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.stop_reading()
        ztui.flood(b"1o" * 60)
        ztui.signal(signal.SIGTERM)
        assert ztui.ends() in {143, -signal.SIGTERM}


def test_F52_every_size(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.press("jjj")
        for columns, lines in ((0, 0), (1, 1), (500, 2), (2, 500), *((20 + at * 3, 5 + at) for at in range(50))):
            ztui.resize(columns, lines)
        ztui.resize(30, 8)
        ztui.until("too small")
        ztui.resize(100, 30)
        ztui.until("P1.MAP")
        ztui.press("\r")
        ztui.until(lambda: "▾" in ztui.text)
        assert ztui.foreign() == []


def test_F53_a_dumb_terminal_gets_the_plain_report(tmp_path: Path, kubeconfig: str) -> None:
    with Program(tmp_path, "--kubeconfig", kubeconfig, TERM="dumb") as ztui:
        assert ztui.ends() == 0
        ztui.drained()
        ztui.until("ZTG-RES")
        assert b"\x1b[?" not in ztui.raw
        assert b"\x1b[3" not in ztui.raw


@pytest.mark.parametrize("term", ["linux", "xterm", "screen"])
def test_F53_eight_colours(tmp_path: Path, kubeconfig: str, term: str) -> None:
    with ready(tmp_path, kubeconfig, TERM=term) as ztui:
        assert not re.search(rb"\x1b\[[0-9;]*[34]8;[25];", bytes(ztui.raw))


def test_F53_without_colour(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig, NO_COLOR="", COLORTERM="truecolor") as ztui:
        found = re.findall(rb"[34]8;2;([0-9]+);([0-9]+);([0-9]+)", bytes(ztui.raw))
        assert {len(set(item)) for item in found} <= {1}
        ztui.press("1")
        ztui.until("FAIL")


def test_F53_a_terminal_without_unicode(tmp_path: Path, kubeconfig: str) -> None:
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with ready(tmp_path, kubeconfig, **plain) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.until("FAIL")
        assert ztui.raw.isascii()
        assert "\\u" not in ztui.text
        assert "?   " not in ztui.lines[2]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_F53_inside_tmux(tmp_path: Path, kubeconfig: str) -> None:
    tmux = ("tmux", "-S", str(tmp_path / "tmux.sock"), "-f", "/dev/null")
    run = f"{sys.executable} -m ztui --kubeconfig {kubeconfig}"
    with Program(tmp_path, "new-session", run, command=tmux, size=(80, 24)) as ztui:
        ztui.until(READY)
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.press("qq")
        ztui.ends()
    subprocess.run([*tmux, "kill-server"], check=False, capture_output=True, env=environment(tmp_path))


def test_R22_R28_random_keys_change_nothing(tmp_path: Path, kubeconfig: str, cluster: DemoThread) -> None:
    storm(tmp_path, kubeconfig, cluster, 60_000)


@pytest.mark.soak
def test_R22_a_megabyte_of_random_keys(tmp_path: Path, kubeconfig: str, cluster: DemoThread) -> None:
    storm(tmp_path, kubeconfig, cluster, 1_000_000)


def storm(folder: Path, kubeconfig: str, cluster: DemoThread, size: int) -> None:
    """Random bytes, without the keys that leave on purpose, and without the one that copies (a sequence of its own).

    The palette leaves on purpose too: it offers "quit", and what Enter takes there depends on what was found by then.
    """
    seed = 7
    quits = b"qQC\x03\x10\x11\x1a"
    data = bytes(byte for byte in random.Random(seed).randbytes(size) if byte not in quits)  # noqa: S311  not a secret
    with ready(folder, kubeconfig, "--read-only") as ztui:
        ztui.flood(data)
        ztui.insist("\x1b\x1b", lambda: ztui.process.poll() is None and "[RO" in ztui.text)
        assert ztui.foreign() == []
        assert writes(cluster) == []


def test_a_full_prompt_is_silent(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.press("1")
        ztui.until("P1.MAP")
        ztui.press("/")
        ztui.flood(b"ab " * 200)
        ztui.press("\r")
        ztui.insist("", "clear filter ab")
        assert ztui.foreign() == []


def test_R24_an_idle_screen_sends_nothing(tmp_path: Path, kubeconfig: str) -> None:
    with ready(tmp_path, kubeconfig) as ztui:
        ztui.quiet(4.0)
