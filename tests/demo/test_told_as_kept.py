"""What the story tells is what the API server would have stored: a write that changes nothing changes nothing."""

from __future__ import annotations

import json

import pytest

from ztui.demo import addresses, world
from ztui.demo.cluster import new_cluster
from ztui.demo.fields.quantity import canonical
from ztui.demo.store import clone
from ztui.demo.telling import settled


@pytest.mark.parametrize("scenario", ["default", "fresh", "phase2", "phase4"])
def test_every_built_in_object_is_in_its_normal_form(scenario: str) -> None:
    cluster = new_cluster(7)
    world.fill(cluster, scenario=scenario, seed=7, scale=0)
    odd = []
    for resource in cluster.catalogue:
        for obj in cluster.store.all(resource) if resource.origin == "builtin" else ():
            again = settled(cluster.store, resource, obj)
            if resource.plural == "services":
                addresses.carry(obj, again)
            if json.dumps(again, sort_keys=True) != json.dumps(obj, sort_keys=True):
                odd.append(f"{resource.plural} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}")
    assert odd == []


def test_a_field_that_no_kind_knows_is_told() -> None:
    cluster = new_cluster(7)
    world.fill(cluster, scenario="fresh", seed=7, scale=0)
    pods = cluster.catalogue.named("pods")
    wrong = clone(cluster.store.all(pods)[0])
    wrong["spec"]["hostNetwrk"] = True
    with pytest.raises(ValueError, match=r"Pod .*: spec\.hostNetwrk"):
        settled(cluster.store, pods, wrong)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("0.5", "500m"), ("1024Mi", "1Gi"), ("1000m", "1"), ("1.5Gi", "1536Mi"), ("1e3", "1e3"), ("1000", "1k"), ("0", "0"),
        ("0.1Ki", "102400m"), ("1000Ki", "1000Ki"), (".5", "500m"), ("-1", "-1"), ("1500", "1500"),
    ],
)  # fmt: skip
def test_quantities_are_kept_in_their_canonical_form(told: str, kept: str) -> None:
    assert canonical(told) == kept


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="must match the regular expression"):
        canonical("half")
