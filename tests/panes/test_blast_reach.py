"""The network of a blast radius against a second opinion: the engine that answers for one connection, on the demo's cluster."""

from __future__ import annotations

import pytest

from tests.screens.stage import demo_frame
from ztui.engines.blast import centre_of
from ztui.engines.marks import Door
from ztui.engines.reachask import doors_to_ask, end_of, passages
from ztui.engines.units import namespace_classes, workloads
from ztui.kinds.base import Ref
from ztui.panes.blastnet import Found, called_by, callers_of
from ztui.view import View


@pytest.fixture(scope="module")
def view() -> View:
    """The demo's first state."""
    return View(demo_frame().state)


def others(view: View, root: Ref) -> list[Ref]:
    """Every other workload on the pod network."""
    found = (unit for place in view.derive(namespace_classes, frozenset()) for unit in view.derive(workloads, place))
    return [unit.root for unit in found if unit.root != root and not unit.pods[0].spec.host_network]


def declared(view: View, ref: Ref) -> set[Door]:
    """The ports that a workload has; any port where it names none."""
    return set(doors_to_ask(end_of(view, f"{ref.namespace}/{ref.kind.lower()}/{ref.name}"), ""))


def open_doors(view: View, src: Ref, dst: Ref) -> set[Door]:
    """The ports by which one may be called by the other; any port where none is declared."""
    a, b = (end_of(view, f"{ref.namespace}/{ref.kind.lower()}/{ref.name}") for ref in (src, dst))
    return {item.door for item in passages(view, a, b, doors_to_ask(b, "")) if item.answer in {"ALLOWED", "PARTLY"}}


def told(found: Found, ref: Ref) -> set[Door]:
    return found.get(ref.namespace, {}).get(ref, set())


TARGETS = ("shop/web", "shop/redis", "payments/ledger", "payments/api", "web/cms", "ci/runner", "data/etl")


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_page_says_is_what_the_engine_says_of_each_pair(view: View, target: str) -> None:
    centre = centre_of(view, target)
    coming, going = callers_of(view, centre), called_by(view, centre)
    mine = declared(view, centre.ref)
    for other in others(view, centre.ref):
        assert told(coming, other) & mine == open_doors(view, other, centre.ref), f"{other} to {target}"
        assert told(going, other) & declared(view, other) == open_doors(view, centre.ref, other), f"{target} to {other}"
