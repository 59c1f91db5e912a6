"""Changes to a Vault from the preview to the undo, on the demo's Vault, which answers as a real one does."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.changes.desks import REASON, agree, found_on, look, opened
from ztui.changes import shown as words
from ztui.changes.consent import Consent
from ztui.changes.entry import Entry
from ztui.changes.journal import Journal
from ztui.changes.preview import Preview
from ztui.changes.recovery import recovered
from ztui.changes.vaultwriter import VaultWriter
from ztui.clock import SystemClock
from ztui.demo.server import DemoThread
from ztui.demo.vault import DemoVault
from ztui.errors import ChangeError, ConnectError, DriftError, ForbiddenError, OutcomeUnknownError
from ztui.kinds.base import Ref
from ztui.kinds.vault import GROUP, VaultRole
from ztui.panes.object import object_lines
from ztui.panes.vault import vault_lines, vaults
from ztui.recipes.base import Write
from ztui.settings import ContextSettings, Settings, VaultSettings
from ztui.sources.vaultdoor import VaultDoor
from ztui.sources.vaulttarget import find_vaults
from ztui.view import View

ROLE = "auth/kubernetes/role/shop"
ACCESSOR = "x2Vb7backup"
LEASES = "sys/leases/lookup/database/creds/shop/"


@pytest.fixture
def vault(demo: DemoThread) -> DemoVault:
    return demo.server.vault


@pytest.fixture
def mine(demo: DemoThread, tmp_path: Path) -> Settings:
    authority, token = demo.server.write_vault(tmp_path)
    return Settings(vaults={"v": VaultSettings(demo.server.vault.url, ca_file=str(authority), token_file=str(token))})


@pytest.fixture
async def hand(mine: Settings) -> AsyncIterator[VaultWriter]:
    door = VaultDoor(find_vaults(mine, "any", {})[0], SystemClock(), timeout_s=5)
    yield VaultWriter(lambda name: door if name == "v" else None, lambda *_: None)
    await door.close()


async def role(desk: Any) -> Preview:
    return await look(desk, "R-VAULT-ROLE", "VaultRole", ROLE, "v", GROUP, audience="keep")


def role_write(**fields: Any) -> Write:
    return Write(VaultRole, Ref(GROUP, "VaultRole", "v", ROLE), "apply", {"data": fields})


def entity(vault: DemoVault, name: str) -> dict[str, Any]:
    return next(item for path, item in vault.story.items() if path.startswith("identity/entity/") and item["name"] == name)


def written(vault: DemoVault) -> list[str]:
    """The paths that somebody wrote to, in order: what only asks is none of them."""
    sent = [path for method, path, _ in vault.requests if method in {"POST", "PUT"}]
    return [path for path in sent if "lookup" not in path and "capabilities" not in path]


async def test_a_role_is_narrowed_proved_by_its_check_and_taken_back(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    before = copy.deepcopy(vault.story[ROLE])
    async with opened(demo, tmp_path, settings=mine) as (core, desk):
        assert found_on(core.frame, "ZT2-VLT-004", ROLE)
        shown = await role(desk)
        assert shown.need(desk.mode).risk_class == "disruptive"
        assert shown.need(desk.mode).word == ROLE
        assert shown.rights == ()
        assert shown.effect is not None
        assert "ZT2-VLT-004" in shown.effect.proofs
        text = "\n".join(line.cells[0].text for line in words.lines(shown, desk.mode))
        assert "a Vault tries nothing out" in text
        assert "data.bound_service_account_names" in text
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        assert vault.story[ROLE] == before | {"bound_service_account_names": ["web"]}
        assert not found_on(core.frame, "ZT2-VLT-004", ROLE)
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        assert (await agree(desk, back)).state == "verified"
        assert vault.story[ROLE] == before
        assert [item.state for item in await desk.changes()] == ["undone", "verified"]


async def test_what_a_role_did_not_have_is_taken_away_again(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    del vault.story[ROLE]["audience"]
    before = copy.deepcopy(vault.story[ROLE])
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await look(desk, "R-VAULT-ROLE", "VaultRole", ROLE, "v", GROUP, audience="vault")
        outcome = await agree(desk, shown)
        assert vault.story[ROLE]["audience"] == "vault"
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        assert vault.story[ROLE] == before


async def test_a_role_that_somebody_changed_since_the_preview_is_left_alone(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await role(desk)
        vault.story[ROLE] = vault.story[ROLE] | {"token_num_uses": 3}
        with pytest.raises(DriftError, match="changed since the preview"):
            await agree(desk, shown)
        assert written(vault) == []


async def test_a_role_that_moves_between_reading_and_writing_is_left_alone(hand: VaultWriter, vault: DemoVault) -> None:
    write = role_write(token_ttl=60)
    live = await hand.read(write)
    vault.story[ROLE] = vault.story[ROLE] | {"token_num_uses": 3}
    with pytest.raises(DriftError):
        await hand.send(write, live, "c")
    assert written(vault) == []


async def test_the_plan_is_made_from_what_the_vault_says_now(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        vault.story[ROLE] = vault.story[ROLE] | {"token_ttl": 7200, "token_max_ttl": 200_000}
        shown = await role(desk)
        [step] = shown.steps
        assert step.write.body["data"]["token_max_ttl"] == 86_400


async def test_an_edit_by_others_is_not_taken_back(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        outcome = await agree(desk, await role(desk))
        vault.story[ROLE] = vault.story[ROLE] | {"bound_service_account_names": ["web", "cart"]}
        shown = await desk.preview_undo(outcome.change)
        assert [dict(item.note.values)["field"] for item in shown.plan.stops] == ["data.bound_service_account_names"]
        with pytest.raises(ChangeError, match="precondition"):
            await agree(desk, shown)
        assert vault.story[ROLE]["bound_service_account_names"] == ["web", "cart"]


async def test_what_others_set_beside_it_stays(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        outcome = await agree(desk, await role(desk))
        vault.story[ROLE] = vault.story[ROLE] | {"token_num_uses": 3}
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert vault.story[ROLE]["bound_service_account_names"] == ["*"]
        assert vault.story[ROLE]["token_num_uses"] == 3


async def test_a_lost_answer_is_read_back(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await role(desk)
        vault.faults.lose = 1
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert written(vault) == [ROLE]
        assert [record.step for record in (await desk.changes())[0].records] == ["intent", "sent", "acked", "verified"]


async def test_a_missing_right_is_named_before_anything_is_offered(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    vault.faults.closed.add(ROLE)
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await role(desk)
        assert shown.rights == (f"update {ROLE} (vault)",)
        with pytest.raises(ChangeError, match="the server said no"):
            await agree(desk, shown)
        assert [item.state for item in await desk.changes()] == ["failed"]


async def test_what_the_vault_says_against_a_write_is_told(hand: VaultWriter, vault: DemoVault) -> None:
    write = role_write(bound_service_account_names=["*", "web"])
    with pytest.raises(ChangeError, match='can not mix "\\*" with values'):
        await hand.send(write, await hand.read(write), "c")
    assert vault.story[ROLE]["bound_service_account_names"] == ["*"]


async def test_a_warning_is_told(hand: VaultWriter, vault: DemoVault) -> None:
    del vault.story[ROLE]["audience"]
    write = role_write(token_ttl=60)
    sent = await hand.send(write, await hand.read(write), "c")
    assert "does not have an audience" in sent.warnings[0]


async def test_a_write_goes_to_the_namespace_of_its_object(hand: VaultWriter, vault: DemoVault) -> None:
    ref = Ref(GROUP, "VaultRole", "v/team/a", ROLE)
    write = Write(VaultRole, ref, "apply", {"data": {"token_ttl": 60}})
    await hand.send(write, await hand.read(write), "c")
    assert await hand.lacks(write) == ()
    assert len(vault.spaces) == len(vault.requests) == 5
    assert set(vault.spaces) == {"team/a"}


async def test_nothing_is_tried_out(hand: VaultWriter, vault: DemoVault) -> None:
    write = role_write(token_ttl=60)
    with pytest.raises(ChangeError, match="tries nothing out"):
        await hand.send(write, await hand.read(write), "c", dry_run=True)
    assert written(vault) == []


async def test_a_vault_that_is_sealed_or_not_followed(hand: VaultWriter, vault: DemoVault) -> None:
    write = role_write(token_ttl=60)
    live = await hand.read(write)
    vault.faults.status = 503
    with pytest.raises(ConnectError, match="503"):
        await hand.read(write)
    with pytest.raises(ConnectError, match="503"):
        await hand.send(write, live, "c")
    elsewhere = Write(VaultRole, Ref(GROUP, "VaultRole", "other", ROLE), "apply", {"data": {}})
    with pytest.raises(ConnectError, match="not connected"):
        await hand.read(elsewhere)
    assert written(vault) == []


async def test_a_vault_that_fails_after_it_was_told_leaves_the_outcome_open(hand: VaultWriter, vault: DemoVault) -> None:
    write = role_write(token_ttl=60)
    live = await hand.read(write)
    vault.faults.lose = 1
    with pytest.raises(OutcomeUnknownError, match="the answer was lost"):
        await hand.send(write, live, "c")
    assert vault.story[ROLE]["token_ttl"] == 60


async def test_read_only_sends_nothing(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    settings = Settings(vaults=mine.vaults, read_only=True)
    async with opened(demo, tmp_path, settings=settings) as (_, desk):
        shown = await role(desk)
        assert [step.live is not None for step in shown.steps] == [True]
        with pytest.raises(ChangeError, match="read-only"):
            await agree(desk, shown)
        assert written(vault) == []


async def test_a_production_context_is_locked_for_its_vault_too(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    settings = Settings(vaults=mine.vaults, contexts={"demo": ContextSettings(prod=True)})
    async with opened(demo, tmp_path, settings=settings) as (_, desk):
        shown = await role(desk)
        with pytest.raises(ChangeError, match="locked"):
            await agree(desk, shown)
        assert written(vault) == []


async def test_a_token_is_ended_and_its_accessor_is_nowhere(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path, settings=mine, state=tmp_path / "state") as (core, desk):
        assert found_on(core.frame, "ZT2-VLT-006", ACCESSOR)
        shown = await look(desk, "R-VAULT-REVOKE-ACC", "VaultToken", ACCESSOR, "v", GROUP)
        need = shown.need(desk.mode)
        assert (need.risk_class, need.word, need.reason) == ("destructive", "x2Vb7bac", True)
        text = "\n".join(line.cells[0].text for line in words.lines(shown, desk.mode))
        text += desk.commands(shown) + desk.manifests(shown)
        text += "\n".join(line.cells[0].text for line in object_lines(core.frame.state, shown.plan.on))
        text += "\n".join(
            cell.text for line in vault_lines(View(core.frame.state).derive(vaults, core.cell_of)) for cell in line.cells
        )
        assert "token-backup" in text
        assert ACCESSOR not in text
        with pytest.raises(ChangeError, match="not agreed to"):
            await desk.apply(shown, Consent(ACCESSOR, REASON), lambda _: None)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert f"auth/token/lookup-accessor/{ACCESSOR}" not in vault.story
        assert not found_on(core.frame, "ZT2-VLT-006", ACCESSOR)
        with pytest.raises(ChangeError, match="cannot be taken back"):
            await desk.preview_undo(outcome.change)
        assert "token-backup" in repr(await desk.changes())
    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert kept
    assert not any(ACCESSOR.encode() in found for found in kept)


async def test_our_own_token_is_refused(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await look(desk, "R-VAULT-REVOKE-ACC", "VaultToken", "k3Wq0assessor", "v", GROUP)
        assert [item.note.reason.code for item in shown.plan.stops] == ["own-token"]
        with pytest.raises(ChangeError, match="precondition"):
            await agree(desk, shown)
        assert written(vault) == []


async def test_credentials_are_counted_taken_back_and_gone(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await look(desk, "R-VAULT-LEASES", "VaultCredentials", "database/creds/shop", "v", GROUP)
        text = "\n".join(line.cells[0].text for line in words.lines(shown, desk.mode, all_of_it=True))
        assert "leases: 3" in text
        assert "deployment/shop/web may get credentials there too" in text
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert written(vault) == ["sys/leases/revoke-prefix/database/creds/shop"]
        assert not [path for path in vault.story if path.startswith(LEASES)]
        again = await look(desk, "R-VAULT-LEASES", "VaultCredentials", "database/creds/shop", "v", GROUP)
        assert again.refusals == ("there is nothing of that there",)


async def test_a_lost_answer_about_credentials_is_asked_for_again(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await look(desk, "R-VAULT-LEASES", "VaultCredentials", "database/creds/shop", "v", GROUP)
        vault.faults.lose = 1
        assert (await agree(desk, shown)).state == "verified"
        assert written(vault) == ["sys/leases/revoke-prefix/database/creds/shop"] * 2


async def test_who_may_not_list_leases_takes_none_back(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    vault.faults.denied.add(LEASES.rstrip("/"))
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        with pytest.raises(ForbiddenError, match="list sys/leases/lookup"):
            await look(desk, "R-VAULT-LEASES", "VaultCredentials", "database/creds/shop", "v", GROUP)


async def test_an_identity_is_switched_off_and_on_again(
    demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path
) -> None:
    uid = demo.objects.get("serviceaccounts", "web", "shop")["metadata"]["uid"]
    name = f"auth/kubernetes/alias/{uid}"
    before = copy.deepcopy(entity(vault, "entity_1c1d7e2a"))
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        outcome = await agree(desk, await look(desk, "R-VAULT-ENTITY", "VaultEntity", name, "v", GROUP))
        assert outcome.state == "verified"
        assert entity(vault, "entity_1c1d7e2a")["disabled"] is True
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        assert entity(vault, "entity_1c1d7e2a") == before
        assert entity(vault, "entity_0c1d7e2a")["disabled"] is False


async def test_an_identity_that_never_logged_in(demo: DemoThread, vault: DemoVault, mine: Settings, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=mine) as (_, desk):
        shown = await look(desk, "R-VAULT-ENTITY", "VaultEntity", "auth/kubernetes/alias/nobody", "v", GROUP)
        assert shown.refusals == ("there is nothing of that there",)
        with pytest.raises(ChangeError, match="nothing was sent"):
            await agree(desk, shown)
        assert written(vault) == []


@pytest.mark.parametrize(("ttl", "step"), [(60, "verified"), (1200, "failed")])
async def test_after_a_crash_the_vault_tells_how_it_ended(
    hand: VaultWriter, vault: DemoVault, tmp_path: Path, ttl: int, step: str
) -> None:
    journal = Journal.open(tmp_path / "journal", clock=SystemClock())
    undo: dict[str, Any] = {
        **{"group": GROUP, "kind": "VaultRole", "namespace": "v", "name": ROLE, "uid": "", "verb": "apply"},
        **{"body": {"data": {"token_ttl": 1200}}, "after": {"data": {"token_ttl": 60}}},
    }
    for kept in ("intent", "sent"):
        entry = Entry(change="c", step="intent", ref=role_write().ref, action="apply", after={"data.token_ttl": 60}, undo=undo)
        journal.append(Entry(**{**{name: getattr(entry, name) for name in Entry.__struct_fields__}, "step": kept}))
    vault.story[ROLE] = vault.story[ROLE] | {"token_ttl": ttl}
    told = await recovered(journal, hand)
    [change] = journal.changes()
    journal.close()
    assert len(told) == 1
    assert change.state == step
