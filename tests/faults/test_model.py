"""Random bad days from a seed: whatever happened in whatever order, in the end the store is the server; time goes one way.

A failing schedule is replayed by its number.
"""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.rig import ConfigMap, Rig, config, rig, running, versions_seen
from tests.faults.virtual import in_virtual_time
from ztui.store import Put

NAMES = [f"c{number}" for number in range(12)]
STEPS = (
    "put",
    "put",
    "put",
    "put",
    "delete",
    "compact",
    "reset",
    "cut",
    "lag",
    "forbid",
    "restart",
    "busy",
    "hole",
    "quiet",
    "end",
)


class Server:
    """Does one random thing after another to the server and the way to it, and keeps what each object has been."""

    def __init__(self, it: Rig, rng: random.Random) -> None:
        self.it = it
        self.rng = rng
        self.past: dict[str, list[str]] = {name: [] for name in NAMES}

    def step(self, name: str) -> None:
        """One thing by its name."""
        getattr(self, f"_{name}")()

    def _put(self) -> None:
        name = self.rng.choice(NAMES)
        made = self.it.objects.put(config(name, str(self.rng.randrange(1_000_000))))
        self.past[name].append(made["metadata"]["resourceVersion"])

    def _delete(self) -> None:
        if held := sorted(self.it.served()):
            name = self.rng.choice(held)
            self.it.objects.delete("configmaps", name, "web")
            self.past[name].append("gone")

    def _compact(self) -> None:
        self.it.objects.compact()

    def _reset(self) -> None:
        self.it.proxy.reset()

    def _cut(self) -> None:
        self.it.proxy.cut_next(self.rng.randrange(2_000))

    def _lag(self) -> None:
        self.it.faults.on("lag", "configmaps", behind=self.rng.randrange(1, 6), times=self.rng.randrange(1, 4))

    def _forbid(self) -> None:
        self.it.faults.on("forbid", "configmaps", times=1)

    def _restart(self) -> None:
        self.it.proxy.refuse = not self.it.proxy.refuse
        self.it.proxy.reset()

    def _busy(self) -> None:
        self.it.faults.on("status", "configmaps", code=self.rng.choice((429, 500, 503)), retry_after=None, times=1)

    def _hole(self) -> None:
        self.it.proxy.hole()

    def _quiet(self) -> None:
        self.it.faults.on("watch-silent", "configmaps", times=1)

    def _end(self) -> None:
        self.it.faults.on(self.rng.choice(("watch-empty", "watch-410-status", "page-410")), "configmaps", times=1)


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    """Whether the parts come in the whole in the same order."""
    left: Iterator[str] = iter(whole)
    return all(item in left for item in part)


def newest_only(it: Rig) -> dict[str, list[str]]:
    """The versions of each object in the order in which they came, repetitions and deletions left out."""
    return {
        name: [version for at, version in enumerate(found) if version != "gone" and version not in found[:at]]
        for name, found in versions_seen(it.events).items()
    }


async def _schedule(it: Rig, seed: int, *, streaming: bool) -> None:
    """One bad day: random things, a random time apart; then quiet, and everything must be right."""
    rng = random.Random(seed)  # noqa: S311  a schedule, not a secret
    server = Server(it, rng)
    it.objects.put(config("c0"))
    server.past["c0"].append(it.served()["c0"])
    reflectors = [it.reflector(streaming=streaming)]
    source = it.source(ConfigMap)
    async with running(source if rng.random() < 0.5 else reflectors[0]):
        for _ in range(rng.randrange(5, 25)):
            server.step(rng.choice(STEPS))
            await it.clock.sleep(rng.choice((0.0, 0.0, 0.01, 0.3, 2.0, 20.0)))
        it.faults.off()
        it.proxy.mend()
        forbidden = reflectors[0].progress.state == "blocked"
        if not forbidden:
            await it.until(it.same, within_s=240)
    for name, found in newest_only(it).items():
        assert is_subsequence(found, server.past[name]), (seed, name, found, server.past[name])


async def _schedules(folder: Path, seeds: range) -> None:
    for seed in seeds:
        async with rig(folder, seed=seed) as it:
            try:
                await _schedule(it, seed, streaming=bool(seed % 2))
            except AssertionError as error:
                error.add_note(f"schedule {seed}")
                raise


