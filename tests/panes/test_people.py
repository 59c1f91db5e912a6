"""Users and groups: each cell from its objects, what no object tells is said, and nothing good rests on something unread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.panes.test_workloads import ADMIN, RBAC, role
from tests.worlds import NOW, judged, put, spoil, world
from ztui import answers
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.errors import SettingsError
from ztui.frame import Frame
from ztui.panes.people import COLUMNS, PersonRow, all_people, document, notes, people_lines, person_page, users_pane
from ztui.view import View

OAUTH = {
    "kind": "OAuth",
    "spec": {"identityProviders": [{"name": "sso", "type": "OpenID"}, {"name": "file", "type": "HTPasswd"}]},
}
INTEGRATED = {"kind": "Authentication", "apiVersion": "config.openshift.io/v1", "spec": {"type": ""}}
EXTERNAL = {"kind": "Authentication", "apiVersion": "config.openshift.io/v1", "spec": {"type": "OIDC"}}
LOGIN = (OAUTH, INTEGRATED)


def user(name: str, *identities: str) -> dict[str, Any]:
    return {"kind": "User", "metadata": {"name": name}, "identities": list(identities)}


def identity(name: str, of: str) -> dict[str, Any]:
    return {"kind": "Identity", "metadata": {"name": name}, "providerName": name.partition(":")[0], "user": {"name": of}}


def group(name: str, *users: str) -> dict[str, Any]:
    return {"kind": "Group", "apiVersion": "user.openshift.io/v1", "metadata": {"name": name}, "users": list(users)}


def bound(to: str, name: str, *, kind: str = "User", namespace: str = "", role_kind: str = "ClusterRole") -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{to}-{name}", **place},
        "roleRef": {**RBAC, "kind": role_kind, "name": name},
        "subjects": [{**RBAC, "kind": kind, "name": to}],
    }


def token(of: str, *, age_h: int = 2, holds_s: int = 86400, client: str = "console") -> dict[str, Any]:
    made = f"2026-01-05T{9 - age_h:02d}:00:00Z"
    meta = {"name": f"sha256~{of}{age_h}", "creationTimestamp": made}
    return {"kind": "OAuthAccessToken", "metadata": meta, "userName": of, "clientName": client, "expiresIn": holds_s}


def look(objects: Iterable[str | Mapping[str, Any]], *, spoiled: str = "", **how: Any) -> dict[str, PersonRow]:
    store = world(objects, **how)
    if spoiled:
        spoil(store, spoiled)
    return {row.of.who: row for row in all_people(View(store.state))}


def fact(who: str, column: str, *objects: str | Mapping[str, Any], **how: Any) -> tuple[str, str]:
    found = look(objects, **how)[who].fact(column)
    return found.text, found.tone


ANA = (*LOGIN, user("ana", "sso:1"), identity("sso:1", "ana"))


@pytest.mark.parametrize(
    ("who", "column", "objects", "expected"),
    [
        ("user:ana", "login", [*ANA], ("sso", "pass")),
        ("user:ana", "login", [*LOGIN, user("ana", "file:a"), identity("file:a", "ana")], ("file", "warn")),
        ("user:ana", "login", [*LOGIN, user("ana", "old:a"), identity("old:a", "ana")], ("old (gone)", "fail")),
        ("user:ana", "login", [*LOGIN, user("ana")], ("no identity", "warn")),
        ("user:ana", "login", [*LOGIN, bound("ana", "view")], ("no user", "warn")),
        ("user:ana", "login", [EXTERNAL, bound("ana", "view")], ("not seen", "unknown")),
        ("group:ops", "login", [*LOGIN, group("ops", "ana")], ("kept here", "plain")),
        ("group:ops", "login", [*LOGIN, bound("ops", "view", kind="Group")], ("no group", "warn")),
        ("group:ops", "login", [EXTERNAL, bound("ops", "view", kind="Group")], ("from claims", "unknown")),
        ("user:ana", "groups", [*ANA, group("ops", "ana"), group("dev", "bob")], ("ops", "plain")),
        ("user:ana", "groups", [*ANA], ("–", "dim")),
        ("group:ops", "groups", [group("ops", "ana", "bob")], ("2 members", "plain")),
        ("group:ops", "groups", [bound("ops", "view", kind="Group")], ("not seen", "unknown")),
        ("user:ana", "rights", [*ANA], ("none", "pass")),
        ("user:ana", "rights", [*ANA, ADMIN, bound("ana", "cluster-admin")], ("cluster-admin", "fail")),
        (
            "user:ana",
            "rights",
            [*ANA, ADMIN, group("ops", "ana"), bound("ops", "cluster-admin", kind="Group")],
            ("cluster-admin", "fail"),
        ),
        ("user:ana", "rights", [*ANA, role("r", ("get", "pods")), bound("ana", "r", namespace="a")], ("ns-read", "pass")),
        (
            "user:ana",
            "rights",
            [*ANA, role("r", ("get", "pods")), bound("ana", "r", namespace="a"), bound("ana", "r", namespace="b")],
            ("multi-ns", "warn"),
        ),
        (
            "user:ana",
            "rights",
            [
                *ANA,
                "namespace/a",
                "serviceaccount/a/boss",
                ADMIN,
                bound("boss", "cluster-admin") | {"subjects": [{"kind": "ServiceAccount", "name": "boss", "namespace": "a"}]},
                role("run", ("create", "pods")),
                bound("ana", "run", namespace="a"),
            ],
            ("admin-path +1", "fail"),
        ),
        ("user:ana", "grants", [*ANA], ("none", "dim")),
        (
            "user:ana",
            "grants",
            [*ANA, role("r", ("get", "pods")), bound("ana", "r"), bound("ana", "r", namespace="a")],
            ("1 everywhere, 1 in 1 namespace", "plain"),
        ),
        ("user:ana", "seen", [*ANA, token("ana"), token("ana", age_h=5)], ("2 h ago, 2 open", "plain")),
        ("user:ana", "seen", [*ANA, token("ana", age_h=5, holds_s=60)], ("5 h ago", "plain")),
        ("user:ana", "seen", [*ANA], ("no login", "dim")),
        ("user:ana", "seen", [EXTERNAL, bound("ana", "view")], ("not seen", "unknown")),
        ("user:ana", "state", [*ANA], ("linked", "pass")),
        ("user:ana", "state", [*LOGIN, user("ana")], ("stale", "warn")),
        ("user:ana", "state", [*LOGIN, user("ana"), role("r", ("get", "pods")), bound("ana", "r")], ("stale", "fail")),
        ("user:ana", "state", [*LOGIN, user("ana", "sso:1")], ("stale", "warn")),
        ("user:ana", "state", [*LOGIN, user("ana", "sso:1"), identity("sso:1", "bob")], ("stale", "warn")),
        ("user:bob", "state", [*LOGIN, identity("sso:1", "bob")], ("stale", "warn")),
        ("group:ops", "state", [*ANA, group("ops", "ana", "gone")], ("stale", "warn")),
        ("group:ops", "state", [*ANA, group("ops", "ana")], ("linked", "pass")),
    ],
)
def test_a_cell_says_what_its_objects_say(who: str, column: str, objects: list[Any], expected: tuple[str, str]) -> None:
    assert fact(who, column, *objects) == expected


@pytest.mark.parametrize(
    ("gap", "columns"),
    [
        ("ClusterRoleBinding", {"rights", "grants"}),
        ("Identity", {"login", "state"}),
        ("OAuth", {"login", "state"}),
        ("Group", {"groups", "rights", "grants", "state"}),
        ("OAuthAccessToken", {"seen"}),
    ],
)
def test_what_cannot_be_seen_is_never_well(gap: str, columns: set[str]) -> None:
    objects = [*ANA, token("ana"), role("r", ("get", "pods")), bound("ana", "r", namespace="a")]
    clear, blind = look(objects), look([*objects, "rolebinding/b/x"], gaps={gap: "forbidden"})
    before = {column for column in COLUMNS if clear["user:ana"].fact(column).tone == "unknown"}
    after = {column for column in COLUMNS if blind["user:ana"].fact(column).tone == "unknown"}
    assert after - before >= columns


def test_without_users_as_objects_nobody_is_stale() -> None:
    found = look([role("r", ("get", "pods")), bound("ana", "r"), bound("ops", "r", kind="Group")], platform="k8s")
    assert {row.fact("state").text for row in found.values()} == {"not seen"}
    assert {row.fact("login").text for row in found.values()} == {"not seen", "from claims"}


def test_accounts_and_the_systems_own_names_are_no_people() -> None:
    objects = [role("r", ("get", "pods")), bound("system:masters", "r", kind="Group"), bound("system:admin", "r")]
    account = bound("x", "r") | {"subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "a"}]}
    assert look([*objects, account, bound("ana", "r")]).keys() == {"user:ana"}


def test_certificates_and_an_external_provider_are_said_to_be_unseen() -> None:
    assert "system:masters" in notes(View(world([EXTERNAL]).state))[0]
    assert any("external provider" in text for text in notes(View(world([EXTERNAL]).state)))
    assert any("forbidden" in text for text in notes(View(world(gaps={"ClusterRole": "forbidden"}).state)))


def test_a_new_grant_shows_in_its_cells_and_nowhere_else() -> None:
    store = world([*ANA, user("bob", "sso:2"), identity("sso:2", "bob"), ADMIN])
    judge = Judge(catalogue())
    judge.judge(store.state)
    before = {row.of.who: row for row in judge.memo.value(all_people, ())}
    put(store, bound("ana", "cluster-admin"))
    judge.judge(store.tick(NOW))
    after = {row.of.who: row for row in judge.memo.value(all_people, ())}
    judge.close()
    changed = {(who, item.column) for who, row in after.items() for item in row.facts if item != before[who].fact(item.column)}
    assert changed == {("user:ana", "rights"), ("user:ana", "grants")}
    assert next(iter(after)) == "user:ana"


def test_lines_page_and_document_tell_the_same() -> None:
    found = look([*ANA, group("ops", "ana", "gone"), ADMIN, bound("ops", "cluster-admin", kind="Group"), token("ana")])
    lines = people_lines(found.values())
    assert all(len(line.cells) == 2 + len(COLUMNS) for line in lines)
    assert [line.key for line in people_lines(found.values(), faults_only=True)] == [
        "person:user:ana",
        "person:user:gone",
        "person:group:ops",
    ]
    page = " ".join(item.text for line in person_page(found["user:ana"]) for item in line.cells)
    assert "clusterrolebinding/ops-cluster-admin gives group:ops ClusterRole cluster-admin" in page
    assert "by console, since 2026-01-05 07:00 UTC, until 2026-01-06 07:00" in page
    assert "sha256" not in page
    members = " ".join(item.text for line in person_page(found["group:ops"]) for item in line.cells)
    assert "gone (no user)" in members
    told = {entry["name"]: entry for entry in document(found.values())}
    assert (told["ana"]["cluster_admin"], told["ops"]["stale"], told["gone"]["stale"]) == (True, ["ghosts"], ["no-user"])
    assert told["ana"]["rights"]["by"] == ["clusterrolebinding/ops-cluster-admin", "clusterrole/cluster-admin", "group/ops"]
    assert "sha256" not in str(told)


def test_one_is_printed_by_its_name_and_a_stranger_is_told_in_clean_words() -> None:
    store = world([*ANA, bound("b\x1b[31mob", "view")])
    frame = Frame(store.state, judged(store.state))
    assert answers.users(frame, "ana", None, "table").startswith("ana  user\nLogin:  logs in by sso (OpenID) as sso:1\n")
    whole = answers.users(frame, None, None, "table")
    assert "note: client certificates" in whole
    assert "\x1b" not in whole
    with pytest.raises(SettingsError) as told:
        answers.users(frame, "an\x1ba", None, "json")
    assert "\x1b" not in str(told.value)


def test_hostile_names_pass_the_gate() -> None:
    store = world([*LOGIN, user("x\x1b[31m", "sso:\u202e1"), group("g\x07", "y\u202e"), bound("x\x1b[31m", "view")])
    pane = users_pane(View(store.state))
    shown = [item.text for line in people_lines(pane.rows) for item in line.cells]
    shown += [item.text for row in pane.rows for line in person_page(row) for item in line.cells]
    told = [*shown, str(document(pane.rows))]
    assert not any(bad in text for text in told for bad in ("\x1b", "\x07", "\u202e"))
