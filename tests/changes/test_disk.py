"""The disk fails, the folder is not ours, another instance writes: reading goes on, writing stops, and says what to mend."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.changes.points import PointDisk, failing
from tests.changes.written import entry, lines, opened, refusal, written
from ztui.changes.disk import Disk
from ztui.changes.files import HEAD, JOURNAL
from ztui.changes.lock import LOCK
from ztui.errors import JournalError

ROOT = Path(__file__).resolve().parents[2]


def _fine(*_: object) -> None:
    """Let a call through."""


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", ["write", "sync", "overwrite", "sync_data", "look"])
def test_F56_a_disk_that_fails_stops_all_writing_and_nothing_was_sent(tmp_path: Path, call: str, error: int) -> None:
    disk = PointDisk(_fine)
    journal = opened(tmp_path, disk=disk)
    journal.append(entry("intent", "c1"))
    journal.append(entry("verified", "c1"))
    disk.hook = failing(call, error)
    with pytest.raises(JournalError) as caught:
        journal.append(entry("intent", "c2"))
    assert os.strerror(error) in caught.value.why
    assert caught.value.next.startswith("Nothing was sent")
    disk.hook = _fine
    with pytest.raises(JournalError, match="cannot be recorded"):
        journal.append(entry("intent", "c3"))
    assert len(journal.records()) == 2
    journal.close()
    again = opened(tmp_path)
    assert again.problem is None
    assert {item.id for item in again.changes()} - {"c1"} <= {"c2"}
    assert again.verify() == []
    again.append(entry("intent", "c4"))
    again.close()


def test_F56_after_something_was_sent_the_words_do_not_say_that_nothing_was(tmp_path: Path) -> None:
    disk = PointDisk(_fine)
    journal = opened(tmp_path, disk=disk)
    journal.append(entry("intent"))
    disk.hook = failing("sync", errno.EIO)
    with pytest.raises(JournalError, match="Nothing more is sent"):
        journal.append(entry("acked"))
    journal.close()


def test_F56_half_a_line_on_a_full_disk_is_taken_off_later(tmp_path: Path) -> None:
    class Full(Disk):
        room = 10_000

        def write(self, handle: int, data: bytes) -> int:
            if self.room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = super().write(handle, data[: self.room])
            self.room -= done
            return done

    disk = Full()
    journal = opened(tmp_path, disk=disk)
    journal.append(entry())
    disk.room = 100
    with pytest.raises(JournalError, match="No space left"):
        journal.append(entry("intent", "c2"))
    journal.close()
    assert not lines(tmp_path)[-1].endswith(b"\n")
    again = opened(tmp_path)
    assert [item.step for item in again.records()] == ["intent", "note"]
    assert "unfinished" in again.records()[-1].outcome
    again.close()


def test_a_disk_that_writes_byte_by_byte_is_only_slow(tmp_path: Path) -> None:
    class Slow(Disk):
        def write(self, handle: int, data: bytes) -> int:
            return super().write(handle, data[:1])

    journal = opened(tmp_path, disk=Slow())
    journal.append(entry())
    assert journal.verify() == []
    journal.close()


@pytest.mark.parametrize("state", ["fresh", "sound", "torn"])
def test_F55_whatever_fails_while_it_opens_is_a_problem_and_no_damage(tmp_path: Path, state: str) -> None:
    counted = PointDisk(_fine)
    folder = tmp_path / "0"
    _prepare(folder, state)
    opened(folder, disk=counted).close()
    for point in range(1, counted.count + 1):
        folder = tmp_path / str(point)
        _prepare(folder, state)

        def fail(_: str, number: int, __: Any, point: int = point) -> None:
            if number == point:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        disk = PointDisk(fail)
        journal = opened(folder, disk=disk)
        disk.hook = _fine
        if point < counted.count:
            assert "Input/output error" in refusal(journal)
            with pytest.raises(JournalError):
                journal.append(entry())
        journal.close()
        again = opened(folder)
        assert again.problem is None, point
        assert again.verify() == []
        again.close()


def _prepare(folder: Path, state: str) -> None:
    if state != "fresh":
        written(folder, 2)
    if state == "torn":
        with (folder / JOURNAL).open("ab") as file:
            file.write(b'{"half')


def test_F55_without_locks_it_can_be_read_and_not_written(tmp_path: Path) -> None:
    records = written(tmp_path, 3)
    journal = opened(tmp_path, disk=PointDisk(failing("lock", errno.ENOLCK)))
    assert "No locks available" in refusal(journal)
    assert "Make the state folder yours and writable" in refusal(journal)
    assert journal.records() == records
    assert journal.holder is None
    journal.close()


def test_F55_what_others_may_do_in_the_folder_is_taken_from_them(tmp_path: Path) -> None:
    written(tmp_path, 1)
    tmp_path.chmod(0o777)
    (tmp_path / JOURNAL).chmod(0o666)
    opened(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / JOURNAL).stat().st_mode) == 0o600


class _Other(Disk):
    """The disk of another user: nothing here is theirs."""

    def user(self) -> int:
        return os.geteuid() + 1


def test_F55_B50_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    written(tmp_path, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    journal = opened(tmp_path, disk=_Other())
    assert f"the folder belongs to user {os.geteuid()}" in refusal(journal)
    assert journal.records() == []
    journal.close()
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", [JOURNAL, HEAD, LOCK])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_F55_B50_a_file_of_somebody_else_is_not_used(tmp_path: Path, name: str) -> None:
    written(tmp_path, 2)
    os.chown(tmp_path / name, 65534, 65534)
    journal = opened(tmp_path)
    assert f"{name} belongs to user 65534" in refusal(journal)
    with pytest.raises(JournalError):
        journal.append(entry())
    if name != LOCK:
        journal.accept("an administrator did it")
        journal.append(entry())
        assert journal.verify() == []
    journal.close()


@pytest.mark.parametrize("odd", ["link", "pipe"])
def test_F55_a_lock_that_is_no_file_stops_writing_only(tmp_path: Path, odd: str) -> None:
    records = written(tmp_path, 2)
    (tmp_path / LOCK).unlink()
    (tmp_path / LOCK).symlink_to("/dev/null") if odd == "link" else os.mkfifo(tmp_path / LOCK)
    journal = opened(tmp_path)
    assert f"lock is {'a link' if odd == 'link' else 'no plain file'}" in refusal(journal)
    assert journal.records() == records
    journal.close()


def test_F55_a_file_where_the_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    journal = opened(tmp_path / "state" / "journal" / "7f3a")
    assert "nothing can be written to the journal" in refusal(journal)
    journal.close()
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    journal = opened(tmp_path / "linked")
    assert "nothing can be written to the journal" in refusal(journal)
    assert list((tmp_path / "real").iterdir()) == []
    journal.close()


AS_NOBODY = """
import os, sys
from pathlib import Path
from tests.changes.written import opened, written
folder = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
WRITE = "written(folder, 3)"
READ = """
journal = opened(folder)
print(journal.problem)
print(len(journal.records()))
"""


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that an unprivileged user owns, whoever runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, 65534, 65534)
        yield Path(name)


