"""What a bearer token says of a session, without keeping the token."""

from __future__ import annotations

import base64
import json

import pytest

from ztui.kinds.base import Ref
from ztui.redact import HIDDEN
from ztui.sources.session import issuer_of, login_name_of


def test_the_login_of_a_token_of_openshift_is_known_by_its_hash() -> None:
    assert login_name_of("Bearer sha256~abc") == "sha256~ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
    assert str(Ref("oauth.openshift.io", "OAuthAccessToken", "", "sha256~x")) == f"oauthaccesstoken/{HIDDEN}"


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer abc", "Basic c2hhMjU2fg==", "Bearer a.b.c"])
def test_other_tokens_name_no_login(header: str) -> None:
    assert login_name_of(header) == ""
    assert issuer_of(header) == ""


def test_the_issuer_of_a_json_web_token_is_read() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"iss": "https://issuer.example"}).encode()).decode().rstrip("=")
    assert issuer_of(f"Bearer head.{claims}.sign") == "https://issuer.example"
