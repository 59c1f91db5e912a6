"""``ztui fix`` and ``ztui journal undo`` as processes: previews, consents at a terminal, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.client import Client
from tests.program.terminal import Program, environment
from ztui.demo.server import DemoThread

PSA = "pod-security.kubernetes.io/enforce"
FIX = ("fix", "ZTG-TEN-001", "namespace/payments")


@pytest.fixture
def own() -> Iterator[DemoThread]:
    """A demo that a test may change."""
    with DemoThread(churn=False) as found:
        yield found


def labels(demo: DemoThread) -> dict[str, str]:
    admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
    found: dict[str, str] = admin.ask("/api/v1/namespaces/payments").body["metadata"].get("labels") or {}
    return found


def run(folder: Path, demo: DemoThread, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = str(demo.write_kubeconfig(folder / "kubeconfig"))
    command = [sys.executable, "-m", "ztui", *arguments, "--kubeconfig", config]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment(folder), timeout=120)


def agreed(folder: Path, *arguments: str) -> str:
    """A change agreed to by its word at a terminal, and made; what stands there at the end."""
    with Program(folder, *arguments, "--apply") as ztui:
        ztui.until('type "payments" to apply')
        ztui.press("payments\r")
        assert ztui.ends() == 0
        ztui.drained()
        return ztui.text


def test_a_preview_sends_nothing(own: DemoThread, tmp_path: Path) -> None:
    found = run(tmp_path, own, *FIX)
    assert found.returncode == 0, found.stderr
    assert "server dry-run: accepted" in found.stdout
    assert "nothing was sent" in found.stdout
    told = json.loads(run(tmp_path, own, *FIX, "-o", "json").stdout)
    assert told["type"] == "payments"
    assert told["riskClass"] == "disruptive"
    assert told["mayWrite"]
    assert PSA not in labels(own)


def test_a_patch_for_a_repository(own: DemoThread, tmp_path: Path) -> None:
    found = run(tmp_path, own, *FIX, "--emit", str(tmp_path / "patches"))
    path = Path(found.stdout.strip())
    assert path.parent == tmp_path / "patches"
    assert f"{PSA}: baseline" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("fix", "ZTG-TEN-001"), 2, "Name one"),
        (("fix", "ZTG-TEN-001", "namespace/none"), 2, "finds nothing on namespace/none"),
        (("fix", "ZTG-TEN-099"), 2, "ZTG-TEN-099"),
        ((*FIX, "--set", "level"), 2, "NAME=VALUE"),
        ((*FIX, "--apply"), 3, "nobody is there to ask"),
        ((*FIX, "--apply", "--yes"), 3, "--yes is for safe changes"),
        ((*FIX, "--apply", "--yes", "--read-only"), 3, "read-only"),
        (("journal", "undo", "nothing"), 3, "there is no change nothing"),
        (("journal", "undo"), 2, "what is to be taken back?"),
        (("journal", "undo", "a", "--session", "last"), 2, "what is to be taken back?"),
        (("journal", "undo", "--session", "last"), 3, "nothing was changed from here"),
    ],
)
def test_what_cannot_be_done_is_told(
    own: DemoThread, tmp_path: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    found = run(tmp_path, own, *arguments)
    assert found.returncode == status
    assert words in found.stderr
    assert PSA not in labels(own)


def test_a_change_at_a_terminal_and_its_undo_in_another_process(own: DemoThread, tmp_path: Path) -> None:
    config = str(own.write_kubeconfig(tmp_path / "kubeconfig"))
    change = re.search(r"\(change (\w+)\)", agreed(tmp_path, *FIX, "--kubeconfig", config))
    assert change is not None
    assert labels(own)[PSA] == "baseline"
    show = [sys.executable, "-m", "ztui", "journal", "show"]
    listed = subprocess.run(show, capture_output=True, text=True, check=False, env=environment(tmp_path), timeout=60)
    assert change[1] in listed.stdout, listed.stderr
    agreed(tmp_path, "journal", "undo", change[1], "--kubeconfig", config)
    assert PSA not in labels(own)


def test_another_word_applies_nothing(own: DemoThread, tmp_path: Path) -> None:
    config = str(own.write_kubeconfig(tmp_path / "kubeconfig"))
    with Program(tmp_path, *FIX, "--apply", "--kubeconfig", config) as ztui:
        ztui.until('type "payments" to apply')
        ztui.press("yes\r")
        assert ztui.ends() == 3
    assert PSA not in labels(own)


def test_a_session_is_taken_back_from_the_shell(own: DemoThread, tmp_path: Path) -> None:
    config = str(own.write_kubeconfig(tmp_path / "kubeconfig"))
    agreed(tmp_path, *FIX, "--kubeconfig", config)
    back = ("journal", "undo", "--session", "last")
    looked = run(tmp_path, own, *back)
    assert (looked.returncode, PSA in labels(own)) == (0, True)
    assert "Taken back, in this order" in looked.stdout
    assert "nothing was sent" in looked.stdout
    found = json.loads(run(tmp_path, own, *back, "-o", "json").stdout)
    assert (found["schema"], len(found["changes"]), found["held"]) == ("ztui.rewind", 1, [])
    assert found["previews"][0]["riskClass"] == "disruptive"
    assert "--yes is for safe changes" in run(tmp_path, own, *back, "--apply", "--yes").stderr
    assert PSA in labels(own)
    assert "verified: taken back" in agreed(tmp_path, *back, "--kubeconfig", config)
    assert PSA not in labels(own)
    assert "is left to take back" in run(tmp_path, own, *back).stderr
