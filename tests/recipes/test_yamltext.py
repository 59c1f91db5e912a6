"""One key of a YAML text: set, and nothing else lost."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ztui.recipes.trees import PatchError, as_json_patch, patched, taken_back
from ztui.recipes.yamltext import LIMIT, with_key

KEY = "enableUserWorkload"
words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)
plain = st.none() | st.booleans() | st.integers(-9, 9) | words
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8)
PATCH = [{"op": "yaml", "path": "/data/config.yaml", "key": KEY, "value": True}]


@given(st.dictionaries(words | st.just(KEY), values, max_size=4), st.booleans(), st.sampled_from([None, True, False]))
def test_it_sets_the_key_and_keeps_the_rest(held: dict[str, Any], flow: bool, value: bool | None) -> None:
    text = yaml.safe_dump(held, default_flow_style=flow)
    made = with_key(text, KEY, value)
    assert yaml.safe_load(made) == {**held, KEY: value}
    assert with_key(made, KEY, value) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", "enableUserWorkload: true\n"),
        ("# ours\nprometheusK8s:\n  retention: 15d # long\n", None),
        ("enableUserWorkload: false # for now\na: 1\n", "enableUserWorkload: true # for now\na: 1\n"),
        ("enableUserWorkload:   'no'\n", "enableUserWorkload: true\n"),
        ("# head\n---\na: 1\n", "# head\n---\nenableUserWorkload: true\na: 1\n"),
        ("{a: 1}", "a: 1\nenableUserWorkload: true\n"),
        ("a: |\n  enableUserWorkload: false\n", "enableUserWorkload: true\na: |\n  enableUserWorkload: false\n"),
        ("enableUserWorkload: true\n# end", "enableUserWorkload: true\n# end"),
    ],
)
def test_what_a_person_wrote_stays(text: str, made: str | None) -> None:
    assert with_key(text, KEY, True) == (made or f"enableUserWorkload: true\n{text}")


@pytest.mark.parametrize("text", ["- a list", "just words", "a: [", "a: 1\n---\nb: 2\n", "x" * (LIMIT + 1), "\x00"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the text is"):
        with_key(text, KEY, True)
    with pytest.raises(PatchError, match="the text is"):
        patched({"data": {"config.yaml": text}}, PATCH)


def test_the_patch_that_is_sent_has_the_whole_text_and_is_taken_back() -> None:
    tree = {"data": {"config.yaml": "a: 1\n", "other": "x"}}
    after = patched(tree, PATCH)
    assert after == {"data": {"config.yaml": f"{KEY}: true\na: 1\n", "other": "x"}}
    assert as_json_patch(PATCH, {"/data/config.yaml": "text"}) == [{"op": "add", "path": "/data/config.yaml", "value": "text"}]
    assert patched(after, taken_back(tree, PATCH)) == tree
    with pytest.raises(PatchError, match="no text"):
        as_json_patch(PATCH, {})
    with pytest.raises(PatchError, match="not a text"):
        patched({"data": {"config.yaml": {"a": 1}}}, PATCH)
    assert patched({"data": {"config.yaml": None}}, PATCH) == {"data": {"config.yaml": f"{KEY}: true\n"}}
