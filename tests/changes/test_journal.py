"""The journal as its callers use it: what is written, what is read back, what is folded, what never gets in."""

from __future__ import annotations

import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.changes.written import DENY, entry, head, lines, opened, plain, refusal, written
from ztui.changes.change import Part
from ztui.changes.entry import GENESIS, LINE_LIMIT, NO_UNDO, Entry, Record, hides, line_of, sealed
from ztui.changes.journal import Journal, journal_folder
from ztui.clock import ManualClock
from ztui.errors import JournalError
from ztui.kinds.base import Ref
from ztui.redact import HIDDEN


def test_a_record_is_one_line_that_names_the_one_before_it(tmp_path: Path) -> None:
    folder = journal_folder(tmp_path, "7f3a")
    first, second = written(folder, 2)
    assert [line_of(first), line_of(second)] == lines(folder)
    assert (first.seq, first.prev) == (1, GENESIS)
    assert (second.seq, second.prev) == (2, first.hash)
    assert head(folder) == b"ztui-journal-head 1 000000000002 %s\n" % second.hash.encode()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_hash_can_be_checked_by_anybody(tmp_path: Path) -> None:
    written(tmp_path, 3)
    for line in lines(tmp_path):
        told = json.loads(line)["hash"].encode()
        assert hashlib.sha256(line.rstrip(b"\n").replace(told, b"")).hexdigest().encode() == told


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    records = written(tmp_path, 9)
    for reading in (False, True):
        journal = opened(tmp_path, reading=reading)
        assert journal.records() == records
        assert journal.verify() == []
        assert [item.state for item in journal.changes()] == ["verified", "verified", "intent"]
        assert [item.id for item in journal.open_intents()] == ["c2"]
        journal.close()


def test_times_are_those_of_the_clock_whatever_the_wall_clock_does(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = Journal.open(tmp_path, clock=clock)
    first = journal.append(entry())
    clock.jump(timedelta(days=-1))
    second = journal.append(entry("sent"))
    assert second.at - first.at == timedelta(days=-1)
    assert second.mono_ms == first.mono_ms
    assert journal.verify() == []
    journal.close()


def test_a_reader_touches_nothing_and_writes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path / "none", reading=True)
    assert journal.records() == []
    assert not (tmp_path / "none").exists()
    with pytest.raises(JournalError, match="open for reading"):
        journal.append(entry())


def test_without_a_folder_it_is_kept_in_memory() -> None:
    journal = opened(None)
    journal.append(entry())
    journal.append(entry("acked"))
    assert [item.state for item in journal.open_intents()] == ["acked"]
    assert journal.verify() == []
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(entry())


def test_a_change_folds_into_what_its_last_step_says(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(entry("intent", before={"spec": 1}))
    journal.append(entry("acked", after={"spec": 2}, before=None, undo=None))
    journal.append(entry("verified", after=None, undo=None))
    journal.append(entry("note", outcome="reverted by argocd after 8 s", after=None, undo=None))
    journal.append(entry("intent", "c2", undoes="c1"))
    (first, taker) = journal.changes()
    assert (first.state, first.is_open) == ("verified", False)
    assert first.parts == (Part(DENY, "", "apply", {"spec": 1}, {"spec": 2}, [{"action": "delete", "uid": "u-1"}]),)
    assert taker.is_open
    journal.append(entry("verified", "c2", undoes="c1"))
    (first, taker) = journal.changes()
    assert (first.state, first.undone_by, taker.state) == ("undone", ("c2",), "verified")
    journal.close()


@pytest.mark.parametrize("step", ["failed", "rolled-back", "undone", "verified"])
def test_a_change_that_ended_is_not_open(step: Any) -> None:
    journal = opened(None)
    journal.append(entry())
    journal.append(entry(step))
    assert journal.open_intents() == []
    assert journal.changes()[0].state == step


TOKENS = (
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl",
    "sha256~abcdefghijklmnopqrstuvwxyz0123456789",
    "hvs.CAESIJlWcanaryABCDEFGHIJKLMN",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----",
    "https://ana:canary-password@git.example/repo",
    "Authorization: Bearer canary0123456789",
)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    "field", ["recipe", "action", "user", "context", "cluster", "session", "outcome", "reason", "path", "before", "after", "undo"]
)
def test_canaries_never_reach_the_file(tmp_path: Path, field: str, token: str) -> None:
    journal = opened(tmp_path)
    value: Any = {"data": [{"a": token}]} if field in {"before", "after", "undo"} else f"said {token}"
    journal.append(entry(**{field: value}))
    journal.append(entry(ref=Ref("", "ConfigMap", "shop", token)))
    secret = token.removeprefix("Authorization: Bearer ").partition("://ana:")[2].partition("@")[0] or token[-12:]
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes()
        assert json.dumps(token)[1:-1].encode() not in path.read_bytes()
    assert journal.verify() == []
    journal.close()