@pytest.mark.parametrize("first", [0, 50])
@in_virtual_time
async def test_R02_after_a_random_bad_day_the_store_is_the_server(tmp_path: Path, first: int) -> None:
    await _schedules(tmp_path, range(first, first + 50))


@pytest.mark.soak
@pytest.mark.parametrize("first", range(100, 10_000, 100))
@in_virtual_time
async def test_R02_long(tmp_path: Path, first: int) -> None:
    await _schedules(tmp_path, range(first, first + 100))


async def _churn(folder: Path, *, minutes: float, per_s: int, seed: int = 1) -> None:
    """Changes all the time, a compaction every 30 s, a cut every 20 s."""
    async with rig(folder, seed=seed) as it:
        rng = random.Random(seed)  # noqa: S311  as above
        server = Server(it, rng)
        async with running(it.source(ConfigMap)):
            await it.until(it.same)
            for second in range(int(minutes * 60)):
                for _ in range(per_s):
                    server.step(rng.choice(("put", "put", "delete")))
                    await it.clock.sleep(1 / per_s)
                if second % 30 == 29:
                    it.objects.compact()
                if second % 20 == 19:
                    it.proxy.reset()
            await it.until(it.same, within_s=60)
        for name, found in newest_only(it).items():
            assert is_subsequence(found, server.past[name]), name
        # What changes between a cut and the next list is seen once, in its last version.
        assert sum(isinstance(event, Put) for event in it.events) > minutes * 60 * per_s / 5


@in_virtual_time
async def test_R01_two_minutes_of_churn_lose_and_invent_nothing(tmp_path: Path) -> None:
    await _churn(tmp_path, minutes=2, per_s=20)


@pytest.mark.soak
@in_virtual_time
async def test_R01_an_hour_of_churn(tmp_path: Path) -> None:
    await _churn(tmp_path, minutes=60, per_s=200)


@pytest.mark.parametrize("mode", ["watch-empty", "watch-410", "watch-410-status"])
@in_virtual_time
async def test_R03_D1_a_server_that_ends_every_watch_is_asked_seldom(tmp_path: Path, mode: str) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on(mode, "configmaps")
        async with running(it.reflector()):
            await it.clock.sleep(120)
            before = len(it.asked("configmaps"))
            await it.clock.sleep(1800)
            assert (len(it.asked("configmaps")) - before) / 1800 <= 0.2


@in_virtual_time
async def test_R03_a_server_that_ends_every_watch_after_a_quarter_of_its_time_is_asked_seldom(tmp_path: Path) -> None:
    async with rig(tmp_path) as it, running(it.reflector()):
        await it.until(it.same)
        for _ in range(60):
            await it.clock.sleep(13)
            it.proxy.reset()
        assert len(it.asked("configmaps")) / (60 * 13) <= 0.2


async def _lagging(folder: Path, seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)  # noqa: S311  as above
        async with rig(folder, seed=seed) as it:
            server = Server(it, rng)
            async with running(it.reflector(streaming=bool(seed % 2))):
                server.step("put")
                await it.until(it.same)
                for _ in range(4):
                    for _ in range(rng.randrange(1, 4)):
                        server.step("put")
                    await it.until(it.same, within_s=300)
                    it.faults.off()  # Six answers of the past in a row are a backup, not a lag.
                    it.faults.on("lag", "configmaps", behind=rng.randrange(1, 5), times=rng.randrange(1, 5))
                    it.faults.on(rng.choice(("watch-410", "watch-410-status", "watch-empty")), "configmaps", times=1)
                    it.proxy.reset()
                    await it.clock.sleep(rng.choice((0.1, 3.0)))
                it.faults.off()
                await it.until(it.same, within_s=60)
            for name, found in versions_seen(it.events).items():
                order = [server.past[name].index(version) for version in found if version != "gone"]
                assert order == sorted(order), (seed, name)


@in_virtual_time
async def test_R05_no_older_version_is_shown_after_a_newer_one(tmp_path: Path) -> None:
    await _lagging(tmp_path, range(40))


@pytest.mark.soak
@in_virtual_time
async def test_R05_long(tmp_path: Path) -> None:
    await _lagging(tmp_path, range(1_000, 11_000))
