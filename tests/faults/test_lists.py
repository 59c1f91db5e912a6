"""Lists that are refused, slow, cut, endless or no lists: what was read is kept, and nobody else waits."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from tests.faults.rig import ConfigMap, Lease, config, lease, rig, running
from tests.faults.virtual import in_virtual_time
from ztui.health import Freshness
from ztui.sources.kube import PAGE
from ztui.view import LOADING, Why


@in_virtual_time
async def test_F03_pages_that_expire_are_never_taken_for_the_whole(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for number in range(PAGE * 2):
            it.objects.put(config(f"c{number:04}"))
        it.faults.on("page-410", "configmaps", times=2)
        it.faults.on("page-slow", "configmaps", seconds=1)
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: len(it.held()) == PAGE)
            it.objects.delete("configmaps", "c0000", "web")
            while reflector.progress.restarts < 2:
                assert it.gap() is not None
                await it.clock.sleep(0.1)
            await it.until(it.same, within_s=10)
            assert len(it.held()) == PAGE * 2 - 1


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(12, 12, 13), (None, 0.2, 1.5)])
@in_virtual_time
async def test_F06_the_wait_that_a_server_asks_for_is_kept(
    tmp_path: Path, asked_s: int | None, least_s: float, most_s: float
) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on("status", "configmaps", times=1, code=429, retry_after=asked_s)
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: reflector.progress.state == "backing off")
            asked = "" if asked_s is None else f" {asked_s} s"
            assert reflector.progress.note.startswith(f"server asks to wait{asked}")
            took = await it.until(it.same)
            assert least_s - 0.3 <= took <= most_s


@in_virtual_time
async def test_F06_a_kind_that_has_to_wait_between_pages_starves_no_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for number in range(PAGE + 1):
            it.objects.put(config(f"c{number:04}"))
        it.objects.put(lease("l"))
        feed = it.feed(lists=1)
        slow, quick = it.reflector(feed=feed), it.reflector(Lease, feed=feed)
        it.faults.on("page-slow", "configmaps", seconds=1)
        async with running(slow):
            await it.until(lambda: len(it.held()) == PAGE)
            it.faults.on("status", "configmaps", code=429, retry_after=60)
            await it.until(lambda: slow.progress.state == "backing off", within_s=5)
            async with running(quick):
                await it.until(lambda: it.same(Lease), within_s=1)


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@in_virtual_time
async def test_F07_R06_a_server_in_trouble_for_a_minute_is_stale_and_recovers_alone(tmp_path: Path, code: int) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await it.until(it.same)
            it.faults.on("status", code=code, text="etcd leader changed")
            it.proxy.reset()
            await it.until(lambda: source.health().freshness is Freshness.STALE, within_s=16)
            problem = source.health().problem
            assert problem is not None
            assert str(code) in str(problem)
            assert it.held() == it.served()
            await it.clock.sleep(44)
            it.objects.put(config("b"))
            it.faults.off()
            await it.until(it.same, within_s=10)


@pytest.mark.parametrize(("outage_s", "limit_s"), [(10, 5), (60, 10), (600, 35)])
@in_virtual_time
async def test_R06_after_an_outage_everything_is_read_again_soon(tmp_path: Path, outage_s: float, limit_s: float) -> None:
    async with rig(tmp_path) as it:
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await it.until(it.same)
            it.proxy.refuse = True
            it.proxy.reset()
            await it.clock.sleep(outage_s)
            it.objects.put(config("b"))
            it.proxy.mend()
            await it.until(it.same, within_s=limit_s)


@in_virtual_time
async def test_F07_nodes_that_go_down_one_after_another_cost_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as it, running(it.source(ConfigMap)):
        await it.until(it.same)
        for number in range(5):
            it.proxy.reset()
            it.objects.put(config(f"c{number}"))
            await it.until(it.same, within_s=10)
            await it.clock.sleep(20)
        assert len(it.asked("configmaps", watch=False)) == 1


async def _long_list(folder: Path, count: int) -> None:
    async with rig(folder) as it:
        for number in range(count):
            it.objects.put(config(f"c{number:05}"))
        it.faults.on("page-slow", "configmaps", seconds=8)
        reflector = it.reflector()
        notes: set[str] = set()
        async with running(reflector):
            await it.until(lambda: len(it.held()) == PAGE, within_s=10)
            assert it.gap() is not None
            it.proxy.cut_next(20_000, times=2)
            while not it.same():
                notes.add(reflector.progress.note)
                await it.clock.sleep(1)
        assert f"{PAGE} so far, {count - PAGE} to come" in notes
        first = [item for item in it.asked("configmaps", watch=False) if "continue" not in item.query]
        assert len(first) == 1
        assert len(it.asked("configmaps", watch=False)) == count // PAGE + 2


@in_virtual_time
async def test_F25_slow_pages_show_as_they_come_and_a_cut_one_is_asked_again_alone(tmp_path: Path) -> None:
    await _long_list(tmp_path, PAGE * 6)


@pytest.mark.soak
@in_virtual_time
async def test_F25_fifty_thousand_objects(tmp_path: Path) -> None:
    await _long_list(tmp_path, 50_000)


@in_virtual_time
async def test_B37_a_page_token_that_repeats_ends_the_list_and_is_said(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        for number in range(PAGE + 1):
            it.objects.put(config(f"c{number:04}"))
        it.faults.on("page-same", "configmaps")
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: reflector.progress.note == "a list does not end")
            gap = it.gap()
            assert gap is not None
            assert gap.why is Why.MALFORMED
            assert len(it.asked("configmaps")) == 2
            it.faults.off()
            await it.until(it.same, within_s=5)


@pytest.mark.parametrize(("items", "whole"), [(None, True), (..., False), ({"a": 1}, False), ("none", False), ([None], False)])
@in_virtual_time
async def test_B31_B37_a_list_without_proper_items_is_no_empty_list(tmp_path: Path, items: object, whole: bool) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.faults.on("page-items", "configmaps", items=items)
        reflector = it.reflector()
        async with running(reflector):
            await it.until(lambda: reflector.progress.state in {"watching", "backing off"} and it.gap() != LOADING)
            gap = it.gap()
            assert (gap is None) is whole
            assert gap is None or gap.why is Why.MALFORMED
            it.faults.off()
            it.faults.on("watch-410", "configmaps", times=1)
            it.proxy.reset()
            await it.until(it.same, within_s=90)


class Only(ConfigMap, frozen=True):
    """One ConfigMap that is read by its name."""

    SINGLE: ClassVar[tuple[str, str] | None] = ("web", "only")


@in_virtual_time
async def test_F07_an_object_that_is_read_by_name_stays_through_a_bad_minute_and_is_stale_after_two(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("only"))
        source = it.source(Only, Lease)
        async with running(source):
            await it.until(lambda: it.gap(Only) is None and set(it.held(Only)) == {"only"})
            it.faults.on("status", "configmaps", code=503)
            await it.always(lambda: it.gap(Only) is None, for_s=60)
            await it.until(lambda: it.gap(Only) is not None, within_s=91)
            assert set(it.held(Only)) == {"only"}
            it.objects.put(config("only", "new"))
            it.faults.off()
            await it.until(lambda: it.gap(Only) is None and it.held(Only)["only"] == it.served()["only"], within_s=8)


@in_virtual_time
async def test_B26_an_object_that_is_read_by_name_and_cannot_be_read_is_named(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("only"))
        async with running(it.source(Only)):
            await it.until(lambda: set(it.held(Only)) == {"only"})
            it.objects.patch("configmaps", "only", {"metadata": {"labels": {"odd": 7}}}, "web")
            await it.until(lambda: it.store.broken(Only), within_s=31)
            assert it.held(Only) == {}
            assert "web/only" in str(it.gap(Only))
