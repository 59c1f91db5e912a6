"""Records on disk: private, chained, and honest about damage; waivers and attestations on the board."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.worlds import NOW, card, judged, put, world
from ztui.attestations import read_attestations
from ztui.board import Board, Judge
from ztui.checks.base import CheckId, Status
from ztui.diary import Diary, sweep_of
from ztui.engines.progress import Sweep, progress
from ztui.errors import JournalError, SettingsError
from ztui.health import Health
from ztui.kinds.record import History, Waiver, record_meta
from ztui.records import Records
from ztui.score import RowStatus
from ztui.store import Put, Store
from ztui.waive import covered, listed, new_waiver

HOST: list[Any] = [
    "namespace/shop",
    {"kind": "Pod", "metadata": {"name": "agent", "namespace": "shop"}, "spec": {"hostNetwork": True}},
]
NET = "ZT2-NET-007"


def sweep(day: float, *, phase: int = 0, open: int = 10, skewed: bool = False, **rows: str) -> Sweep:  # noqa: A002  the field's name
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return Sweep(at.isoformat(), "c", 1, False, phase, 0.1, 0.5, rows, {}, open, skewed)


def waived(store: Store, **fields: Any) -> None:
    name = fields.pop("name", "w1")
    until = fields.pop("until", NOW + timedelta(days=10))
    values = {"check": NET, "owner": "ana", "reason": "legacy agent", "expires": until.isoformat(), **fields}
    store.apply(Put(Waiver(metadata=record_meta(name), **values)))


def board(store: Store, **how: Any) -> Board:
    return judged(store.tick(NOW), card(NET), **how)


def test_the_file_is_private_and_remembers(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    first = Records(folder, "7f3a")
    first.add(sweep(0))
    waiver = new_waiver(card(NET), NOW, 30, owner="ana", reason="legacy agent", target="pod/shop/agent")
    first.waive(waiver)
    first.close()
    path = folder / "7f3a.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = Records(folder, "7f3a")
    assert again.waivers() == [waiver]
    assert len(again.sweeps()) == 1
    assert again.drop(waiver.name)
    assert not again.drop(waiver.name)
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        "update sweep set body = cast(replace(body, '\"open\":10', '\"open\":0') as blob) where seq = 2",
        "delete from sweep where seq = 2",
        "update sweep set hash = previous where seq = 1",
        "update sweep set seq = 9 where seq = 3",
    ],
)
def test_a_snapshot_that_was_changed_or_taken_out_shows(tmp_path: Path, damage: str) -> None:
    records = Records(tmp_path, "c")
    for day in range(3):
        records.add(sweep(day))
    records.close()
    with sqlite3.connect(tmp_path / "c.sqlite") as file:
        file.execute(damage)
    damaged = Records(tmp_path, "c")
    with pytest.raises(JournalError, match="history was changed"):
        damaged.sweeps()
    damaged.close()


def test_a_cluster_id_that_is_a_path_stays_in_the_folder(tmp_path: Path) -> None:
    Records(tmp_path, "../../evil").close()
    assert [item.suffix for item in tmp_path.iterdir() if item.is_file()] == [".sqlite"]
    assert not (tmp_path.parent.parent / "evil.sqlite").exists()


def test_a_link_and_a_folder_without_rights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError):
        Records(tmp_path, "c")
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError):
        Records(tmp_path / "file", "c")


async def test_records_that_cannot_be_used_cost_only_what_rests_on_them(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("x")
    diary = Diary(tmp_path, strict=False, attestations=None)
    events = await diary.open("c")
    assert {type(event).__name__ for event in events} == {"Hole"}
    assert "records cannot be used" in diary.problems[0]
    await diary.close()


async def test_a_snapshot_at_every_change_of_a_row_and_every_ten_minutes(tmp_path: Path) -> None:
    store = world(HOST)
    bad = board(store)
    health = Health(context="c", server="s")
    diary = Diary(tmp_path, strict=False, attestations=None)
    await diary.open("c")
    assert await diary.note(bad, NOW, health)
    assert not await diary.note(bad, NOW + timedelta(seconds=60), health)
    assert await diary.note(bad, NOW + timedelta(seconds=601), health)
    waived(store)
    good = board(store)
    assert await diary.note(good, NOW + timedelta(seconds=610), health)
    assert not await diary.note(good, NOW + timedelta(seconds=611), health)
    assert await diary.note(good, NOW + timedelta(seconds=612), health, now=True)
    await diary.close()


def test_a_waived_finding_gates_nothing_and_costs_a_tenth() -> None:
    store = world(HOST)
    assert board(store).verdicts[CheckId(NET)].status is Status.FAIL
    waived(store)
    found = board(store).verdicts[CheckId(NET)]
    assert (found.status, found.score, found.waived) == (Status.PASS, 0.9, 1)


@pytest.mark.parametrize(
    ("fields", "covers"),
    [
        ({}, True),
        ({"namespace_glob": "sh*"}, True),
        ({"namespace_glob": "bank"}, False),
        ({"target": "pod/shop/agent"}, True),
        ({"target": "pod/shop/other"}, False),
        ({"check": "ZT2-NET-002"}, False),
        ({"until": NOW - timedelta(seconds=1)}, False),
        ({"expires": "no time"}, False),
    ],
)
def test_V24_a_waiver_covers_what_it_says_until_it_ends(fields: dict[str, Any], covers: bool) -> None:  # noqa: N802  the vector's id
    store = world(HOST)
    until = fields.pop("until", NOW + timedelta(days=1))
    waived(store, until=until, **fields)
    assert board(store).verdicts[CheckId(NET)].status is (Status.PASS if covers else Status.FAIL)


def test_a_waiver_that_ends_lets_the_finding_back_within_the_minute() -> None:
    store = world(HOST)
    waived(store, until=NOW + timedelta(minutes=2))
    judge = Judge({card(NET).id: card(NET)})
    try:
        assert judge.judge(store.tick(NOW)).verdicts[CheckId(NET)].status is Status.PASS
        later = judge.judge(store.tick(NOW + timedelta(minutes=3)))
        assert later.verdicts[CheckId(NET)].status is Status.FAIL
    finally:
        judge.close()


def test_what_is_not_known_cannot_be_waived_and_neither_can_anonymous_access() -> None:
    store = world(HOST, gaps={"Pod": "forbidden"})
    waived(store)
    assert board(store).verdicts[CheckId(NET)].status is Status.UNKNOWN
    binding = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "open"},
        "roleRef": {"kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "Group", "name": "system:unauthenticated"}],
    }
    role = {
        "kind": "ClusterRole",
        "metadata": {"name": "edit"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
    }
    anonymous = world([binding, role])
    waived(anonymous, check="ZT1-AUTH-001")
    found = judged(anonymous.tick(NOW), card("ZT1-AUTH-001"))
    assert found.verdicts[CheckId("ZT1-AUTH-001")].status is Status.FAIL
    assert found.idle == ("w1",)


def test_waivers_that_cover_nothing_are_named() -> None:
    store = world(["namespace/shop", "pod/shop/api"])
    waived(store)
    waived(store, name="ended", until=NOW - timedelta(days=1))
    assert board(store).idle == ("w1",)
    assert "covers nothing" in listed(_held(store), board(store), NOW)


def _held(store: Store) -> list[Waiver]:
    return [item for part in store.state.objects[Waiver].values() for item in part.values() if isinstance(item, Waiver)]


@pytest.mark.parametrize(
    ("days", "fields", "why"),
    [
        (30, {"owner": "ana", "reason": "short"}, "too short"),
        (30, {"owner": "", "reason": "legacy agent"}, "answers"),
        (0, {"owner": "ana", "reason": "legacy agent"}, "too many"),
        (181, {"owner": "ana", "reason": "legacy agent"}, "too many"),
    ],
)
def test_a_waiver_needs_a_reason_an_owner_and_an_end(days: int, fields: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        new_waiver(card(NET), NOW, days, **fields)


def test_critical_checks_are_waived_for_a_month_at_most() -> None:
    with pytest.raises(SettingsError, match="too many"):
        new_waiver(card("ZT2-MTLS-003"), NOW, 31, owner="ana", reason="legacy agent")


def test_what_a_new_waiver_covers_is_told() -> None:
    found = board(world(HOST))
    waiver = new_waiver(card(NET), NOW, 7, owner="ana", reason="legacy agent", namespace_glob="shop")
    assert [str(item.on) for item in covered(found, card(NET), waiver)] == ["pod/shop/agent"]


def test_an_owners_word_stands_for_what_the_cluster_cannot_show(tmp_path: Path) -> None:
    file = tmp_path / "attestations.toml"
    file.write_text(
        '[[attestation]]\ncheck = "ZT2-NET-001"\nowner = "ana"\nstatement = "Calico in policy mode"\nexpires = 2026-02-01\n'
        '[[attestation]]\ncheck = "ZT9-NO-001"\nowner = "ana"\nstatement = "no such check"\nexpires = 2026-02-01\n'
        '[[attestation]]\ncheck = "ZT2-NET-001"\nowner = "ana"\nstatement = "too far ahead"\nexpires = 2027-02-01\n'
        '[[attestation]]\ncheck = "ZT2-NET-001"\nowner = "ana"\nstatement = "no day at all"\nexpires = "soon"\n'
    )
    sworn, problems = read_attestations(str(file), NOW)
    assert [item.check for item in sworn] == ["ZT2-NET-001"]
    assert [word for word, text in zip(("ZT9-NO-001", "90 days", "no day"), problems, strict=True) if word not in text] == []
    store = world([])
    item = card("ZT2-NET-001")
    assert judged(store.state, item).verdicts[item.id].status is Status.UNKNOWN
    store.apply(Put(sworn[0]))
    found = judged(store.tick(NOW), item)
    verdict = found.verdicts[item.id]
    assert (verdict.status, verdict.score, verdict.attested) == (Status.PASS, 0.9, True)
    row = found.row("P2.NET")
    assert row is not None
    assert row.status is not RowStatus.ACHIEVED


def test_a_missing_right_is_never_attested() -> None:
    store = world([], gaps={"DaemonSet": "forbidden"})
    sworn = {
        "kind": "Attestation",
        "metadata": {"name": "a1"},
        "check": "ZT2-NET-001",
        "expires": "2026-02-01T00:00:00Z",
        "owner": "ana",
    }
    put(store, sworn)
    item = card("ZT2-NET-001")
    assert judged(store.tick(NOW), item).verdicts[item.id].status is Status.UNKNOWN


@pytest.mark.parametrize("text", ["", "x = 1", "[[attestation]]\ncheck = 3\n", "not toml [", "attestation = 3"])
def test_B16_a_file_of_attestations_that_is_none_says_so(tmp_path: Path, text: str) -> None:  # noqa: N802  the row's id
    file = tmp_path / "a.toml"
    file.write_text(text)
    sworn, problems = read_attestations(str(file), NOW)
    assert sworn == []
    assert problems


def test_the_way_so_far() -> None:
    assert progress([]) is None
    assert progress([sweep(0, skewed=True)]) is None
    found = progress([sweep(day, open=20 - day) for day in range(8)])
    assert found is not None
    assert (found.closed_per_day, found.forecast_days) == (1.0, 13.0)
    young = progress([sweep(0), sweep(1, open=9)])
    assert young is not None
    assert young.closed_per_day is None
    hour = progress([sweep(part / 100, open=20 - part) for part in range(8)])
    assert hour is not None
    assert hour.closed_per_day is None


def test_a_phase_is_reached_after_three_sweeps_in_a_row_and_may_be_lost() -> None:
    flapping = [sweep(0), sweep(1, phase=2), sweep(2, phase=1), sweep(3, phase=2), sweep(4, phase=2)]
    found = progress(flapping)
    assert found is not None
    assert found.reached_s is None
    held = progress([*flapping, sweep(5, phase=2)])
    assert held is not None
    assert held.reached_s == 3 * 86_400
    lost = progress([*flapping, sweep(5, phase=2), sweep(6, phase=1, P1="open")])
    assert lost is not None
    assert lost.regressed


def test_a_board_becomes_a_snapshot_that_survives_the_way_to_disk() -> None:
    found = sweep_of(board(world(HOST)), NOW, "c", strict=True)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Sweep) == found
    assert found.rows["P2.NET"] == "open"
    assert found.open == 1
    assert History.SOURCE == "records"
