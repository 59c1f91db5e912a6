"""Derived values: computed when something they read has changed, and only then; what they may read is what was declared."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.worlds import NOW
from ztui.kinds.base import Kind, Meta
from ztui.memo import Memo
from ztui.store import Event, Lost, Put, Store, Whole
from ztui.view import Gap, UndeclaredReadError, View, Why


class Fruit(Kind, frozen=True):
    PLURAL: ClassVar[str] = "fruits"
    KIND: ClassVar[str] = "Fruit"

    weight: int = 0


class Stone(Kind, frozen=True):
    PLURAL: ClassVar[str] = "stones"
    KIND: ClassVar[str] = "Stone"


def fruit(name: str, weight: int, namespace: str = "web") -> Put:
    return Put(Fruit(Meta(name, f"uid-{name}", str(weight), namespace), weight))


def weight(view: View, namespace: str) -> int:
    return sum(item.weight for item in view.within(Fruit, namespace))


def is_heavy(view: View, namespace: str) -> bool:
    return view.derive(weight, namespace) > 10


def is_whole(view: View, namespace: str) -> bool:
    return view.gap(Fruit, namespace) is None


class Kept:
    """A store, its memo, and how often something was computed at the last tick."""

    def __init__(self) -> None:
        self.store, self.memo = Store(), Memo()
        self.after(Whole(Fruit, frozenset()))

    def after(self, *events: Event) -> Memo:
        for event in events:
            self.store.apply(event)
        self.memo.advance(self.store.tick(NOW))
        self.memo.computed = 0
        return self.memo


def test_a_value_is_computed_once_and_again_when_its_partition_changed() -> None:
    kept = Kept()
    memo = kept.after(fruit("apple", 3))
    assert [memo.value(weight, ("web",)) for _ in range(3)] == [3, 3, 3]
    assert memo.computed == 1
    assert kept.after(fruit("plum", 2, "shop")).value(weight, ("web",)) == 3
    assert memo.computed == 0
    assert kept.after(fruit("pear", 4)).value(weight, ("web",)) == 7
    assert memo.computed == 1


def test_what_reads_a_value_that_stayed_the_same_is_not_computed_again() -> None:
    kept = Kept()
    memo = kept.after(fruit("apple", 3))
    assert memo.value(is_heavy, ("web",)) is False
    assert kept.after(fruit("apple", 4)).value(is_heavy, ("web",)) is False
    assert (memo.computed, memo.changed(is_heavy, ("web",))) == (2, False)
    assert kept.after(fruit("apple", 5)).value(is_heavy, ("web",)) is False
    assert kept.after(fruit("apple", 50)).value(is_heavy, ("web",)) is True
    assert memo.changed(is_heavy, ("web",))


def test_a_gap_is_read_like_anything_else() -> None:
    kept = Kept()
    assert kept.after().value(is_whole, ("web",)) is True
    assert kept.after(Lost(Fruit, Gap(Why.STALE))).value(is_whole, ("web",)) is False
    assert kept.after(Lost(Fruit, None)).value(is_whole, ("web",)) is True


def test_a_value_that_nobody_asks_for_again_is_forgotten_with_what_it_read() -> None:
    kept = Kept()
    memo = kept.after(fruit("apple", 3))
    memo.value(weight, ("web",))
    memo.forget(weight, ("web",))
    assert kept.memo.advance(kept.store.tick(NOW)) == set()
    assert memo.value(weight, ("web",)) == 3


def test_what_was_not_declared_may_not_be_read_not_even_through_a_value_that_is_kept() -> None:
    kept = Kept()
    memo = kept.after(fruit("apple", 30))
    assert memo.value(is_heavy, ("web",)) is True
    with pytest.raises(UndeclaredReadError):
        memo.value(is_heavy, ("web",), frozenset({Stone}))
    assert memo.value(is_heavy, ("web",), frozenset({Fruit})) is True
