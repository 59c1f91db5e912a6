"""Recipes on small clusters: which writes, whom they touch, what stands in the way. The table is ``plans/*.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.worlds import complete, view_of
from ztui.kinds.base import Kind, Ref
from ztui.recipes.base import Plan, Write, plan, recipes
from ztui.recipes.simulate import after

FOLDER = Path(__file__).with_name("plans")

Obj = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One write: its ``verb``, ``on`` what (``kind/namespace/name``), and its ``body`` where that matters."""

    verb: str
    to: str
    body: Any = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster, a recipe ``at`` an object of it, and what comes out: codes of what it ``says`` of others, what ``stops`` it."""

    case: str
    recipe: str
    at: str
    objects: list[Any] = []
    gaps: dict[str, str] = {}
    platform: str = "ocp"
    answers: dict[str, str] = {}
    writes: list[Wanted] = []
    stops: list[str] = []
    overrides: list[str] = []
    says: list[str] = []


CASES = [
    pytest.param(case, id=f"{case.recipe} {case.case}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for case in msgspec.yaml.decode(path.read_bytes(), type=list[Case])
]


def ref_of(text: str) -> Ref:
    """``pod/shop/api``, or ``Cluster/x`` and ``Image/x`` for what is no object."""
    if text.startswith("Cluster/"):
        return Ref("", "Cluster", "", text.removeprefix("Cluster/"))
    if text.startswith("Image/"):
        return Ref("", "Image", "", text.removeprefix("Image/"))
    group, _, rest = text.rpartition(" ")
    name, *place = rest.split("/")
    found: Obj = {"kind": name, "metadata": {"name": place[-1]}}
    if len(place) == 2:
        found["metadata"]["namespace"] = place[0]
    kind, obj = complete({**found, "apiVersion": f"{group}/v1"} if group else found)
    return Ref(kind.GROUP, kind.KIND, obj["metadata"].get("namespace", ""), place[-1])


def told(write: Write) -> str:
    return str(write.ref)


@pytest.mark.parametrize("case", CASES)
def test_a_plan(case: Case) -> None:
    view = view_of(case.objects, gaps=case.gaps, platform=case.platform)
    found = plan(view, recipes()[case.recipe], ref_of(case.at), case.answers)
    assert [item.note.reason.code for item in found.stops if not item.override] == case.stops
    assert [item.note.reason.code for item in found.stops if item.override] == case.overrides
    assert [(item.verb, told(item)) for item in found.writes] == [(item.verb, item.to.lower()) for item in case.writes]
    for write, wanted in zip(found.writes, case.writes, strict=True):
        if wanted.body is not None:
            assert msgspec.to_builtins(write.body) == wanted.body
    codes = [item.reason.code for item in found.radius]
    assert [code for code in case.says if code not in codes] == []
    _fits(found, view.state)


def _fits(found: Plan, state: Any) -> None:
    """Every plan can be made on the state that it was made for: the effect on verdicts rests on that."""
    later = after(state, found)
    last = {(write.ref.kind, write.ref.namespace, write.ref.name): write for write in found.writes}
    for write in last.values():
        held: Kind | None = later.objects.get(write.kind, {}).get(write.ref.namespace, {}).get(write.ref.name)
        assert (held is None) is (write.verb == "delete")


def test_every_recipe_is_planned_both_ways() -> None:
    """Each recipe has a case in which it writes, and one in which it does not."""
    cases: list[Case] = [item for param in CASES for item in param.values if isinstance(item, Case)]
    writing = {case.recipe for case in cases if case.writes}
    refusing = {case.recipe for case in cases if case.stops}
    assert writing == refusing
    assert writing <= recipes().keys()
