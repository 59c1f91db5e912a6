"""What a server serves changes: groups that are down, kinds that come, change their version, and go."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.rig import ConfigMap, Lease, Rig, Thing, config, lease, rig, running
from tests.faults.virtual import in_virtual_time
from ztui.demo.faults import put_crd
from ztui.health import Freshness
from ztui.sources.discovery import discover
from ztui.sources.kube import KubeApi
from ztui.view import Gap, Why

GROUP = "new.example"


def serve(it: Rig, *versions: str) -> None:
    put_crd(it.objects, GROUP, "things", "Thing", versions)


def thing(name: str, version: str) -> dict[str, object]:
    return {"apiVersion": f"{GROUP}/{version}", "kind": "Thing", "metadata": {"name": name, "namespace": "web"}}


def why(gap: Gap | None) -> Why | None:
    return gap.why if gap else None


@in_virtual_time
async def test_F12_a_group_that_is_down_costs_only_its_own_kinds(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("a"))
        it.objects.put(lease("l"))
        it.faults.on("group-down", group=Lease.GROUP)
        async with running(it.source(ConfigMap, Lease)):
            await it.until(it.same)
            await it.until(lambda: why(it.gap(Lease)) is Why.UNAVAILABLE)
            assert Lease.GROUP in str(it.gap(Lease))
            it.faults.off()
            await it.until(lambda: it.same(Lease), within_s=33)


@in_virtual_time
async def test_F12_a_group_that_goes_down_while_it_is_followed_is_kept_stale_and_then_unknown(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(lease("l"))
        source = it.source(ConfigMap, Lease)
        async with running(source):
            await it.until(lambda: it.same(Lease))
            it.faults.on("group-down", group=Lease.GROUP)
            it.proxy.reset()
            await it.until(lambda: it.gap(Lease) is not None, within_s=180)
            assert why(it.gap(Lease)) in {Why.STALE, Why.UNAVAILABLE}
            assert it.gap() is None
            it.faults.off()
            await it.until(lambda: it.same(Lease), within_s=40)


@in_virtual_time
async def test_F12_without_aggregated_discovery_one_group_down_costs_only_itself(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.faults.on("group-down", group=Lease.GROUP)
        api = KubeApi(it.http)

        async def plain(path: str, accept: str = "application/json") -> bytes:
            return await api.fetch(path)

        served = await discover(plain, {ConfigMap.GROUP, Lease.GROUP, "apps"})
        assert not isinstance(served.resolve(ConfigMap), Gap)
        found = served.resolve(Lease)
        assert isinstance(found, Gap)
        assert found.why is Why.UNAVAILABLE


@pytest.mark.parametrize("blind", [False, True])
@in_virtual_time
async def test_F13_a_kind_that_comes_changes_its_version_and_goes_is_followed(tmp_path: Path, blind: bool) -> None:
    async with rig(tmp_path) as it:
        if blind:
            it.faults.on("forbid", "customresourcedefinitions")
        source = it.source(ConfigMap, Thing)
        async with running(source):
            await it.until(lambda: why(it.gap(Thing)) is Why.ABSENT)
            await it.clock.sleep(40)
            serve(it, "v1")
            it.objects.put(thing("a", "v1"))
            await it.until(lambda: it.held(Thing) and it.same(Thing), within_s=32)
            await it.clock.sleep(40)
            serve(it, "v2")
            it.proxy.reset()
            it.objects.put(thing("b", "v2"))
            await it.until(lambda: "b" in it.held(Thing) and it.same(Thing), within_s=32)
            await it.clock.sleep(40)
            it.objects.delete("customresourcedefinitions", f"things.{GROUP}")
            await it.until(lambda: why(it.gap(Thing)) is Why.ABSENT and not it.held(Thing), within_s=32)
            before = len(it.requests)
            await it.clock.sleep(600)
            lost = [item for item in it.requests[before:] if item.status == 404 and "things" in item.path]
            assert len(lost) <= 10


@in_virtual_time
async def test_F13_what_is_absent_or_forbidden_stays_so_and_is_never_called_stale(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.faults.on("forbid", "leases")
        source = it.source(ConfigMap, Lease, Thing)
        async with running(source):
            await it.until(lambda: it.same() and why(it.gap(Lease)) is Why.FORBIDDEN)
            await it.always(lambda: why(it.gap(Thing)) is Why.ABSENT and why(it.gap(Lease)) is Why.FORBIDDEN, for_s=600, step_s=5)
            assert source.health().freshness is Freshness.LIVE


@in_virtual_time
async def test_F13_namespaces_that_may_be_read_stay_live_where_the_cluster_may_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.objects.put(config("mine", namespace="web"))
        it.objects.put(config("theirs", namespace="shop"))
        source = it.source(ConfigMap, namespaces=["web"])
        it.faults.on("forbid", "configmaps", times=1)
        async with running(source):
            await it.until(lambda: it.gap(namespace="web") is None, within_s=5)
            assert set(it.held()) == {"mine"}
            await it.always(lambda: it.gap(namespace="web") is None or it.gap() is None, for_s=300, step_s=5)
            assert it.same()


@in_virtual_time
async def test_B33_the_same_plural_in_two_groups_and_a_version_we_do_not_know(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        put_crd(it.objects, "other.example", "things", "Thing", ("v1",))
        api = KubeApi(it.http)
        absent = (await api.discover(frozenset({Thing}))).resolve(Thing)
        assert isinstance(absent, Gap)
        assert absent.why is Why.ABSENT
        serve(it, "v9")
        unknown = (await api.discover(frozenset({Thing}))).resolve(Thing)
        assert isinstance(unknown, Gap)
        assert (unknown.why, "v9" in unknown.detail) == (Why.UNAVAILABLE, True)


@in_virtual_time
async def test_B33_a_conversion_that_fails_keeps_what_was_read_and_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        serve(it, "v1")
        it.faults.on("status", "things", code=500, text="conversion webhook for new.example/v1, Kind=Thing failed")
        source = it.source(ConfigMap, Thing)
        async with running(source):
            await it.until(lambda: "conversion webhook" in str(it.gap(Thing)))
            assert it.same()
