"""Login programs in the real console and on the shell: asked first, waited for in sight, stopped and taken to the foreground."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path

from tests.program.conftest import Shim
from tests.program.terminal import Program, alive

DENIED = "may not run"


def test_B08_the_console_asks_and_remembers_a_yes(tmp_path: Path, shim: Shim) -> None:
    config = shim("give()")
    with Program(tmp_path, "--kubeconfig", config) as ztui:
        ztui.until("wants to run a program")
        for shown in (str(tmp_path / "login-shim"), "get-token", "sha256"):
            ztui.until(shown)  # a frame may be half written
        ztui.press("\r")
        ztui.insist("n", lambda: DENIED in ztui.text)
        assert not (tmp_path / "pid").exists()
        ztui.press("a")
        ztui.until("wants to run a program")
        ztui.insist("y", "Phase 0 of 4")
        ztui.press("q")
        assert ztui.ends() == 0
        ztui.drained()
        assert ztui.restored()
        assert ztui.foreign() == []
    with Program(tmp_path, "--kubeconfig", config) as again:
        again.until("Phase 0 of 4")


def test_B08_the_shell_asks_at_a_terminal(tmp_path: Path, shim: Shim) -> None:
    config = shim("give()")
    with Program(tmp_path, "--kubeconfig", config, "check", "-o", "short") as ztui:
        ztui.until("[y/N]")
        ztui.press("n\n")
        assert ztui.ends() == 3
        ztui.until(DENIED)
        assert "exec_allow" in ztui.text
    assert not (tmp_path / "pid").exists()
    with Program(tmp_path, "--kubeconfig", config, "check", "-o", "short") as ztui:
        ztui.until("[y/N]")
        ztui.press("y\n")
        assert ztui.ends() == 0
        ztui.until("P1.RBAC")


def test_F34_a_program_that_hangs_is_shown_stopped_and_run_in_the_foreground(tmp_path: Path, shim: Shim) -> None:
    config = shim(
        "if sys.stdin.isatty(): sys.stderr.write('co' 'de? '); sys.stderr.flush(); code = input(); give()\nelse: time.sleep(600)"
    )
    settings = tmp_path / "config" / "ztui"
    settings.mkdir(parents=True)
    (settings / "settings.toml").write_text('exec_policy = "allow-list"\nexec_allow = ["' + str(tmp_path / "login-shim") + '"]\n')
    with Program(tmp_path, "--kubeconfig", config) as ztui:
        ztui.until("login program waiting")
        ztui.until("Esc to cancel")
        first = int((tmp_path / "pid").read_text())
        assert alive(first)
        ztui.press("\x1b")
        ztui.until("was stopped")
        ztui.until(lambda: not alive(first))
        ztui.press("!")
        ztui.until("code?")
        ztui.press("\x03")
        ztui.until("ended with code")
        ztui.press("!")
        ztui.until(lambda: ztui.raw.count(b"code?") == 2)
        ztui.press("7\n")
        ztui.until("Phase 0 of 4")
        ztui.press("q")
        assert ztui.ends() == 0
        ztui.drained()
        assert ztui.restored()


def test_F46_a_dropped_line_takes_the_login_program_with_it(tmp_path: Path, shim: Shim) -> None:
    config = shim("time.sleep(600)")
    with Program(tmp_path, "--kubeconfig", config) as ztui:
        ztui.until("wants to run a program")
        ztui.insist("y", "login program waiting")
        child = int((tmp_path / "pid").read_text())
        ztui.hang_up()
        ztui.ends()
        ztui.until(lambda: not alive(child))
