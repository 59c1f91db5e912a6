"""What a Vault does that somebody should know of: changes are signals, states are not."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.incidents.telling import SHOP, Desk
from tests.worlds import NOW
from ztui.kinds.base import Kind, decode
from ztui.kinds.vault import VaultHealth, VaultLogin, VaultToken
from ztui.store import Drop, Lost, Put, Whole
from ztui.view import Gap, Why

STANDBY = "https://vault-{}.vault-internal:8201"


def of_vault(kind: type[Kind], name: str, place: str, **fields: Any) -> Kind:
    meta = {"namespace": place, "name": name, "uid": "", "resourceVersion": ""}
    return decode(kind, json.dumps({"metadata": meta, **fields}).encode())


class Vaults(Desk):
    """A desk with one Vault."""

    def __init__(self) -> None:
        super().__init__(*SHOP)
        self.minutes = 0

    def tick(self) -> set[tuple[str, str]]:
        """The rules and levels of all that has been told until now, a minute later."""
        self.minutes += 1
        self.fold(now=NOW + timedelta(minutes=self.minutes))
        return {(one.rule, one.level) for item in self.incidents.values() for one in item.seen}

    def health(self, name: str = "main", **fields: Any) -> set[tuple[str, str]]:
        seal = {"initialized": True, "sealed": fields.pop("sealed", False)}
        leader = {"haEnabled": True, "leader_address": STANDBY.format(fields.pop("leader", 0))}
        tree = {"address": "https://vault:8200", "tls": "verified", "seal": seal, "leader": leader, **fields}
        self.store.apply(Put(of_vault(VaultHealth, "health", name, **tree)))
        self.store.apply(Whole(VaultHealth, frozenset({(name, "health")})))
        return self.tick()

    def token(self, kind: type[Any], name: str, *policies: str) -> set[tuple[str, str]]:
        self.store.apply(Put(of_vault(kind, name, "main", data={"policies": list(policies), "display_name": "root"})))
        return self.tick()


def test_a_vault_that_seals_itself_is_told_of_once_and_again_when_it_does_so_again() -> None:
    desk = Vaults()
    assert desk.health() == set()
    assert desk.health(sealed=True) == {("sealed", "high")}
    desk.health(sealed=True)
    assert desk.one.count == 1
    desk.health()
    desk.health(sealed=True)
    assert desk.one.count == 2
    assert [str(ref) for ref in desk.one.things] == ["vaulthealth/main/health"]


def test_a_vault_that_was_sealed_when_it_was_first_seen_is_no_news() -> None:
    desk = Vaults()
    assert desk.health(sealed=True) == set()
    assert desk.health() == set()


def test_a_vault_that_goes_away_is_told_of_and_one_that_was_never_there_is_not() -> None:
    desk = Vaults()
    gap = Gap(Why.STALE, "vault: no news for 40 s")
    desk.store.apply(Lost(VaultHealth, gap))
    assert desk.tick() == set()
    desk.store.apply(Lost(VaultHealth, None))
    desk.health()
    desk.store.apply(Lost(VaultHealth, gap))
    assert desk.tick() == {("unreachable", "medium")}
    desk.tick()
    assert desk.one.count == 1
    assert "no news for 40 s" in desk.one.seen[0].words
    desk.store.apply(Lost(VaultHealth, None))
    desk.tick()
    desk.store.apply(Lost(VaultHealth, gap))
    desk.tick()
    assert desk.one.count == 2


def test_a_leader_that_changes_three_times_in_a_quarter_of_an_hour_flaps() -> None:
    desk = Vaults()
    for leader in (0, 1, 0):
        assert desk.health(leader=leader) == set()
    assert desk.health(leader=2) == {("leader flapping", "medium")}


def test_a_leader_that_changes_now_and_then_does_not_flap() -> None:
    desk = Vaults()
    for leader in (0, 1, 2, 0, 1, 2):
        desk.minutes += 10
        assert desk.health(leader=leader) == set()


def test_a_root_token_that_is_being_made_is_told_of() -> None:
    desk = Vaults()
    assert desk.health(rootAttempt=False) == set()
    assert desk.health(rootAttempt=True) == {("root token in the making", "high")}


def test_a_root_token_that_appears_is_told_of_and_those_from_before_are_not() -> None:
    desk = Vaults()
    desk.store.apply(Put(of_vault(VaultToken, "a1", "main", data={"policies": ["root"]})))
    desk.store.apply(Whole(VaultToken, frozenset({("main", "a1")})))
    assert desk.tick() == set()
    assert desk.token(VaultToken, "a2", "default") == set()
    assert desk.token(VaultToken, "a3", "root") == {("root token in use", "high")}
    desk.store.apply(Drop(VaultToken, "main", "a3"))
    desk.tick()
    assert desk.one.count == 1


def test_a_login_that_becomes_one_with_a_root_token_is_told_of() -> None:
    desk = Vaults()
    desk.store.apply(Whole(VaultLogin, frozenset()))
    assert desk.tick() == set()
    assert desk.token(VaultLogin, "auth/token/lookup-self", "default") == set()
    assert desk.token(VaultLogin, "auth/token/lookup-self", "root") == {("root token in use", "high")}


def test_of_several_vaults_each_is_told_of_alone() -> None:
    desk = Vaults()
    desk.health("one")
    desk.health("two", leader=5)
    desk.health("two", leader=5, sealed=True)
    assert [str(ref) for ref in desk.one.things] == ["vaulthealth/two/health"]
