"""Watches that end, lie, fall silent or break: the store holds what the server holds, or says that it does not know."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.rig import ConfigMap, Lease, Rig, config, rig, running, versions_seen
from tests.faults.virtual import in_virtual_time
from ztui.demo.faults import garbage, put_big
from ztui.health import Freshness
from ztui.sources.cluster import Cluster
from ztui.sources.kube import LINE_LIMIT
from ztui.store import Broken
from ztui.view import Why


def freshness(source: Cluster, kind: str = "configmaps") -> Freshness:
    return next(item.freshness for item in source.health().kinds if item.plural == kind)


@in_virtual_time
async def test_F01_an_empty_watch_is_asked_again_with_patience_and_loses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on("watch-empty", "configmaps")
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: reflector.progress.state == "backing off" and it.same())
            assert reflector.progress.note == "the watch ends at once"
            await it.clock.sleep(300)
            assert 10 <= len(it.asked("configmaps", watch=True)) <= 25
            assert len(it.asked("configmaps", watch=False)) == 1
            it.objects.put(config("b"))
            it.faults.off()
            await it.until(it.same, within_s=31)


@in_virtual_time
async def test_F01_the_age_of_a_kind_whose_watch_never_holds_shows_and_its_gap_comes(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.faults.on("watch-empty", "configmaps")
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await it.until(lambda: it.gap() is None and it.gap(Lease) is None)
            await it.until(lambda: freshness(source) is Freshness.STALE, within_s=91)
            await it.until(lambda: it.gap() is not None, within_s=90)
            assert it.gap() is not None
            assert it.gap(Lease) is None
            it.faults.off()
            await it.until(lambda: it.gap() is None, within_s=35)


@in_virtual_time
async def test_F02_an_expired_watch_is_followed_by_a_list_that_also_tells_what_is_gone(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for name in ("a", "b", "c"):
            it.objects.put(config(name))
        reflector = it.reflector()
        async with running(reflector):
            await it.until(it.same)
            for number in range(4):
                it.proxy.reset()
                it.objects.put(config(f"new-{number}"))
                it.objects.put(config("a", str(number)))
                if number:
                    it.objects.delete("configmaps", f"new-{number - 1}", "web")
                it.objects.compact()
                await it.until(it.same, within_s=5)
                await it.clock.sleep(30)
        assert reflector.progress.restarts == 4
        assert len(it.asked("configmaps", watch=False)) == 5


@in_virtual_time
async def test_F02_an_error_event_410_after_an_event_loses_neither(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        async with running(it.reflector()):
            await it.until(it.same)
            it.faults.on("watch-410", "configmaps", after=1, times=1)
            it.objects.put(config("b"))
            it.objects.put(config("c"))
            await it.until(it.same, within_s=5)


@pytest.mark.parametrize("times", [1, 5])
@in_virtual_time
async def test_F03_a_watch_refused_with_410_is_followed_by_a_list_and_by_patience(tmp_path: Path, times: int) -> None:
    async with rig(tmp_path) as it:
        it.faults.on("watch-410-status", "configmaps", times=times)
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: reflector.progress.state == "watching" and reflector.progress.restarts == times)
            it.objects.put(config("late"))
            await it.until(it.same, within_s=2)
        assert len(it.asked("configmaps", watch=False)) == times + 1


async def _live(it: Rig, source: Cluster) -> None:
    await it.until(lambda: it.same() and it.gap(Lease) is None and freshness(source) is Freshness.LIVE)
    await it.clock.sleep(20)


@in_virtual_time
async def test_F04_R04_a_half_open_link_is_stale_in_15_s_and_read_again_in_45(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await _live(it, source)
            it.proxy.hole(new=True)
            assert await it.until(lambda: source.health().freshness is Freshness.STALE, within_s=15.1) > 5
            assert freshness(source) is Freshness.STALE
            assert it.held() == it.served()
            await it.clock.sleep(25)
            it.objects.put(config("b"))
            it.proxy.mend()
            await it.until(it.same, within_s=20)
            await it.until(lambda: source.health().freshness is Freshness.LIVE, within_s=5)


def _gone(source: Cluster, found: set[str]) -> set[str]:
    found.update(item.plural for item in source.health().kinds if item.note == "the server is gone")
    return found


@in_virtual_time
async def test_F04_R04_streams_to_a_dead_server_are_cut_after_45_s(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await _live(it, source)
            it.proxy.hole(new=True)
            gone: set[str] = set()
            await it.until(lambda: _gone(source, gone) >= {"configmaps", "leases"}, within_s=45.1)
            await it.until(lambda: it.gap() is not None, within_s=31)
            gap = it.gap()
            assert gap is not None
            assert gap.why is Why.STALE


@in_virtual_time
async def test_F04_R04_one_silent_stream_alone_is_read_again_in_90_s(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await _live(it, source)
            it.faults.on("watch-silent", "configmaps", times=1)
            it.proxy.reset()
            await it.until(lambda: any(switch.hits for switch in it.faults._on), within_s=10)
            it.objects.put(config("b"))
            took = await it.until(it.same, within_s=90)
            assert took > 45
            assert source.health().freshness is Freshness.LIVE


@in_virtual_time
async def test_F05_a_stream_cut_at_every_byte_of_three_events_brings_all_three(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        async with running(it.reflector()):
            await it.until(it.same)
            before = it.proxy.pairs[-1].passed
            for name in ("a", "b", "c"):
                it.objects.put(config(name))
            await it.until(it.same)
            size = max(pair.passed for pair in it.proxy.pairs)
        assert size > before
        head = 200
        for cut in range(head, size + 8):
            for name in ("a", "b", "c"):
                it.objects.delete("configmaps", name, "web")
            it.store.__init__()  # type: ignore[misc]  # a new store for each cut
            it.events.clear()
            reflector = it.reflector()
            async with running(reflector):
                await it.until(lambda reflector=reflector: reflector.progress.state == "watching" and it.same())  # type: ignore[misc]
                it.proxy.cut_next(cut)
                for name in ("a", "b", "c"):
                    it.objects.put(config(name))
                await it.until(it.same, within_s=5)
                assert all(len(seen) == len(set(seen)) for seen in versions_seen(it.events).values()), cut


@in_virtual_time
async def test_F08_a_lagging_replica_is_waited_for_and_never_takes_us_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a", "1"))
        reflector = it.reflector()
        async with running(reflector):
            await it.until(it.same)
            it.objects.put(config("a", "2"))
            it.objects.put(config("b"))
            await it.until(it.same)
            newest = it.served()
            it.faults.on("lag", "configmaps", behind=2)
            it.faults.on("watch-410", "configmaps", after=0, times=1)
            it.proxy.reset()
            await it.until(lambda: reflector.progress.note == "server behind, waiting")
            await it.always(lambda: it.held() == newest, for_s=6)
            it.faults.off("lag")
            await it.until(lambda: reflector.progress.state == "watching", within_s=20)
            assert it.held() == newest
        assert versions_seen(it.events)["a"][-1] == newest["a"]


@in_virtual_time
async def test_F08_a_server_restored_from_a_backup_is_believed_in_the_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        reflector = it.reflector()
        async with running(reflector):
            for number in range(9):
                it.objects.put(config("b", str(number)))
            await it.until(it.same)
            it.objects.version -= 5
            it.objects.compact()
            it.proxy.reset()
            await it.until(lambda: reflector.progress.lists == 2, within_s=120)
            it.objects.put(config("c"))
            await it.until(it.same, within_s=5)


@pytest.mark.parametrize(("mode", "limit_s"), [("refuse", 1.0), ("ignore", 11.0), ("endless", 11.0)])
@in_virtual_time
async def test_F09_a_streaming_list_that_fails_is_replaced_by_pages(tmp_path: Path, mode: str, limit_s: float) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on("stream-list", "configmaps", mode=mode)
        it.faults.on("no-bookmarks", "configmaps")
        async with running(it.reflector(streaming=True)):
            await it.until(it.same, within_s=limit_s + 1)
            it.objects.put(config("b"))
            await it.until(it.same, within_s=2)
        assert len([item for item in it.requests if "sendInitialEvents" in item.query]) == 1


@in_virtual_time
async def test_F09_a_streaming_list_is_whole_with_its_end_mark_and_not_before(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        async with running(it.reflector(streaming=True)):
            await it.until(it.same, within_s=1)
            it.objects.delete("configmaps", "a", "web")
            it.objects.put(config("b"))
            await it.until(it.same, within_s=1)
        assert it.asked("configmaps", watch=False) == []


@in_virtual_time
async def test_F10_a_quiet_kind_without_bookmarks_stays_live_for_an_hour_and_survives_a_compaction(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on("no-bookmarks")
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await it.until(it.same)
            await it.always(lambda: it.gap() is None and freshness(source) is Freshness.LIVE, for_s=3600, step_s=5)
            it.objects.compact()
            it.objects.put(config("b"))
            await it.until(it.same, within_s=5)


@in_virtual_time
async def test_F11_five_megabytes_are_kept_trimmed_and_twenty_only_named(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        reflector = it.reflector()
        async with running(reflector):
            await it.until(it.same)
            put_big(it.objects, 5, namespace="web", name="five")
            await it.until(it.same)
            put_big(it.objects, 20, namespace="web", name="twenty")
            it.objects.put(config("b"))
            await it.until(lambda: it.held() == {key: value for key, value in it.served().items() if key != "twenty"})
            named = it.store.broken(ConfigMap)
            assert list(named) == [("web", "twenty")]
            assert "too large, not shown" in named["web", "twenty"]
            assert "web/twenty: too large, not shown" in str(it.gap())
            assert it.gap(namespace="shop") is None
            assert len(it.asked("configmaps", watch=False)) == 1
            it.objects.delete("configmaps", "twenty", "web")
            await it.until(it.same, within_s=5)


@in_virtual_time
async def test_F11_a_list_names_what_is_too_large_and_keeps_the_rest(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        put_big(it.objects, 20, namespace="web", name="twenty")
        async with running(it.reflector(streaming=True)):
            await it.until(lambda: "a" in it.held() and it.store.broken(ConfigMap))
            await it.until(lambda: "too large, not shown" in str(it.gap()))
            it.objects.put(config("b"))
            await it.until(lambda: "b" in it.held(), within_s=2)


@pytest.mark.parametrize("name", [*sorted(garbage("1")), "too-long"])
@in_virtual_time
async def test_B38_a_line_that_no_server_should_send_costs_one_restart(tmp_path: Path, name: str) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        reflector = it.reflector()
        line = b"x" * (LINE_LIMIT + 1) if name == "too-long" else garbage(str(it.objects.version))[name]
        it.faults.on("watch-line", "configmaps", lines=[line], after=0, times=1)
        async with running(reflector):
            await it.until(lambda: reflector.progress.events or reflector.progress.restarts or name == "empty")
            it.objects.put(config("b"))
            it.objects.delete("configmaps", "a", "web")
            await it.until(it.same, within_s=30)
            await it.clock.sleep(2)
            it.objects.put(config("c"))
            await it.until(it.same, within_s=2)
        assert reflector.progress.restarts == (name != "empty")
        assert len(it.asked("configmaps", watch=False)) == (1 if name == "empty" else 2)
        assert not [event for event in it.events if isinstance(event, Broken)]
