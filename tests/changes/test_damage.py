"""Damage to the files: everything shows, a half line of a kill is mended, the rest stops writing until somebody accepts it."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.changes.written import entry, head, lines, opened, refusal, written
from ztui.changes.chain import Chain, Problem, compare, read_chain, read_head
from ztui.changes.entry import LINE_LIMIT, line_of
from ztui.changes.files import HEAD, JOURNAL
from ztui.changes.journal import Journal
from ztui.errors import JournalError

COUNT = 6


@pytest.fixture(scope="module")
def sound() -> tuple[bytes, bytes]:
    """The two files of a journal of six records."""
    with tempfile.TemporaryDirectory() as name:
        written(Path(name), COUNT)
        return b"".join(lines(Path(name))), head(Path(name))


def split(raw: bytes) -> list[bytes]:
    return [line + b"\n" for line in raw.split(b"\n")[:-1]] + ([rest] if (rest := raw.rpartition(b"\n")[2]) else [])


def hash_of(line: bytes) -> bytes:
    return line.partition(b'"hash":"')[2][:64]


def found(raw: bytes, head_raw: bytes, *, alone: bool = True) -> tuple[Chain, list[Problem]]:
    chain = read_chain(split(raw))
    return chain, compare(chain, read_head(head_raw), alone=alone)


def blocking(problems: list[Problem]) -> list[Problem]:
    return [item for item in problems if item.blocks]


def put(folder: Path, raw: bytes | None, head_raw: bytes | None) -> None:
    for name, data in ((JOURNAL, raw), (HEAD, head_raw)):
        (folder / name).unlink(missing_ok=True)
        if data is not None:
            (folder / name).write_bytes(data)


@pytest.mark.parametrize("alone", [True, False])
def test_R18_every_bit_of_every_byte_counts(sound: tuple[bytes, bytes], alone: bool) -> None:
    raw, head_raw = sound
    assert found(raw, head_raw, alone=alone)[1] == []
    missed = []
    for at in range(len(raw)):
        for bit in range(8) if at % 7 == 0 else (at % 8,):
            bad = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
            chain, problems = found(bad, head_raw, alone=alone)
            line = raw[:at].count(b"\n") + 1
            if not blocking(problems) or len(chain.records) >= line or problems[0].line not in {line, line + 1}:
                missed.append((at, bit))
    assert missed == []


def test_R18_every_byte_of_the_head_counts(sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    for at in range(len(head_raw)):
        for bit in range(8):
            bad = head_raw[:at] + bytes([head_raw[at] ^ 1 << bit]) + head_raw[at + 1 :]
            assert blocking(found(raw, bad)[1]), (at, bit)


@given(data=st.data())
def test_R18_random_damage_shows_and_what_holds_is_what_was_written(sound: tuple[bytes, bytes], data: st.DataObject) -> None:
    raw, head_raw = sound
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(len(raw), start + 200)))
    instead = data.draw(st.binary(max_size=200))
    bad = raw[:start] + instead + raw[stop:]
    if bad == raw:
        return
    chain, problems = found(bad, head_raw)
    assert blocking(problems) or bad.startswith(raw)
    assert b"".join(map(line_of, chain.records)) == raw[: chain.size]


HOSTILE = st.binary(max_size=300) | st.sampled_from(
    [
        b"{}",
        b"null",
        b'{"v":1}',
        b'{"v":[]}',
        b"[" * 5000,
        b'{"v":1e400}',
        b'"\\ud800"',
        b'{"v":' + b"9" * 5000 + b"}",
        b"\x00" * 50,
    ]
)


@given(found_lines=st.lists(HOSTILE, max_size=8), ends=st.booleans(), head_raw=st.binary(max_size=120))
def test_R13_B50_no_bytes_bring_the_reader_down_or_become_records(found_lines: list[bytes], ends: bool, head_raw: bytes) -> None:
    raw = b"\n".join(found_lines) + (b"\n" if ends else b"")
    chain, problems = found(raw, head_raw)
    assert chain.records == []
    assert bool(blocking(problems)) or raw == b""
    assert all(str(item).isprintable() for item in problems)


def test_R18_swapped_deleted_doubled_and_cut_lines_show_where_they_are(sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    good = split(raw)
    for at in range(COUNT):
        without = good[:at] + good[at + 1 :]
        assert blocking(found(b"".join(without), head_raw)[1])[0].line == at + 1
        doubled = good[: at + 1] + good[at:]
        assert blocking(found(b"".join(doubled), head_raw)[1])[0].line == at + 2
        cut = good[:at]
        told = f"the end is missing: {COUNT} records were written, {at} are there"
        assert found(b"".join(cut), head_raw)[1] == [Problem(at + 1, told)]
        for other in range(at + 1, COUNT):
            swapped = list(good)
            swapped[at], swapped[other] = good[other], good[at]
            assert blocking(found(b"".join(swapped), head_raw)[1])[0].line == at + 1


def test_a_record_put_in_place_of_the_last_one_shows_by_the_head(tmp_path: Path, sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    put(tmp_path, b"".join(split(raw)[:-1]), head_raw[:20] + b"%012d %s\n" % (COUNT - 1, hash_of(split(raw)[-2])))
    forger = opened(tmp_path)
    forger.append(entry("failed", outcome="it never happened"))
    forger.close()
    chain, problems = found(b"".join(lines(tmp_path)), head_raw)
    assert chain.problems == []
    assert [str(item) for item in problems] == [
        f"line {COUNT}: it is not the record that was written here: the head file names another"
    ]


def test_F57_a_tail_torn_at_every_byte_is_mended_and_noted(tmp_path: Path, sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    good = split(raw)
    before = b"".join(good[:-1])
    head_before = head_raw[:20] + b"%012d %s\n" % (COUNT - 1, hash_of(good[-2]))
    for at in range(1, len(good[-1])):
        put(tmp_path, before + good[-1][:at], head_before)
        reader = opened(tmp_path, reading=True)
        assert blocking(reader.problems) == []
        assert [item.line for item in reader.problems] == [COUNT]
        reader.close()
        journal = opened(tmp_path)
        assert journal.problem is None
        assert (journal.records()[-1].step, len(journal.records())) == ("note", COUNT)
        assert journal.notes == [f"line {COUNT}: it is unfinished: nothing rests on it"]
        assert journal.verify() == []
        journal.close()
        if at % 40 == 0:
            assert opened_again(tmp_path) == COUNT


def opened_again(folder: Path) -> int:
    journal = opened(folder)
    assert journal.problem is None
    assert journal.notes == []
    journal.close()
    return len(journal.records())


def test_F57_a_line_that_was_written_and_not_counted_is_counted(tmp_path: Path, sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    behind = head_raw[:20] + b"%012d %s\n" % (COUNT - 1, hash_of(split(raw)[-2]))
    put(tmp_path, raw, behind)
    journal = opened(tmp_path)
    assert journal.problem is None
    assert len(journal.records()) == COUNT
    assert head(tmp_path) == head_raw
    journal.close()


def test_F57_a_head_further_behind_blocks_a_writer_and_not_a_reader(sound: tuple[bytes, bytes]) -> None:
    raw, head_raw = sound
    behind = head_raw[:20] + b"%012d %s\n" % (2, hash_of(split(raw)[1]))
    assert blocking(found(raw, behind, alone=True)[1])
    assert found(raw, behind, alone=False)[1] == []
    wrong = head_raw[:20] + b"%012d %s\n" % (2, hash_of(split(raw)[2]))
    assert blocking(found(raw, wrong, alone=False)[1])


Damage = Callable[[Path], None]


def _flip(folder: Path) -> None:
    raw = bytearray((folder / JOURNAL).read_bytes())
    raw[raw.index(b"prod-eu-1", len(raw) // 2)] ^= 1
    (folder / JOURNAL).write_bytes(raw)


def _delete(folder: Path) -> None:
    (folder / JOURNAL).unlink()


def _no_head(folder: Path) -> None:
    (folder / HEAD).unlink()


def _cut(folder: Path) -> None:
    (folder / JOURNAL).write_bytes(b"".join(lines(folder)[:-2]))


def _empty(folder: Path) -> None:
    (folder / JOURNAL).write_bytes(b"")


def _link(folder: Path) -> None:
    (folder / JOURNAL).rename(folder / "elsewhere")
    (folder / JOURNAL).symlink_to(folder / "elsewhere")


def _head_link(folder: Path) -> None:
    (folder / HEAD).rename(folder / "elsewhere")
    (folder / HEAD).symlink_to(folder / "elsewhere")


def _pipe(folder: Path) -> None:
    (folder / JOURNAL).unlink()
    os.mkfifo(folder / JOURNAL)


def _head_pipe(folder: Path) -> None:
    (folder / HEAD).unlink()
    os.mkfifo(folder / HEAD)


def _folder(folder: Path) -> None:
    (folder / JOURNAL).unlink()
    (folder / JOURNAL).mkdir()


def _huge_line(folder: Path) -> None:
    os.truncate(folder / JOURNAL, 1 << 30)  # sparse: a line of 1 GB that costs no disk


def _version(folder: Path) -> None:
    text = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(text.replace(b'"v":1', b'"v":2'))


def _later_version(folder: Path) -> None:
    text = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(text.replace(b'"v":1', b'"v":2,"w":[]'))


def _head_version(folder: Path) -> None:
    (folder / HEAD).write_bytes(head(folder).replace(b"head 1", b"head 2"))


def _carriage_returns(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().replace(b"\n", b"\r\n"))


def _carriage_only(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().replace(b"\n", b"\r"))


def _line_separators(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().replace(b"\n", "\u2028".encode()))


def _blank_line(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes() + b"\n")


def _blanks(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes().replace(b',"at"', b', "at"'))


def _mark(folder: Path) -> None:
    (folder / JOURNAL).write_bytes(b"\xef\xbb\xbf" + (folder / JOURNAL).read_bytes())


def _deep(folder: Path) -> None:
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes() + b"[" * 100_000 + b"\n")


DAMAGES: dict[Damage, tuple[str, int]] = {
    _flip: ("line 4: it was changed: its hash does not fit", 3),
    _delete: ("the journal file is not there", 0),
    _no_head: ("the head file is not there", COUNT),
    _cut: ("line 5: the end is missing: 6 records were written, 4 are there", 4),
    _empty: ("the end is missing: 6 records were written, 0 are there", 0),
    _link: ("journal.jsonl is a link", 0),
    _head_link: ("head is a link", COUNT),
    _pipe: ("journal.jsonl is no plain file", 0),
    _head_pipe: ("head is no plain file", COUNT),
    _folder: ("journal.jsonl is no plain file", 0),
    _huge_line: (f"line 7: it is longer than {LINE_LIMIT} bytes", COUNT),
    _version: ("line 1: it is of version 2, this is 1", 0),
    _later_version: ("line 1: it is of version 2, this is 1", 0),
    _head_version: ("the head file is of version 2, this is 1", COUNT),
    _carriage_returns: ("line 1: it ends with a carriage return", 0),
    _carriage_only: ("line 1: it does not end", 0),
    _line_separators: ("line 1: it does not end", 0),
    _blank_line: ("line 7: it is no record", COUNT),
    _blanks: ("line 1: it was changed: its hash does not fit", 0),
    _mark: ("line 1: it is no record", 0),
    _deep: ("line 7: it is no record", COUNT),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", "").strip("_"))
def test_B50_F57_damage_stops_writing_until_it_is_accepted(tmp_path: Path, damage: Damage, told: tuple[str, int]) -> None:
    records = written(tmp_path, COUNT)
    damage(tmp_path)
    what, whole = told
    for reading in (True, False):
        journal = opened(tmp_path, reading=reading)
        assert what in str(journal.problems[0])
        assert journal.records() == records[:whole]
        with pytest.raises(JournalError):
            journal.append(entry())
        if reading:
            with pytest.raises(JournalError, match="damaged"):
                journal.accept("a disk went bad", user="ana")
            journal.close()
    assert "the journal is damaged" in refusal(journal)
    before = kept_aside(tmp_path)
    note = journal.accept("a disk went bad, see ticket 7", user="ana")
    assert (note.step, note.user, note.reason) == ("note", "ana", "a disk went bad, see ticket 7")
    assert what in note.outcome
    assert journal.problem is None
    assert journal.append(entry()).prev == note.hash
    assert journal.records()[:whole] == records[:whole]
    assert journal.verify() == []
    journal.close()
    assert len(kept_aside(tmp_path)) > len(before)
    again = opened(tmp_path)
    assert (again.problem, len(again.records())) == (None, whole + 2)
    again.close()


def kept_aside(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.endswith(".damaged")}


def test_the_damaged_file_is_kept_as_it_is_and_its_hash_is_noted(tmp_path: Path) -> None:
    written(tmp_path, COUNT)
    _flip(tmp_path)
    bad = (tmp_path / JOURNAL).read_bytes()
    journal = opened(tmp_path)
    note = journal.accept("the disk went bad")
    kept = tmp_path / "journal.jsonl-20260105T090000Z.damaged"
    assert kept.read_bytes() == bad
    assert kept.name in note.outcome
    journal.close()
    _flip(tmp_path)
    again = opened(tmp_path)
    again.accept("and once more")
    assert (tmp_path / "journal.jsonl-20260105T090000Z-1.damaged").exists()
    again.close()


def test_an_absent_journal_beside_damaged_files_is_no_beginning(tmp_path: Path) -> None:
    written(tmp_path, COUNT)
    (tmp_path / JOURNAL).rename(tmp_path / "journal.jsonl-1.damaged")
    (tmp_path / HEAD).unlink()
    journal = opened(tmp_path)
    assert "the journal file is not there" in refusal(journal)
    journal.close()


def test_nothing_is_accepted_where_nothing_is_damaged(tmp_path: Path) -> None:
    written(tmp_path, 1)
    journal = opened(tmp_path)
    with pytest.raises(JournalError, match="nothing is damaged"):
        journal.accept("because I can, that is why")
    assert journal.problem is None
    journal.close()


@pytest.mark.parametrize("damage", [_flip, _cut, _delete])
def test_damage_while_it_is_open_stops_the_next_append_or_the_next_look(tmp_path: Path, damage: Damage) -> None:
    written(tmp_path, COUNT)
    journal = opened(tmp_path)
    damage(tmp_path)
    assert [item for item in journal.verify() if item.blocks]
    with pytest.raises(JournalError, match="damaged"):
        journal.append(entry())
    journal.accept("somebody was at the file")
    journal.append(entry())
    assert journal.verify() == []
    journal.close()


@pytest.mark.parametrize("damage", [_cut, _delete, _link, _empty])
def test_another_hand_at_the_file_stops_the_next_append_without_a_look(tmp_path: Path, damage: Damage) -> None:
    written(tmp_path, COUNT)
    journal = opened(tmp_path)
    damage(tmp_path)
    left = (tmp_path / JOURNAL).read_bytes() if (tmp_path / JOURNAL).exists() else b""
    with pytest.raises(JournalError, match=r"another hand.*Nothing was sent"):
        journal.append(entry())
    assert left == ((tmp_path / JOURNAL).read_bytes() if (tmp_path / JOURNAL).exists() else b"")
    journal.close()


def test_both_files_put_back_as_they_were_show_to_the_writer(tmp_path: Path) -> None:
    written(tmp_path, COUNT)
    journal = opened(tmp_path)
    old = (tmp_path / JOURNAL).read_bytes(), head(tmp_path)
    journal.append(entry())
    (tmp_path / JOURNAL).write_bytes(old[0])
    (tmp_path / HEAD).write_bytes(old[1])
    assert "written last" in str(journal.verify()[0])
    journal.close()


def test_many_damaged_lines_are_told_once(tmp_path: Path) -> None:
    written(tmp_path, 40)
    (tmp_path / JOURNAL).write_bytes(b"".join(line.replace(b"R-NP", b"R-XX") for line in lines(tmp_path)))
    journal: Journal = opened(tmp_path, reading=True)
    assert len(journal.problems) == 21
    assert str(journal.problems[-1]) == "line 20: what follows was not looked at"
    journal.close()
