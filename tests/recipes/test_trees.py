"""Trees under writes: what a patch makes, and that its opposite brings back exactly what was there."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztui.recipes.trees import (
    ABSENT,
    PatchError,
    former,
    hollow,
    is_nothing,
    leaves,
    merged,
    overlaid,
    patched,
    picked,
    taken_back,
    touched,
    value_at,
    without,
)

names = st.sampled_from(["a", "b", "c/d", "e~f", "name"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("xyz", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
trees = st.dictionaries(names, values, min_size=1, max_size=4)


def pointers(tree: Any, above: str = "") -> list[str]:
    found = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        pointer = f"{above}/{str(key).replace('~', '~0').replace('/', '~1')}"
        found += [pointer, *pointers(value, pointer)]
    return found


@given(st.data(), trees)
def test_the_opposite_of_a_patch_brings_everything_back(data: st.DataObject, tree: dict[str, Any]) -> None:
    pointer = data.draw(st.sampled_from(pointers(tree)))
    operations: list[dict[str, Any]] = [{"op": data.draw(st.sampled_from(["add", "remove", "replace"])), "path": pointer}]
    if operations[0]["op"] != "remove":
        operations[0]["value"] = data.draw(values)
    before = copy.deepcopy(tree)
    after = patched(tree, operations)
    assert tree == before
    assert patched(after, taken_back(tree, operations)) == tree


@given(trees, trees)
def test_an_apply_sets_what_it_names_and_nothing_else(tree: dict[str, Any], body: dict[str, Any]) -> None:
    made = merged(tree, body)
    assert merged(made, body) == made
    assert {key: value for key, value in tree.items() if key not in body} == {
        key: value for key, value in made.items() if key not in body
    }
    assert picked(made, body) == picked(merged(made, body), body)


@given(trees, trees)
def test_taking_away_what_an_apply_added_leaves_what_was_there(tree: dict[str, Any], body: dict[str, Any]) -> None:
    fresh = {f"new-{key}": value for key, value in body.items()}
    assert without(merged(tree, fresh), fresh, {}) == tree


def full(tree: Any) -> Any:
    """A tree as a server keeps it: without nulls, and without maps that hold nothing."""
    if not isinstance(tree, dict):
        return [full(item) for item in tree if item is not None] if isinstance(tree, list) else tree
    found = {key: full(value) for key, value in tree.items() if value is not None}
    return {key: value for key, value in found.items() if value != {}}


@given(trees, trees)
def test_the_opposite_of_a_merge_brings_everything_back(tree: dict[str, Any], body: dict[str, Any]) -> None:
    tree = full(tree)
    before = copy.deepcopy(tree)
    made = overlaid(tree, body)
    assert tree == before
    assert overlaid(made, body) == made
    assert full(overlaid(made, former(picked(tree, body), body))) == tree


def test_containers_are_told_apart_by_name() -> None:
    tree = {"containers": [{"name": "a", "image": "one", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "two"}]}
    body = {"containers": [{"name": "b", "image": "three"}]}
    made = merged(tree, body)
    assert [item["image"] for item in made["containers"]] == ["one", "three"]
    assert picked(tree, body) == {"containers": [{"name": "b", "image": "two"}]}
    assert dict(leaves(body)) == {"containers.b.name": "b", "containers.b.image": "three"}


def test_what_a_patch_is_about_is_the_whole_list_of_an_entry() -> None:
    tree = {"subjects": [{"name": "a"}, {"name": "b"}], "metadata": {"annotations": {}}}
    operations = [{"op": "remove", "path": "/subjects/0"}, {"op": "add", "path": "/metadata/annotations/x~1y", "value": "1"}]
    assert touched(tree, operations) == {"/subjects": tree["subjects"], "/metadata/annotations/x~1y": ABSENT}
    back = taken_back(tree, operations)
    assert {"op": "test", "path": "/subjects", "value": [{"name": "b"}]} in back
    assert patched(patched(tree, operations), back) == tree


def test_the_opposite_of_emptying_a_list_tests_nothing_that_a_server_leaves_out() -> None:
    tree = {"subjects": [{"name": "a"}]}
    back = taken_back(tree, [{"op": "remove", "path": "/subjects/0"}])
    assert back == [{"op": "add", "path": "/subjects", "value": [{"name": "a"}]}]
    assert patched({}, back) == tree
    assert is_nothing([])
    assert is_nothing(ABSENT)
    assert not is_nothing(0)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/list/7", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
    ],
)
def test_an_operation_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        patched({"a": 1, "list": [1]}, [operation])


def test_a_pointer_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(PatchError):
        value_at({"a": [1]}, "/a/1")


def test_maps_that_are_there_and_empty_are_named() -> None:
    tree: dict[str, Any] = {"spec": {}, "a/b": {"c": {}}, "d": {"e": 1}}
    body = {"spec": {"x": 1}, "a/b": {"c": {"y": 1}}, "d": {"f": {"z": 1}}, "metadata": {"labels": {"l": "1"}}}
    assert list(hollow(tree, body)) == ["/spec", "/a~1b/c"]
    assert list(hollow(tree, {"spec": {}})) == []