def test_a_value_is_a_secret_by_the_name_that_it_has() -> None:
    values = {"password": "canary-1", "nested": [{"name": "DB_PASSWORD", "value": "canary-2"}], "client_secret": "canary-3"}
    journal = opened(None)
    record = journal.append(entry(before=values, undo={"steps": [values]}, outcome="asked"))
    assert "canary" not in line_of(record).decode()
    assert record.before == {"password": HIDDEN, "nested": [{"name": "DB_PASSWORD", "value": HIDDEN}], "client_secret": HIDDEN}
    assert hides(record.before)
    assert (record.undo, record.outcome) == (None, f"asked; {NO_UNDO}")


def test_a_change_of_several_objects_has_a_part_for_each(tmp_path: Path) -> None:
    unmade = Ref("rbac.authorization.k8s.io", "Role", "shop", "reader")
    made = Ref("rbac.authorization.k8s.io", "Role", "shop", "reader", "u-2")
    journal = opened(None)
    journal.append(entry("intent"))
    journal.append(entry("acked"))
    journal.append(entry("intent", ref=unmade, after={"rules": []}))
    journal.append(entry("acked", ref=made, after=None, undo=["x"]))
    journal.append(entry("intent", ref=None, path="auth/kubernetes/role/api", action="vault-post", after=1, undo=None))
    journal.append(entry("verified", ref=unmade, after=None, undo=None))
    (change,) = journal.changes()
    assert [item.ref for item in change.parts] == [DENY, made, None]
    assert change.parts[1] == Part(made, "", "apply", None, {"rules": []}, ["x"])
    assert change.parts[2] == Part(None, "auth/kubernetes/role/api", "vault-post", None, 1, None)
    assert change.state == "verified"


def test_identities_and_values_are_kept_as_they_are_and_the_file_shows_no_control(tmp_path: Path) -> None:
    odd = "a\x1b[2J\x7f\u202e\u2028é\U0001f600\r\n"
    journal = opened(tmp_path)
    journal.append(entry(ref=Ref("", "Role", "shop", odd), path=odd, before={odd: [odd]}, outcome=odd))
    journal.close()
    assert all(0x20 <= byte <= 0x7E for byte in lines(tmp_path)[0][:-1])
    (record,) = opened(tmp_path, reading=True).records()
    assert record.ref is not None
    assert (record.ref.name, record.path, record.before) == (odd, odd, {odd: [odd]})
    assert record.outcome == "a\\x1b[2J\\x7f<U+202E><U+2028>é\U0001f600\\r\\n"


def deep() -> Any:
    value: Any = []
    for _ in range(100):
        value = [value]
    return value


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": float("nan")},
        {"after": {"x": float("inf")}},
        {"after": {1: 2}},
        {"after": b"bytes"},
        {"after": "\ud800"},
        {"after": deep()},
        {"after": "x" * LINE_LIMIT},
        {"after": 10**5000},
        {"path": "\udfff"},
        {"change": "../c1"},
        {"undoes": "a b"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_could_not_be_read_back_is_refused_and_costs_nothing_else(tmp_path: Path, wrong: dict[str, Any]) -> None:
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match="cannot be recorded"):
        journal.append(entry(**wrong))
    assert journal.append(entry()).seq == 1
    assert journal.verify() == []
    journal.close()


WORDS = st.text(st.characters())  # lone surrogates too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON, words=WORDS)
def test_every_value_is_read_back_exactly_or_refused(value: Any, words: str) -> None:
    clock = ManualClock()
    said = Entry(change="c", step="intent", after=value, outcome=words)
    try:
        record, line = sealed(said, 1, clock.now(), 5, GENESIS)
    except JournalError:
        assert any(0xD800 <= ord(char) < 0xE000 for char in json.dumps(value, ensure_ascii=False))
        return
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert line_of(msgspec.json.decode(line, type=Record)) == line
    assert plain(line)["after"] == record.after


def test_steps_of_many_threads_are_one_chain(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda number: journal.append(entry("intent", f"c{number}")), range(80)))
    assert sorted(item.seq for item in records) == list(range(1, 81))
    assert journal.verify() == []
    assert len(journal.open_intents()) == 80
    journal.close()


def test_the_problem_is_told_in_four_parts(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    journal = opened(tmp_path)
    told = refusal(journal)
    assert "the journal is damaged" in told
    assert str(tmp_path) in told
    assert "journal.jsonl is a link" in told
    assert "ztui journal accept" in told
    journal.close()
