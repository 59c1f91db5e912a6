"""The Vault pane: roles joined with the workloads they let in, policies with who hands them out, and honest gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.panes.test_workloads import HERE, KUBE, asking, pod, vault_role
from tests.worlds import NOW, put, world
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.panes.vault import Vaults, item_page, vault_lines, vaults

HEALTH = {
    "kind": "VaultHealth",
    "metadata": {"namespace": "main", "name": "health"},
    "address": "https://vault.example",
    "tls": "verified",
    "status": 200,
}
POLICY = {
    "kind": "VaultPolicy",
    "metadata": {"namespace": "main", "name": "read-shop"},
    "data": {"policy": 'path "secret/data/shop/*" { capabilities = ["read"] }'},
}
BASE: tuple[Any, ...] = ("namespace/shop", "serviceaccount/shop/api", HERE, KUBE, HEALTH, POLICY)


def look(objects: Iterable[str | Mapping[str, Any]], **how: Any) -> tuple[Vaults, Judge]:
    judge = Judge(catalogue())
    judge.judge(world(objects, **how).state)
    return judge.look(vaults), judge


def test_a_role_shows_the_workloads_that_it_lets_in() -> None:
    found, judge = look([*BASE, asking("shop"), pod("other", account="other"), vault_role(["api"], ["shop"])])
    (role,) = [item for item in found.items if item.section == "roles" and item.on.kind == "VaultRole"]
    assert isinstance(role.users, tuple)
    assert [(user.unit.name, user.wide, user.use) for user in role.users] == [("api", False, "used")]
    page = "\n".join(" ".join(item.text for item in line.cells) for line in judge.look(item_page, role.key))
    judge.close()
    assert "Policy read-shop opens" in page
    assert "secret/data/shop/*: read" in page
    assert "shop/api (Pod) by name uses it" in page


def test_a_role_for_everybody_lets_everybody_in_and_fails() -> None:
    found, judge = look([*BASE, pod(), pod("other", account="other"), vault_role(["*"], ["*"])])
    judge.close()
    (role,) = [item for item in found.items if item.on.kind == "VaultRole"]
    assert isinstance(role.users, tuple)
    assert {user.unit.name for user in role.users} == {"api", "other"}
    assert all(user.wide for user in role.users)
    assert role.status == "FAIL"
    line = next(line for line in vault_lines(found) if line.key == role.key)
    assert [(item.text, item.tone) for item in line.cells[1:3]] == [("2", "fail"), ("FAIL", "fail")]


def test_a_policy_shows_who_hands_it_out() -> None:
    found, judge = look([*BASE, vault_role(["api"], ["shop"])])
    (policy,) = [item for item in found.items if item.section == "policies"]
    page = [" ".join(item.text for item in line.cells) for line in judge.look(item_page, policy.key)]
    judge.close()
    assert "Handed out by: auth/k/role/shop" in page


def test_without_a_vault_the_pane_says_why() -> None:
    found, judge = look(["namespace/shop", pod()])
    judge.close()
    assert found.items == ()
    assert str(found.gap) == "not-connected(vault)"


def test_what_a_check_could_not_read_stands_in_its_section() -> None:
    found, judge = look([*BASE, vault_role(["api"], ["shop"])], gaps={"VaultPolicy": "forbidden:read policies"})
    judge.close()
    lines = [line for line in vault_lines(found) if line.key.startswith("blind:policies")]
    assert lines
    assert lines[0].cells[2].tone == "unknown"


def test_a_changed_role_changes_its_line_and_no_other() -> None:
    other = vault_role(["other"], ["shop"])
    other["metadata"] = {"namespace": "main", "name": "auth/k/role/other"}
    store = world([*BASE, pod(), vault_role(["api"], ["shop"]), other])
    judge = Judge(catalogue())
    judge.judge(store.state)
    before = {item.key: item for item in judge.look(vaults).items}
    put(store, vault_role(["*"], ["shop"]))
    judge.judge(store.tick(NOW))
    after = {item.key: item for item in judge.look(vaults).items}
    judge.close()
    assert {key for key in after if after[key] != before.get(key)} == {"item:roles:VaultRole:main:auth/k/role/shop"}


def test_whom_a_role_lets_in_is_not_nobody_while_pods_cannot_be_read() -> None:
    found, judge = look([*BASE, pod(), vault_role(["api"], ["shop"])], gaps={"Pod": "forbidden"})
    judge.close()
    (role,) = [item for item in found.items if item.on.kind == "VaultRole"]
    line = next(line for line in vault_lines(found) if line.key == role.key)
    assert (line.cells[1].text, line.cells[1].tone) == ("?", "unknown")
