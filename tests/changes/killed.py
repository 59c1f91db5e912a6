"""Run a task of the journal in processes that are killed, each at another call to the disk, until one of them comes to its end.

``python -m tests.changes.killed TASK FOLDER``: a folder ``POINT`` (or ``POINT-half``: a write was half done) is left for each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.changes.points import PointDisk, killing
from tests.changes.written import entry, opened, written
from ztui.changes.disk import Disk
from ztui.changes.files import JOURNAL

ACKED = "acked"
"""A file beside the journal: a byte for each append that returned."""


def _append(folder: Path, disk: Disk) -> None:
    journal = opened(folder / "journal", disk=disk)
    acked = os.open(folder / ACKED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for step in ("intent", "sent", "acked", "verified"):
        journal.append(entry(step))
        os.write(acked, b".")
    journal.close()


def _accept(folder: Path, disk: Disk) -> None:
    journal = opened(folder / "journal", disk=disk)
    journal.accept("the disk went bad")
    journal.close()


def _nothing(_: Path) -> None:
    """Begin with no folder at all."""


def _torn(folder: Path) -> None:
    written(folder / "journal", 3)
    with (folder / "journal" / JOURNAL).open("ab") as file:
        file.write(b'{"action":"app')


def _flipped(folder: Path) -> None:
    written(folder / "journal", 5)
    path = folder / "journal" / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'"c1"', b'"c9"'))


Task = tuple[Callable[[Path], None], Callable[[Path, Disk], None]]
TASKS: dict[str, Task] = {"fresh": (_nothing, _append), "torn": (_torn, _append), "accept": (_flipped, _accept)}


def main(name: str, folder: Path) -> int:
    """All points, whole and half; returns how many processes were killed."""
    killed = 0
    for half in (False, True):
        for point in range(1, 1000):
            place = folder / f"{point}{'-half' if half else ''}"
            place.mkdir()
            if not _run(TASKS[name], place, point, half=half):
                break
            killed += 1
    return killed


def _run(task: Task, place: Path, point: int, *, half: bool) -> bool:
    """Whether the process was killed before it came to its end."""
    prepare, run = task
    prepare(place)
    child = os.fork()
    if not child:
        run(place, PointDisk(killing(point, half=half)))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2])))
