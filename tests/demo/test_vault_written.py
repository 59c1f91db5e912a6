"""What the demo's Vault makes of engines, methods, devices and secrets that are written to it."""

from __future__ import annotations

from ztui.demo import vaultengines
from ztui.demo.vaultstory import story
from ztui.demo.vaultwrites import write

NOBODY: frozenset[str] = frozenset()


def test_a_secret_gets_a_new_version_and_no_value_is_kept() -> None:
    found = story()
    before = found["secret/metadata/payments/bank-api"]["current_version"]
    status, answer = write(found, "secret/data/payments/bank-api", {"data": {"password": "no-such-value"}}, NOBODY) or (0, {})
    assert (status, answer["data"]["version"]) == (200, before + 1)
    assert found["secret/metadata/payments/bank-api"]["current_version"] == before + 1
    assert write(found, "secret/data/new", {"data": {"a": "no-such-value"}}, NOBODY) is not None
    assert found["secret/metadata/new"]["versions"].keys() == {"1"}
    assert "no-such-value" not in repr(found)


def test_a_mount_is_seen_by_what_is_under_it() -> None:
    found = story()
    mount = vaultengines.seen(found, "sys/internal/ui/mounts/secret/shop/db")
    assert mount is not None
    assert (mount["path"], mount["options"]) == ("secret/", {"version": "2"})
    assert vaultengines.seen(found, "sys/internal/ui/mounts/nowhere") is None


def test_what_is_enabled_is_there_once_and_goes_with_all_that_is_under_it() -> None:
    found = story()
    assert write(found, "sys/auth/jwt", {"type": "jwt"}, NOBODY) == (204, None)
    assert found["sys/auth"]["jwt/"]["type"] == "jwt"
    again = write(found, "sys/auth/jwt", {"type": "jwt"}, NOBODY)
    assert again == (400, {"errors": ["path is already in use at jwt/"]})
    assert vaultengines.delete(found, "sys/auth/approle") == (204, None)
    assert "approle/" not in found["sys/auth"]
    assert not [path for path in found if path.startswith("auth/approle/")]


def test_a_device_says_where_it_writes_to() -> None:
    found = story()
    assert write(found, "sys/audit/socket", {"type": "socket"}, NOBODY) == (400, {"errors": ["address is required"]})
    told = {"type": "socket", "options": {"address": "siem.corp.example:9090", "socket_type": "tcp"}}
    assert write(found, "sys/audit/socket", told, NOBODY) == (204, None)
    assert found["sys/audit"]["socket/"]["options"]["address"] == "siem.corp.example:9090"


def test_times_and_numbers_that_a_role_is_given_as_text_are_kept_as_numbers() -> None:
    found = story()
    told = {"token_ttl": "20m", "token_max_ttl": "1h", "bound_service_account_names": "web,api"}
    assert write(found, "auth/kubernetes/role/shop", told, NOBODY) == (204, None)
    role = found["auth/kubernetes/role/shop"]
    assert (role["token_ttl"], role["token_max_ttl"], role["bound_service_account_names"]) == (1200, 3600, ["web", "api"])
