"""The store folds events: what it holds is what the events say, and whatever changed for a reader is told as touched."""

from __future__ import annotations

from typing import ClassVar

import hypothesis.strategies as st
from hypothesis import given, settings

from tests.worlds import NOW
from ztui.kinds.base import CLUSTER, Kind, Malformed, Meta
from ztui.store import Broken, Drop, Event, Hole, Lost, Put, Store, Whole
from ztui.view import EVERYWHERE, GAP, LOADING, SOMEWHERE, Gap, State, Why
from ztui.view import NOW as MINUTE

PLACES = ("web", "shop")
NAMES = ("a", "b")
STALE = Gap(Why.STALE, "no news for 75 s")
FORBIDDEN = Gap(Why.FORBIDDEN, "list things")


class Thing(Kind, frozen=True):
    """A kind in namespaces."""

    PLURAL: ClassVar[str] = "things"
    KIND: ClassVar[str] = "Thing"

    value: int = 0


class Wide(Kind, frozen=True):
    """A kind of the cluster."""

    PLURAL: ClassVar[str] = "wides"
    KIND: ClassVar[str] = "Wide"
    NAMESPACED: ClassVar[bool] = False


def thing(name: str, namespace: str = "web", value: int = 0, version: str = "1") -> Thing:
    return Thing(Meta(name, f"uid-{name}", version, namespace), value)


def broken(name: str, namespace: str = "web") -> Broken:
    return Broken(Thing, Malformed(namespace, name, "rubbish"))


def folded(*events: Event, store: Store | None = None) -> State:
    store = store or Store()
    for event in events:
        store.apply(event)
    return store.tick(NOW)


def names(state: State) -> set[str]:
    return {f"{namespace}/{name}" for namespace, part in state.objects.get(Thing, {}).items() for name in part}


WHOLE = Whole(Thing, frozenset())


def test_a_list_sweeps_what_it_does_not_name_and_a_list_of_one_namespace_only_there() -> None:
    store = Store()
    folded(Put(thing("a")), Put(thing("b")), Put(thing("a", "shop")), store=store)
    assert names(folded(Whole(Thing, frozenset({("web", "a")}), "web"), store=store)) == {"web/a", "shop/a"}
    assert names(folded(Whole(Thing, frozenset({("shop", "a")})), store=store)) == {"shop/a"}


def test_the_last_event_of_a_tick_wins_whatever_its_version() -> None:
    state = folded(WHOLE, Put(thing("a", value=1, version="9")), Drop(Thing, "web", "a"), Put(thing("a", value=2, version="10")))
    assert state.objects[Thing]["web"]["a"] == thing("a", value=2, version="10")


def test_a_new_version_of_the_same_content_touches_nobody() -> None:
    store = Store()
    folded(WHOLE, Put(thing("a")), store=store)
    state = folded(Put(thing("a", version="2")), store=store)
    assert state.touched == frozenset()
    assert state.objects[Thing]["web"]["a"].metadata.resource_version == "2"


def test_an_object_made_anew_under_the_same_name_is_a_change() -> None:
    store = Store()
    folded(WHOLE, Put(thing("a")), store=store)
    again = Thing(Meta("a", "another-uid", "2", "web"))
    assert (Thing, "web", "a") in folded(Put(again), store=store).touched


def test_a_kind_is_loading_until_it_is_whole_and_its_parts_may_be_whole_before() -> None:
    store = Store()
    assert folded(Put(thing("a")), store=store).gap(Thing) == LOADING
    state = folded(Whole(Thing, frozenset({("web", "a")}), "web"), store=store)
    assert (state.gap(Thing, "web"), state.gap(Thing, "shop"), state.gap(Thing)) == (None, LOADING, LOADING)


def test_what_is_forbidden_is_forgotten_and_what_fails_in_passing_is_not() -> None:
    store = Store()
    folded(Put(thing("a")), Whole(Thing, frozenset({("web", "a")})), store=store)
    assert names(folded(Hole(Thing, STALE), store=store)) == {"web/a"}
    assert names(folded(Hole(Thing, FORBIDDEN, forget=True), store=store)) == set()


def test_a_lost_kind_keeps_its_objects_and_has_a_gap_until_it_is_heard_again() -> None:
    store = Store()
    folded(Put(thing("a")), Whole(Thing, frozenset({("web", "a")})), store=store)
    state = folded(Lost(Thing, STALE), store=store)
    assert (names(state), state.gap(Thing, "web"), state.gap(Thing)) == ({"web/a"}, STALE, STALE)
    assert folded(Lost(Thing, None), store=store).gap(Thing, "web") is None


def test_a_malformed_object_is_dropped_named_and_costs_only_its_namespace() -> None:
    store = Store()
    folded(Put(thing("a")), Whole(Thing, frozenset({("web", "a")})), store=store)
    state = folded(broken("a"), store=store)
    assert names(state) == set()
    assert str(state.gap(Thing, "web")) == "malformed(1: web/a: rubbish)"
    assert state.gap(Thing, "shop") is None
    assert state.gap(Thing) == state.gap(Thing, "web")
    mended = folded(Put(thing("a")), store=store)
    assert (mended.gap(Thing), mended.gap(Thing, "web")) == (None, None)


