"""The order of Vault's policies: a table of its own rules, and properties over random ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztui.engines.vaultpolicy import allowed, covers, effective, example
from ztui.kinds.vaultpolicy import PathRule, read_policy

READ, UPDATE, DENY = ("read",), ("update",), ("deny",)


@pytest.mark.parametrize(
    ("rules", "path", "expected", "by"),
    [
        ([("secret/*", READ)], "secret/a/b", {"read"}, "secret/*"),
        ([("secret/*", READ)], "secrets", set(), ""),
        ([("secret/foo*", READ)], "secret/foobar", {"read"}, "secret/foo*"),
        ([("secret/foo", READ)], "secret/foobar", set(), ""),
        ([("*", READ)], "anything/at/all", {"read"}, "*"),
        ([("secret/*/x", READ)], "secret/a/x", set(), ""),
        ([("+/data/*", DENY), ("secret/data/*", READ)], "secret/data/a", {"read"}, "secret/data/*"),
        ([("+/x", READ)], "a/b/x", set(), ""),
        ([("secret/+/team", READ), ("secret/a/team", DENY)], "secret/a/team", set(), "secret/a/team"),
        ([("secret/*", READ), ("secret/a/*", UPDATE)], "secret/a/b", {"update"}, "secret/a/*"),
        ([("secret/+/+/b", READ), ("secret/+/c/b", UPDATE)], "secret/a/c/b", {"update"}, "secret/+/c/b"),
        ([("secret/+/b", READ), ("secret/+/*", UPDATE)], "secret/a/b", {"read"}, "secret/+/b"),
        ([("secret/a", READ), ("secret/a", UPDATE)], "secret/a", {"read", "update"}, "secret/a"),
        ([("secret/a", READ), ("secret/a", DENY)], "secret/a", set(), "secret/a"),
        ([("secret/*", DENY), ("secret/a", READ)], "secret/a", {"read"}, "secret/a"),
        ([("secret/{{identity.entity.name}}/*", READ)], "secret/ana/x", set(), ""),
    ],
)
def test_the_most_specific_pattern_decides_and_deny_wins_in_it(
    rules: list[tuple[str, tuple[str, ...]]], path: str, expected: set[str], by: str
) -> None:
    found = allowed([PathRule(pattern, words) for pattern, words in rules], path)
    assert (set(found.capabilities), found.by) == (expected, by)


def test_a_template_is_no_wildcard() -> None:
    rules = [PathRule("secret/{{identity.entity.id}}/*", READ)]
    assert effective(rules, rules[0].path) == {"read"}
    assert not covers(rules[0].path, "secret/shop/x")


_PATTERNS = st.lists(st.sampled_from(["a", "b", "+", "ab"]), min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["/".join(parts), "/".join(parts) + "*", "/".join(parts) + "/*"])
)
_RULES = st.lists(st.builds(PathRule, _PATTERNS, st.sampled_from([READ, UPDATE, DENY])), max_size=6)
_PATHS = st.lists(st.sampled_from(["a", "b", "ab", "abc"]), min_size=1, max_size=5).map("/".join)


@settings(max_examples=300)
@given(_RULES, _PATHS, st.randoms())
def test_the_order_of_the_text_says_nothing(rules: list[PathRule], path: str, random: object) -> None:
    mixed = list(rules)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis' own random
    assert allowed(rules, path) == allowed(mixed, path)


@settings(max_examples=300)
@given(_RULES, _PATHS)
def test_what_is_allowed_is_said_by_a_rule_that_covers_the_path(rules: list[PathRule], path: str) -> None:
    found = allowed(rules, path)
    said = {word for rule in rules if covers(rule.path, path) for word in rule.capabilities}
    assert found.capabilities <= said - {"deny"}
    assert found.by == "" or covers(found.by, path)


@given(_PATTERNS)
def test_an_example_is_covered_by_its_pattern(pattern: str) -> None:
    assert covers(pattern, example(pattern))


def test_hcl_and_json_say_the_same() -> None:
    hcl = """
    # comment
    path "secret/data/*" {
      capabilities = ["read", "list",]   // trailing comma
      allowed_parameters = { "*" = [], key = ["a", "b"] }
      min_wrapping_ttl = "1s"
    }
    /* block */ path "/sys/health" { policy = "read" }
    name = "old"
    """
    as_json = '{"path": {"secret/data/*": {"capabilities": ["read", "list"]}, "sys/health": {"policy": "read"}}}'
    assert list(read_policy(hcl)) == list(read_policy(as_json))
    assert [rule.path for rule in read_policy(hcl)] == ["secret/data/*", "sys/health"]


@pytest.mark.parametrize(
    "text",
    [
        'path "a {',
        'path "a" { capabilities = "read" }',
        'path "a" { capabilities = [',
        "path",
        '{"path": 3}',
        '{"path"',
        "x" * 300_000,
    ],
)
def test_B39_what_is_no_policy_is_refused(text: str) -> None:  # noqa: N802  the id of the row is in the name
    with pytest.raises(ValueError, match=r"policy|capabilities|read"):
        list(read_policy(text))


@settings(max_examples=500)
@given(st.text(alphabet='path "{}[]=,*+#/\n\\<EOF1', max_size=60))
def test_R13_any_text_is_read_or_refused(text: str) -> None:  # noqa: N802  the id of the row is in the name
    try:
        found = list(read_policy(text))
    except ValueError:
        return
    assert all(isinstance(rule, PathRule) for rule in found)
