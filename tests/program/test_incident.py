"""An attack, met at a terminal: seen, kept as evidence, contained with twenty keys, each on the screen when it is pressed.

What is left behind is looked at by other eyes: the journal by `ztui journal`, the bundle and the note by `ztui`, the cluster by a
client of its own, and the attacker by how far he gets.
"""

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

BYTES = {"Enter": "\r", "Down": "\x1b[B", "Esc": "\x1b"}
MOST = 20


@pytest.fixture
def attacked() -> Iterator[DemoThread]:
    """A cluster under attack: the first steps are taken, the others wait for the test."""
    with DemoThread(scenario="incident", seed=7, churn=False) as found:
        yield found


def own_settings(folder: Path, demo: DemoThread) -> str:
    """Settings that name what stands beside the demo; the context has a name of its own, so its journal is kept."""
    path = folder / "settings.toml"
    url = demo.telemetry_url
    path.write_text(f'[contexts.demo]\nmetrics_url = "{url}"\nalertmanager_url = "{url}"\nlogs_url = "{url}"\n')
    config = json.loads(demo.kubeconfig())
    config["contexts"][0]["name"] = config["current-context"] = "night"
    (folder / "kubeconfig").write_text(json.dumps(config))
    path.write_text(path.read_text().replace("contexts.demo", "contexts.night"))
    path.chmod(0o600)
    return str(path)


class Keyboard:
    """Presses keys that the screen shows, and counts them."""

    def __init__(self, ztui: Program) -> None:
        self.ztui, self.count = ztui, 0

    def press(self, key: str, shown: str) -> None:
        """Press a key once these words are on the screen."""
        self.ztui.until(lambda: shown in "\n".join(self.ztui.screen.display))
        self.ztui.quiet(0.4)
        self.ztui.press(BYTES.get(key, key))
        self.count += 1

    def type(self, word: str) -> None:
        """Type a word that the screen asks for."""
        self.ztui.until(f'type "{word}" to apply')
        self.ztui.quiet(0.6)  # a question stands a moment before an answer counts
        for letter in word:
            self.ztui.press(letter)
            self.ztui.quiet(0.1)
            self.count += 1


def ran(folder: Path, *arguments: str, status: int = 0) -> str:
    env = environment(folder, ZTUI_CONFIG=str(folder / "settings.toml"), KUBECONFIG=str(folder / "kubeconfig"))
    done = subprocess.run(
        [sys.executable, "-m", "ztui", *arguments], capture_output=True, text=True, check=False, env=env, timeout=120
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout


def test_an_attack_is_contained_with_twenty_keys(attacked: DemoThread, tmp_path: Path) -> None:
    config = own_settings(tmp_path, attacked)
    attack = attacked.server.attack
    assert attack is not None
    for _ in range(4):
        attack.step()
    space, name = attack.victim
    with Program(tmp_path, size=(110, 36), ZTUI_CONFIG=config, KUBECONFIG=str(tmp_path / "kubeconfig")) as ztui:
        ztui.until("1 incident (i)")
        hands = Keyboard(ztui)
        hands.press("i", "(i)")
        hands.press("Enter", "Enter what happened")
        ztui.until("a workload's token used by hand")
        hands.press("f", "f contain")
        hands.press("Enter", "Enter on the first line keeps the evidence")
        ztui.until("acknowledged")
        hands.press("Enter", "Enter shows what a measure would do")
        for question in ("aside, or stay", "yes or no", "how many minutes"):
            ztui.until(question)
            hands.press("Enter", "Enter go on")
        ztui.until("server dry-run: accepted")
        hands.press("a", "a apply")
        hands.type(space)
        ztui.until("verified: done, and proved")
        ztui.press("\x1b")
        hands.count += 1
        hands.press("a", "a brings it to contained")
        ztui.until("state i")
        ztui.press("\r")
        hands.count += 1
        ztui.until("contained · 1 done")
        assert hands.count <= MOST
        ztui.press("qqq")

    while attack.step():
        pass
    assert not {"lateral", "miner"} & set(attack.achieved)

    admin = Client(attacked.url, attacked.ca_pem, attacked.token("admin"))
    policies = admin.ask(f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies").body["items"]
    assert any(item["metadata"]["name"].startswith("ztui-quarantine") for item in policies)

    changes = json.loads(ran(tmp_path, "journal", "-o", "json"))
    assert [item["recipe"] for item in changes["changes"] if item["state"] == "verified"] == ["R-QUARANTINE"]
    ran(tmp_path, "journal", "verify")

    [bundle] = (tmp_path / "state" / "ztui" / "bundles").glob("*.tar.gz")
    told = ran(tmp_path, "incident", "--from", str(bundle))
    assert f"deployment/{space}/{name}" in told.replace("\\", "")
    assert "all files are what was captured" in ran(tmp_path, "bundle", "--show", str(bundle))

    listed = json.loads(ran(tmp_path, "incident", "list", "-o", "json", status=1))["incidents"]
    [mine] = [item for item in listed if item["phase"] == "contained"]
    note = ran(tmp_path, "incident", "handover", mine["id"]).replace("\\", "")
    assert re.search(r"→ acknowledged by admin: evidence kept in .+bundle-", note)
    assert "→ contained by admin" in note
    assert re.search(r"R-QUARANTINE on .+ verified", note)