def test_a_malformed_object_shows_where_only_its_namespace_may_be_read() -> None:
    whole = Whole(Thing, frozenset({("web", "a")}), "web")
    state = folded(Hole(Thing, FORBIDDEN, forget=True), broken("a"), whole)
    gap = state.gap(Thing, "web")
    assert gap is not None
    assert (gap.why, state.gap(Thing)) == (Why.MALFORMED, FORBIDDEN)


def test_an_object_that_does_not_tell_its_namespace_may_be_in_any() -> None:
    store = Store()
    state = folded(WHOLE, broken("?0", CLUSTER), store=store)
    assert {str(state.gap(Thing, place)) for place in PLACES} == {"malformed(1: ?0: rubbish)"}
    assert (Thing, EVERYWHERE, GAP) in state.touched
    assert folded(WHOLE, store=store).gap(Thing, "web") is None


def test_a_malformed_object_of_the_cluster_is_a_gap_of_the_cluster() -> None:
    state = folded(Whole(Wide, frozenset()), Broken(Wide, Malformed(CLUSTER, "a", "rubbish")))
    gap = state.gap(Wide)
    assert gap is not None
    assert gap.why is Why.MALFORMED


def test_a_tick_shares_what_it_did_not_touch_and_changes_no_older_state() -> None:
    store = Store()
    before = folded(WHOLE, Put(thing("a")), Put(thing("a", "shop")), store=store)
    after = folded(Put(thing("b")), store=store)
    assert after.objects[Thing]["shop"] is before.objects[Thing]["shop"]
    assert set(before.objects[Thing]["web"]) == {"a"}


_at = st.tuples(st.sampled_from(PLACES), st.sampled_from(NAMES))
_scope = st.sampled_from((EVERYWHERE, *PLACES))
_gap = st.sampled_from((FORBIDDEN, STALE, LOADING, Gap(Why.ABSENT, "things")))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda at, value: Put(thing(at[1], at[0], value)), _at, st.integers(0, 2)),
    _at.map(lambda at: Drop(Thing, *at)),
    st.builds(lambda keep, scope: Whole(Thing, keep, scope), st.frozensets(_at), _scope),
    st.builds(lambda gap, scope, forget: Hole(Thing, gap, scope, forget), _gap, _scope, st.booleans()),
    st.sampled_from((None, STALE)).map(lambda gap: Lost(Thing, gap)),
    _at.map(lambda at: broken(at[1], at[0])),
    st.just(broken("?0", CLUSTER)),
)


class Model:
    """The same fold, written for plainness: no pending changes, no sharing."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Kind] = {}
        self.broken: set[tuple[str, str]] = set()
        self.gaps: dict[str, Gap | None] = {}
        self.lost: Gap | None = None

    def apply(self, event: Event) -> None:
        match event:
            case Put(obj):
                self.objects[obj.namespace, obj.name] = obj
                self.broken.discard((obj.namespace, obj.name))
            case Drop(_, namespace, name):
                self.objects.pop((namespace, name), None)
                self.broken.discard((namespace, name))
            case Whole(_, keep, scope):
                self._sweep(keep, scope)
                self.gaps = {scope: None} if scope == EVERYWHERE else {**self.gaps, scope: None}
            case Hole(_, gap, scope, forget):
                if forget:
                    self._sweep(frozenset(), scope)
                self.gaps[scope] = gap
            case Lost(_, gap):
                self.lost = gap
            case Broken(_, what):
                self.objects.pop((what.namespace, what.name), None)
                self.broken.add((what.namespace, what.name))

    def is_whole(self, place: str) -> bool:
        whole = self.gaps.get(EVERYWHERE, LOADING)
        if self.lost is not None and self.gaps:
            return False
        bad = {namespace for namespace, _ in self.broken}
        return self.gaps.get(place, CLUSTER in bad or whole) is None and place not in bad

    def _sweep(self, keep: frozenset[tuple[str, str]], scope: str) -> None:
        self.objects = {at: obj for at, obj in self.objects.items() if at in keep or scope not in (EVERYWHERE, at[0])}
        self.broken = {at for at in self.broken if at in keep or scope not in (EVERYWHERE, at[0])}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_any_events_fold_as_the_plain_model_does_and_what_changed_is_touched(ticks: list[list[Event]]) -> None:
    store, model = Store(), Model()
    before = store.state
    for events in ticks:
        for event in events:
            store.apply(event)
            model.apply(event)
        state = store.tick(NOW)
        held = {(namespace, name): obj for namespace, part in state.objects.get(Thing, {}).items() for name, obj in part.items()}
        assert held == model.objects
        assert {place: state.gap(Thing, place) is None for place in PLACES} == {place: model.is_whole(place) for place in PLACES}
        _touched(before, state)
        before = state


def _touched(before: State, after: State) -> None:
    """Whoever would read something else now can know it."""
    for place in PLACES:
        old, new = (state.objects.get(Thing, {}).get(place, {}) for state in (before, after))
        for name in NAMES:
            if old.get(name) != new.get(name):
                assert {(Thing,), (Thing, place), (Thing, place, name)} <= after.touched
        if before.gap(Thing, place) != after.gap(Thing, place):
            assert after.touched & {(Thing, place, GAP), (Thing, EVERYWHERE, GAP)}
    if before.gap(Thing) != after.gap(Thing):
        assert after.touched & {(Thing, SOMEWHERE, GAP), (Thing, EVERYWHERE, GAP)}
    assert (MINUTE in after.touched) is (before.tick == 0)
