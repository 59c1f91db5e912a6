"""Secrets in free text are found, and the shortcut that skips hopeless patterns skips none that would match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztui.redact import _RULES, HIDDEN, looks_secret, redact

SECRETS = (
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "sha256~abcdefghijklmnopqrstuvwx",
    "hvs.CAESIJlWJnMyNlqfdNDSabcdefgh",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "postgres://user:hunter22@db/x",
    "Authorization: Bearer abcdef0123456789",
    "Authorization: bas\u0131c abcdef0123456789",
    "PASSWORD=correct-horse",
    "Uid=sa;Pwd=correct-horse;",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
    "github_pat_11ABCDEFG0abcdefghijklmnop",
    "xoxb-123456789012-abcdefghijkl",
    "AIzaSyA-1234567890abcdefghijklmnopqrstuv",
    "pa\u017f\u017fword: correct-horse",
    "ap\u0131_key=0123456789",
)
HARMLESS = (
    '{"default":{"ip_addresses":["10.128.2.9/23"],"mac_address":"0a:58:0a:80:02:10"}}',
    "restricted-v2",
    "registry.example.com/shop/api@sha256:0123",
    "2026-01-05T08:00:00Z",
    "key: value",
    "app.kubernetes.io/name: secret-store",
)


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden(text: str) -> None:
    assert HIDDEN in redact(f"before {text} after")
    assert looks_secret(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(("hints", "pattern"), [(hints, pattern) for hints, pattern, _ in _RULES])
@given(data=st.data())
def test_whatever_matches_a_pattern_holds_one_of_its_hints(
    hints: tuple[str, ...], pattern: re.Pattern[str], data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(pattern))
    assert any(hint in text.casefold() for hint in hints)
