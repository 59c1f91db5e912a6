"""Both nets of a bundle: objects by structure, texts by pattern, logs line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence.planted import FORMATS, Planted
from ztui.errors import DataError
from ztui.evidence.scrub import LINE_LIMIT, NOTE_LIMIT, json_bytes, log_text, scrubbed, tree_of
from ztui.redact import HIDDEN


def log(raw: bytes, *, whole: bool = True) -> tuple[str, str]:
    return log_text(raw, whole=whole, late=lambda: False)


def test_values_of_variables_go_whatever_they_say() -> None:
    source = {"secretKeyRef": {"name": "db", "key": "password"}}
    box = {"env": [{"name": "MODE", "value": "plain words"}, {"name": "P", "valueFrom": source}, {"name": "EMPTY", "value": ""}]}
    assert scrubbed(box)["env"] == [
        {"name": "MODE", "value": HIDDEN},
        {"name": "P", "valueFrom": source},
        {"name": "EMPTY", "value": ""},
    ]
    assert scrubbed({"httpHeaders": [{"name": "X", "value": "y"}]}) == {"httpHeaders": [{"name": "X", "value": HIDDEN}]}
    assert scrubbed({"env": {"A": "b"}}) == {"env": {"A": HIDDEN}}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("note", "harmless", "harmless"),
        ("db-password", "hunter22", HIDDEN),
        ("copy", '{"apiVersion":"v1","data":{"a":"b"}}', HIDDEN),
        ("template", '[{"name":"A","value":"b"}]', HIDDEN),
        ("long", "x" * (NOTE_LIMIT + 1), f"<{NOTE_LIMIT + 1} characters>"),
        ("url", "https://u:hunter22@x/", f"https://{HIDDEN}@x/"),
    ],
)
def test_an_annotation(name: str, value: str, expected: str) -> None:
    assert scrubbed({"annotations": {name: value}}) == {"annotations": {name: expected}}


def test_copies_of_objects_and_managed_fields_are_dropped() -> None:
    meta = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, "managedFields": [{}], "name": "x"}
    assert scrubbed({"metadata": meta}) == {"metadata": {"annotations": {}, "name": "x"}}


def test_what_follows_a_flag_for_a_credential_goes_with_it() -> None:
    words = ["run", "--db-password", "hunter22", "--token=abcdef123", "--verbose"]
    assert scrubbed({"args": words}) == {"args": ["run", "--db-password", HIDDEN, f"--token={HIDDEN}", "--verbose"]}


@pytest.mark.parametrize("made", FORMATS)
def test_no_format_survives_in_any_place(made: Any) -> None:
    mark = "Q7w8E9r0T1y2U3i4O5p6A7s8"
    secret = made(mark)
    needle = mark[:16].upper() if "AKIA" in secret else mark
    tree = {"status": {"message": secret, "list": [secret]}, "metadata": {"annotations": {"a": secret}}, secret: 1}
    assert needle not in json.dumps(scrubbed(tree))
    assert needle not in log(f"time=1 {secret} more\n".encode())[0]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
    )
)
def test_any_tree_stays_a_tree_and_becomes_ascii(tree: Any) -> None:
    raw = json_bytes(scrubbed({"x": tree}))
    assert raw.isascii()
    assert not any(byte < 0x20 and byte != 0x0A for byte in raw)
    assert isinstance(json.loads(raw), dict)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"nonsense", b'{"kind":"Secret","data":{}}', b'{"kind":"SecretList"}', b"[" * 100_000]
)
def test_what_may_not_be_kept_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError):
        tree_of(raw, "/api")


def test_a_deep_tree_ends_somewhere() -> None:
    tree: Any = "x"
    for _ in range(200):
        tree = [tree]
    assert HIDDEN in json.dumps(scrubbed(tree))


def test_a_private_key_over_many_lines_is_hidden_with_all_of_them() -> None:
    lines = ["a", "t1 -----BEGIN RSA PRIVATE KEY-----", "t2 MIIEpAIBAAKCAQEA", "t3 -----END RSA PRIVATE KEY-----", "b"]
    text, _ = log("\n".join(lines).encode())
    assert "MIIE" not in text
    assert (text.split("\n")[0], text.split("\n")[-1]) == ("a", "b")
    assert "MIIE" not in log("\n".join(lines[:3]).encode())[0]


def test_a_line_without_an_end_is_cut_between_words() -> None:
    text, note = log(b"begin " + b"password=" + b"x" * LINE_LIMIT * 3)
    assert text.startswith("begin <")
    assert "characters cut>" in text
    assert note == f"1 lines beyond {LINE_LIMIT} characters are cut"
    assert len(log(b"y" * LINE_LIMIT * 100)[0]) < 100


def test_half_a_line_at_the_end_of_a_cut_log_is_dropped() -> None:
    assert log(b"one\ntoken=abc", whole=False)[0] == "one"


def test_control_bytes_become_visible_and_binary_is_no_trouble() -> None:
    text, _ = log(b"\x1b[31mred\x1b[0m \xff\xfe\x00 \xe2\x80\xae")
    assert text.isprintable()
    assert "\\x1b[31mred" in text


def test_a_log_that_takes_too_long_is_left_and_says_so() -> None:
    text, note = log_text(b"a\n" * 2000, whole=True, late=iter([False, False, True]).__next__)
    assert len(text.split("\n")) == 1000
    assert note == "the last 1001 lines are left out: cleaning them took too long"


def test_two_hundred_secrets_in_one_log() -> None:
    planted = Planted()
    raw = "\n".join(f"{at} level=info {planted.secret()} rest" for at in range(200)).encode()
    assert len(planted.found_in(raw)) == 200
    assert planted.found_in(log(raw)[0].encode()) == []
