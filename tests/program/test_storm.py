"""A million events in read-only mode: keys, mouse, pastes and phrases that would change something; nothing is ever sent."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.program.test_terminal import ready, writes
from ztui.demo.server import DemoThread

LEAVES: Final = frozenset("qQCD")
"""Quitting, copying (a sequence of its own) and the built-in demo, which nobody counts the requests of."""

KEYS: Final = (
    *(chr(code) for code in range(0x20, 0x7F) if chr(code) not in LEAVES),
    *("\r", "\t", "\x7f", "\x1b", "\x01", "\x05", "\x0b", "\x15"),
    *(f"\x1b[{final}" for final in "ABCDFHZ"),
    *(f"\x1b[{number}~" for number in (2, 3, 5, 6, 15, 17, 18, 19, 20, 21, 23, 24)),
)
PHRASES: Final = (
    *(":fix ZTG-TEN-001\r", ":fix ZT2-NET-002\r", ":journal\r", ":incidents\r", ":guide\r", ":phase 0\r", ":ladder\r"),
    *("fa", "\ra", "1\r\ra", "ay", "payments", "US", " f\ra", "2 changes", "u", "Waccepted for now\r", "U", "S", "r", "k"),
    *(":waive ZTG-TEN-001 all 9 ana it is so\r", ":note i1234567 seen\r", ":state i1234567 closed it is over\r", ":bundle\r"),
)
PASTES: Final = ("payments", "y\r\n", "2 changes\n", ":fix ZTG-TEN-001\r\n", "\x1b[31mx", "a" * 2_000, "\u202e\u200b\x00", "")


def events(rng: random.Random, count: int) -> Iterator[str]:
    """So many events as a terminal sends them; a phrase counts as its letters."""
    while count > 0:
        kind = rng.random()
        if kind < 0.70:
            yield rng.choice(KEYS)
            count -= 1
        elif kind < 0.90:
            place = f"{rng.randint(1, 100)};{rng.randint(1, 30)}"
            yield f"\x1b[<{rng.choice((0, 0, 1, 2, 32, 35, 64, 65))};{place}{rng.choice('Mm')}"
            count -= 1
        elif kind < 0.93:
            yield f"\x1b[200~{rng.choice(PASTES)}\x1b[201~"
            count -= 1
        else:
            phrase = rng.choice(PHRASES)
            yield phrase
            count -= len(phrase)


def storm(folder: Path, kubeconfig: str, cluster: DemoThread, seed: int, count: int) -> None:
    data = "".join(events(random.Random(seed), count)).encode()  # noqa: S311  not a secret
    with ready(folder, kubeconfig, "--read-only") as ztui:
        ztui.flood(data)
        ztui.insist("\x1b\x1b", lambda: ztui.process.poll() is None and "[RO" in ztui.text)
        assert ztui.foreign() == [], f"seed {seed}"
        assert writes(cluster) == [], f"seed {seed}"


def test_R28_twenty_thousand_events_change_nothing(tmp_path: Path, kubeconfig: str, cluster: DemoThread) -> None:
    storm(tmp_path, kubeconfig, cluster, 28, 20_000)


@pytest.mark.soak
def test_R28_a_million_events_change_nothing(tmp_path: Path, kubeconfig: str, cluster: DemoThread) -> None:
    for part in range(1, 21):
        folder = tmp_path / str(part)
        folder.mkdir()
        storm(folder, kubeconfig, cluster, 2_800 + part, 50_000)
        print(f"R28: {part * 50_000:,} of 1,000,000 events, seeds 2801 to {2_800 + part}: no write", flush=True)