def as_nobody(folder: Path, script: str) -> list[str]:
    run = [sys.executable, "-c", AS_NOBODY + script, str(folder)]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def test_F55_a_read_only_folder_is_read(nobody: Path) -> None:
    as_nobody(nobody / "7f3a", WRITE)
    for path in (nobody / "7f3a").iterdir():
        path.chmod(0o400)
    (nobody / "7f3a").chmod(0o500)
    problem, count = as_nobody(nobody / "7f3a", READ)
    assert "nothing can be written to the journal" in problem
    assert "Permission denied" in problem
    assert count == "3"
    (nobody / "7f3a").chmod(0o700)


def test_F55_a_folder_that_cannot_be_made_is_a_problem(nobody: Path) -> None:
    nobody.chmod(0o500)
    problem, count = as_nobody(nobody / "7f3a", READ)
    assert "Permission denied" in problem
    assert count == "0"


HOLD = """
import sys
from pathlib import Path
from tests.changes.written import entry, opened
journal = opened(Path(sys.argv[1]))
journal.append(entry())
print("held", flush=True)
sys.stdin.readline()
journal.append(entry("sent"))
print("more", flush=True)
sys.stdin.readline()
"""


def test_F54_F49_a_second_instance_reads_says_who_writes_and_writes_once_the_first_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        second = opened(tmp_path)
        assert second.holder is not None
        assert second.holder.pid == first.pid
        assert f"ztui {first.pid} on {os.uname().nodename} since 2026-01-05T09:00:00+00:00 writes" in refusal(second)
        with pytest.raises(JournalError, match="writes to the journal"):
            second.append(entry("intent", "c2"))
        with pytest.raises(JournalError, match="writes to the journal"):
            second.accept("it is mine, I want it")
        assert len(second.records()) == 1
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline() == "more\n"
        assert second.verify() == []
        assert [item.step for item in second.records()] == ["intent", "sent"]
        first.kill()
        first.wait()
        second.close()
        third = opened(tmp_path)
        assert (third.problem, third.holder) == (None, None)
        assert third.notes == [
            f"ztui {first.pid} on {os.uname().nodename} since 2026-01-05T09:00:00+00:00 ended without letting go of the journal"
        ]
        assert [item.state for item in third.open_intents()] == ["sent"]
        third.append(entry("unknown"))
        third.close()


def test_F54_two_in_one_process_do_not_share_the_lock(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert second.holder is not None
    first.close()
    second.close()
    third = opened(tmp_path)
    assert (third.problem, third.notes) == (None, [])
    third.close()


def test_F54_a_lock_file_that_was_taken_away_stops_the_writer(tmp_path: Path) -> None:
    first = opened(tmp_path)
    (tmp_path / LOCK).unlink()
    second = opened(tmp_path)
    second.append(entry())
    with pytest.raises(JournalError, match="Nothing was sent"):
        first.append(entry())
    assert second.verify() == []
    first.close()
    second.close()


@pytest.mark.parametrize("words", [b"", b"{}", b"\xff\x00", b"[" * 100_000, b'{"pid":1,"host":"\\u001b[2J","since":"x"}'])
def test_F54_hostile_words_in_the_lock_file_name_nobody(tmp_path: Path, words: bytes) -> None:
    first = opened(tmp_path)
    (tmp_path / LOCK).write_bytes(words)
    second = opened(tmp_path)
    assert second.holder is not None
    assert refusal(second).isprintable()
    first.close()
    second.close()


RACE = """
import sys
from pathlib import Path
from tests.changes.written import entry, opened
done = 0
for turn in range(20):
    journal = opened(Path(sys.argv[1]))
    if journal.problem is None:
        journal.append(entry("intent", f"c{turn}"))
        done += 1
    elif journal.holder is None:
        print(journal.problem)
    journal.close()
print(done)
"""


def test_F54_many_that_start_at_once_write_one_chain(tmp_path: Path) -> None:
    run = [sys.executable, "-c", RACE, str(tmp_path)]
    racers = [subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [racer.communicate()[0].split("\n") for racer in racers]
    assert all(len(item) == 2 for item in told), told
    journal = opened(tmp_path)
    assert journal.problem is None
    assert len(journal.records()) == sum(int(item[0]) for item in told) > 0
    journal.close()
