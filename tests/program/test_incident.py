"""An attack, met at a terminal: seen, kept as evidence, contained with twenty keys, each on the screen when it is pressed.

What is left behind is looked at by other eyes: the journal by `ztui journal`, the bundle and the note by `ztui`, the cluster by a
client of its own, and the attacker by how far he gets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.client import Client
from tests.program.hands import Hands, own_settings, ran
from tests.program.terminal import Program
from ztui.demo.server import DemoThread

MOST = 20


@pytest.fixture
def attacked() -> Iterator[DemoThread]:
    """A cluster under attack: the first steps are taken, the others wait for the test."""
    with DemoThread(scenario="incident", seed=7, churn=False) as found:
        yield found


def test_an_attack_is_contained_with_twenty_keys(attacked: DemoThread, tmp_path: Path) -> None:
    config = own_settings(tmp_path, attacked)
    attack = attacked.server.attack
    assert attack is not None
    for _ in range(4):
        attack.step()
    space, name = attack.victim
    with Program(tmp_path, size=(110, 36), ZTUI_CONFIG=config, KUBECONFIG=str(tmp_path / "kubeconfig")) as ztui:
        ztui.until("1 incident (i)")
        hands = Hands(ztui)
        hands.press("i", shown="(i)")
        hands.press("Enter", "what happened")
        ztui.until("a workload's token used by hand")
        hands.press("f", "contain")
        hands.press("Enter", "on the first line keeps the evidence")
        ztui.until("acknowledged")
        hands.press("Enter", "shows what a measure would do")
        for question in ("aside, or stay", "yes or no", "how many minutes"):
            ztui.until(question)
            hands.press("Enter", "go on")
        ztui.until("server dry-run: accepted")
        assert hands.consent() == space
        ztui.until("verified: done, and proved")
        hands.press("Esc", "leave")
        hands.press("a", "brings it to contained")
        hands.press("Enter", shown="state i")
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


def test_what_still_tells_of_it_is_silenced_and_heard_again(attacked: DemoThread, tmp_path: Path) -> None:
    config = own_settings(tmp_path, attacked)
    attack = attacked.server.attack
    assert attack is not None
    while attack.step():
        pass
    admin = Client(attacked.telemetry_url, attacked.ca_pem, attacked.token("admin"))

    def heard() -> list[str]:
        found = admin.ask("/api/v2/alerts?silenced=false").body
        return [item["labels"]["alertname"] for item in found]

    assert heard() == ["CPUThrottlingHigh"]
    with Program(tmp_path, size=(110, 36), ZTUI_CONFIG=config, KUBECONFIG=str(tmp_path / "kubeconfig")) as ztui:
        ztui.until("1 incident (i)")
        hands = Hands(ztui)
        hands.press("i", shown="(i)")
        hands.press("Enter", "what happened")
        ztui.until("alertmanager")
        hands.press("f", "contain")
        hands.press("a", "next state")
        ztui.until("acknowledged · ")
        assert "Silence an alert" not in ztui.text
        hands.press("a", "next state")
        hands.press("Enter", shown="state i")
        ztui.until("Silence an alert for a while")
        for _ in range(20):
            hands.press("Down", shown="Silence an alert")
        hands.press("Enter", "look, then do it")
        ztui.until("for how many hours")
        hands.press("Enter", "go on")
        ztui.until("reach nobody for 4 hours")
        assert hands.consent() == "CPUThrottlingHigh"
        ztui.until("verified: done, and proved")
        assert heard() == []
        hands.press("U", "take it back")
        ztui.until("take back ")
        assert hands.consent() == "CPUThrottlingHigh"
        ztui.until("verified: ")
        ztui.press("qqq")
    assert heard() == ["CPUThrottlingHigh"]
    ran(tmp_path, "journal", "verify")
