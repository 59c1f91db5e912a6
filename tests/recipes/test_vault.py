"""Remedies of a Vault on small worlds: whom a role is bound to afterwards, which token may end, what a workload got."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.worlds import view_of
from ztui.kinds.base import Ref
from ztui.kinds.vault import GROUP
from ztui.recipes.base import Plan, plan, recipes
from ztui.recipes.contain import containment
from ztui.recipes.simulate import after
from ztui.recipes.vault import still_right
from ztui.recipes.vaultcontain import vault_containment
from ztui.view import View

Obj = dict[str, Any]

HOST = "https://api.prod.example:6443"
HERE: list[Any] = [
    {"kind": "Infrastructure", "apiVersion": "config.openshift.io/v1", "status": {"apiServerURL": HOST}},
    "namespace/shop",
    "namespace/pay",
    "sa/shop/api",
    "sa/pay/worker",
    {
        "kind": "VaultAuthConfig",
        "metadata": {"namespace": "v", "name": "auth/kubernetes/config"},
        "mount": "kubernetes",
        "method": "kubernetes",
        "data": {"kubernetes_host": HOST},
    },
]


def pod(space: str, account: str, role: str = "") -> Obj:
    notes = {"vault.hashicorp.com/role": role} if role else {}
    meta = {"name": account, "namespace": space, "annotations": notes}
    return {"kind": "Pod", "metadata": meta, "spec": {"serviceAccountName": account}}


def role(names: list[str], spaces: list[str], name: str = "app", **data: Any) -> Obj:
    bound = {"bound_service_account_names": names, "bound_service_account_namespaces": spaces, "audience": "vault"}
    short = {"token_ttl": 600, "token_max_ttl": 3600}
    return {
        "kind": "VaultRole",
        "metadata": {"namespace": "v", "name": f"auth/kubernetes/role/{name}"},
        "mount": "kubernetes",
        "method": "kubernetes",
        "data": {**bound, **short, **data},
    }


def token(name: str, **data: Any) -> Obj:
    return {"kind": "VaultToken", "metadata": {"namespace": "v", "name": name}, "data": {"ttl": 60, "policies": ["app"], **data}}


def login(space: str, account: str, by: str = "app") -> Obj:
    meta = {"role": by, "service_account_name": account, "service_account_namespace": space}
    return {"path": "auth/kubernetes/login", "meta": meta}


def narrowed(*objects: Any, audience: str = "keep", **how: Any) -> tuple[Plan, View]:
    view = view_of([*HERE, *objects], **how)
    ref = Ref(GROUP, "VaultRole", "v", "auth/kubernetes/role/app")
    return plan(view, recipes()["R-VAULT-ROLE"], ref, {"audience": audience}), view


def body(found: Plan) -> Obj:
    [write] = found.writes
    told: Obj = msgspec.to_builtins(write.body)["data"]
    return told


def codes(found: Plan) -> tuple[list[str], list[str]]:
    return [item.note.reason.code for item in found.stops], [item.reason.code for item in found.radius]


def test_patterns_become_the_accounts_that_say_they_use_the_role() -> None:
    found, view = narrowed(role(["*"], ["*"]), pod("shop", "api", "app"), pod("pay", "worker"))
    assert body(found) == {
        "bound_service_account_names": ["api"],
        "bound_service_account_namespaces": ["shop"],
        "bound_service_account_namespace_selector": "",
    }
    stops, says = codes(found)
    assert stops == []
    assert says == ["keeps", "loses", "silent-users", "old-tokens"]
    lost = next(item for item in found.radius if item.reason.code == "loses")
    assert dict(lost.values)["unit"] == "pod/pay/worker"
    later = View(after(view.state, found))
    assert not still_right(view, found.on, view)
    assert still_right(later, found.on, view)


def test_a_living_token_shows_who_uses_it_too() -> None:
    found, _ = narrowed(role(["*"], ["pay"]), pod("pay", "worker"), token("t", **login("pay", "worker")))
    assert body(found)["bound_service_account_names"] == ["worker"]
    assert dict(found.radius[0].values) == {"unit": "pod/pay/worker", "account": "pay/worker"}
    assert "bound_service_account_namespaces" not in body(found)


@pytest.mark.parametrize("odd", [login("pay", "worker", "other"), {**login("pay", "worker"), "path": "auth/other/login"}])
def test_a_token_of_another_role_shows_nothing(odd: Obj) -> None:
    found, _ = narrowed(role(["*"], ["pay"]), pod("pay", "worker"), token("t", **odd))
    assert codes(found)[0] == ["nobody-known"]
    assert found.writes == ()


def test_a_selector_of_every_namespace_becomes_their_names() -> None:
    found, _ = narrowed(role(["api"], [], bound_service_account_namespace_selector="{}"), pod("shop", "api", "app"))
    fields = body(found)
    assert fields == {"bound_service_account_namespaces": ["shop"], "bound_service_account_namespace_selector": ""}


def test_accounts_of_several_namespaces_meet_and_that_is_said() -> None:
    found, _ = narrowed(role(["*"], ["*"]), pod("shop", "api", "app"), pod("pay", "worker", "app"))
    assert body(found)["bound_service_account_names"] == ["api", "worker"]
    assert "crossed" in codes(found)[1]


def test_a_selector_that_is_narrow_goes_back_as_it_was() -> None:
    narrow = '{"matchLabels": {"team": "a"}}'
    found, _ = narrowed(role(["api"], ["shop"], bound_service_account_namespace_selector=narrow, token_max_ttl=200_000))
    assert body(found) == {"token_max_ttl": 86_400, "bound_service_account_namespace_selector": narrow}


def test_a_role_for_another_cluster_is_left_alone() -> None:
    elsewhere = [item for item in HERE if not (isinstance(item, dict) and item["kind"] == "VaultAuthConfig")]
    view = view_of([*elsewhere, role(["*"], ["*"])])
    found = plan(view, recipes()["R-VAULT-ROLE"], Ref(GROUP, "VaultRole", "v", "auth/kubernetes/role/app"))
    assert codes(found)[0] == ["other-cluster"]


def test_what_is_exact_and_short_is_right_already() -> None:
    found, _ = narrowed(role(["api"], ["shop"]))
    assert codes(found)[0] == ["as-wanted"]


def test_a_role_that_is_gone() -> None:
    found, _ = narrowed()
    assert codes(found)[0] == ["object-gone"]


def test_pods_that_may_not_be_read_ask_for_an_override() -> None:
    found, _ = narrowed(role(["*"], ["shop"]), pod("shop", "api", "app"), gaps={"StatefulSet": "forbidden"})
    assert [(item.note.reason.code, item.override) for item in found.stops] == [("users-unseen", True)]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"token_ttl": 0, "token_max_ttl": 0}, {"token_ttl": 3600, "token_max_ttl": 86_400}),
        ({"token_ttl": 7200, "token_max_ttl": 43_200}, {"token_ttl": 3600}),
        ({"token_explicit_max_ttl": 864_000}, {"token_max_ttl": 86_400, "token_explicit_max_ttl": 86_400}),
        ({"token_period": 172_800}, {"token_period": 3600}),
    ],
)
def test_lives_that_are_too_long_become_what_the_rule_wants(data: Obj, wanted: Obj) -> None:
    found, view = narrowed(role(["api"], ["shop"], **data))
    assert body(found) == {**wanted, "bound_service_account_namespace_selector": ""}
    assert still_right(View(after(view.state, found)), found.on, view)


def test_a_short_period_of_a_workload_stays() -> None:
    found, _ = narrowed(role(["api"], ["shop"], token_period=3600))
    assert codes(found)[0] == ["as-wanted"]


def test_the_mounts_own_limits_count() -> None:
    mount = {
        "kind": "VaultMount",
        "metadata": {"namespace": "v", "name": "auth/kubernetes"},
        "side": "auth",
        "path": "kubernetes",
        "data": {"type": "kubernetes", "config": {"default_lease_ttl": 1800, "max_lease_ttl": 7200}},
    }
    found, _ = narrowed(role(["api"], ["shop"], token_ttl=0, token_max_ttl=0), mount)
    assert codes(found)[0] == ["as-wanted"]


def test_people_renew_for_ever_no_more() -> None:
    people = {
        "kind": "VaultRole",
        "metadata": {"namespace": "v", "name": "auth/oidc/role/staff"},
        "mount": "oidc",
        "method": "oidc",
        "data": {"role_type": "oidc", "token_period": 3600, "token_ttl": 0},
    }
    found = plan(view_of([*HERE, people]), recipes()["R-VAULT-ROLE"], Ref(GROUP, "VaultRole", "v", "auth/oidc/role/staff"))
    assert body(found) == {"token_period": 0, "token_ttl": 3600, "token_max_ttl": 86_400}


def test_an_audience_is_set_where_somebody_names_one() -> None:
    found, _ = narrowed(role(["api"], ["shop"], audience=""), audience="vault")
    assert body(found)["audience"] == "vault"
    assert "audience-set" in codes(found)[1]


def test_an_operator_that_lost_its_login_is_no_proof() -> None:
    def auth(*, valid: bool) -> Obj:
        spec = {"kubernetes": {"role": "app", "serviceAccount": "api"}}
        return {"kind": "VaultAuth", "metadata": {"name": "a", "namespace": "shop"}, "spec": spec, "status": {"valid": valid}}

    held = role(["api"], ["shop"])
    was, now = view_of([*HERE, held, auth(valid=True)]), view_of([*HERE, held, auth(valid=False)])
    ref = Ref(GROUP, "VaultRole", "v", "auth/kubernetes/role/app")
    assert still_right(was, ref, was)
    assert not still_right(now, ref, was)


OURS = {
    "kind": "VaultLogin",
    "metadata": {"namespace": "v", "name": "auth/token/lookup-self"},
    "data": {"accessor": "ourown-and-more"},
}


def ended(name: str, *objects: Any) -> Plan:
    return plan(view_of([*HERE, *objects]), recipes()["R-VAULT-REVOKE-ACC"], Ref(GROUP, "VaultToken", "v", name))


def test_a_token_ends_by_its_accessor_of_which_the_beginning_is_shown() -> None:
    found = ended("accessor-of-root", token("accessor-of-root", policies=["root"], path="auth/token/root"), OURS)
    [write] = found.writes
    assert (write.verb, write.ref.name, found.stops) == ("delete", "accessor-of-root", ())
    assert str(write.ref) == "vaulttoken/v/accessor..."
    assert found.word == "accessor"
    assert dict(found.radius[0].values) == {"name": "accessor...", "policies": "root", "path": "auth/token/root"}


def test_our_own_token_is_not_ended() -> None:
    found = ended("ourown-and-more", token("ourown-and-more"), OURS)
    assert [(item.note.reason.code, item.override) for item in found.stops] == [("own-token", False)]


def test_where_our_own_is_not_known_somebody_must_insist() -> None:
    found = ended("other", token("other", **login("shop", "api")))
    assert [(item.note.reason.code, item.override) for item in found.stops] == [("own-token-unseen", True)]
    assert "of-account" in codes(found)[1]


def test_a_token_that_has_ended() -> None:
    assert codes(ended("other", OURS))[0] == ["object-gone"]


GIVES = {
    "kind": "VaultPolicy",
    "metadata": {"namespace": "v", "name": "app"},
    "data": {"policy": 'path "database/creds/shop" { capabilities = ["read"] } path "pki/issue/*" { capabilities = ["update"] }'},
}
ENGINE = {
    "kind": "VaultEngineRole",
    "metadata": {"namespace": "v", "name": "database/roles/shop"},
    "mount": "database",
    "engine": "database",
    "data": {},
}
OTHER_ENGINE = {**ENGINE, "metadata": {"namespace": "v", "name": "database/roles/bank"}}
STATIC = {**ENGINE, "metadata": {"namespace": "v", "name": "database/static-roles/shop"}, "isStatic": True}
PKI = {"kind": "VaultPkiRole", "metadata": {"namespace": "v", "name": "pki/roles/web"}, "mount": "pki", "data": {}}
GOT = [role(["api"], ["shop"], token_policies=["app"]), pod("shop", "api", "app"), GIVES, ENGINE, OTHER_ENGINE, STATIC, PKI]
UNIT = Ref("", "Pod", "shop", "api")


def measures(*objects: Any, unit: Ref = UNIT) -> list[tuple[str, str]]:
    found = vault_containment(view_of([*HERE, *objects]), unit)
    return [(item.recipe, f"{item.on.name}{'' if item.works else ' !'}") for item in found]


def test_what_a_workload_got_is_taken_back_in_order() -> None:
    assert measures(*GOT, token("its", **login("shop", "api")), token("another", **login("pay", "worker"))) == [
        ("R-VAULT-ENTITY", "auth/kubernetes/alias/uid-ServiceAccount-shop-api"),
        ("R-VAULT-LEASES", "database/creds/shop"),
        ("R-VAULT-LEASES", "pki/issue/web"),
        ("R-VAULT-REVOKE-ACC", "its"),
    ]


def test_a_role_that_knows_accounts_by_name() -> None:
    by_name = role(["api"], ["shop"], alias_name_source="serviceaccount_name")
    assert measures(by_name, pod("shop", "api")) == [("R-VAULT-ENTITY", "auth/kubernetes/alias/shop/api")]


def test_an_account_that_may_not_be_read_hinders() -> None:
    objects = [item for item in HERE if item != "sa/shop/api"]
    found = vault_containment(view_of([*objects, role(["api"], ["shop"]), pod("shop", "api")]), UNIT)
    assert [(item.works, item.why.reason.code) for item in found] == [(False, "account-unseen")]


def test_what_cannot_be_read_of_a_vault_is_said() -> None:
    found = vault_containment(view_of([*HERE, *GOT], gaps={"VaultPolicy": "forbidden"}), UNIT)
    told = [(item.recipe, item.why.reason.code) for item in found if not item.works]
    assert told == [("R-VAULT-LEASES", "vault-unseen")]
    assert vault_containment(view_of(["pod/shop/api"]), UNIT) == ()


def test_two_roles_lead_to_the_same_things_once() -> None:
    twice = role(["api"], ["shop"], "second", token_policies=["app"])
    assert measures(*GOT, twice) == measures(*GOT)


def test_a_workload_that_no_role_lets_in_got_nothing() -> None:
    assert measures(*GOT, pod("pay", "worker"), unit=Ref("", "Pod", "pay", "worker")) == []
    assert measures(*GOT, unit=Ref("", "Pod", "pay", "gone")) == []


@pytest.mark.parametrize("name", ["database", "database/creds", "database/creds/nobody", "secret/data/shop"])
def test_nothing_wider_than_a_role_of_an_engine_is_taken_back(name: str) -> None:
    found = plan(view_of([*HERE, *GOT]), recipes()["R-VAULT-LEASES"], Ref(GROUP, "VaultCredentials", "v", name))
    assert codes(found)[0] == ["no-engine-role"]
    assert found.writes == ()


def test_who_shares_the_credentials_is_named() -> None:
    second = [role(["worker"], ["pay"], "pay", token_policies=["app"]), pod("pay", "worker")]
    ref = Ref(GROUP, "VaultCredentials", "v", "database/creds/shop")
    found = plan(view_of([*HERE, *GOT, *second]), recipes()["R-VAULT-LEASES"], ref)
    [write] = found.writes
    assert write.verb == "delete"
    assert {dict(item.values).get("unit") for item in found.radius} == {"pod/shop/api", "pod/pay/worker", None}


def test_an_identity_is_switched_off_and_nothing_else_of_it_changes() -> None:
    ref = Ref(GROUP, "VaultEntity", "v", "auth/kubernetes/alias/uid-ServiceAccount-shop-api")
    view = view_of([*HERE, *GOT])
    found = plan(view, recipes()["R-VAULT-ENTITY"], ref)
    assert body(found) == {"disabled": True}
    assert codes(found)[1] == ["locked-out", "only-here"]
    assert after(view.state, found).objects[found.writes[0].kind]["v"][ref.name] is not None


def test_what_it_got_from_a_vault_is_among_the_measures_against_an_incident() -> None:
    """Between the tokens of the cluster and the rights: a credential that stays good is worth more than a binding."""
    found = containment(view_of([*HERE, *GOT]), UNIT)
    told = [(item.recipe, item.on) for item in found]
    mine = [(item.recipe, item.on) for item in vault_containment(view_of([*HERE, *GOT]), UNIT)]
    assert mine
    start = told.index(mine[0])
    assert told[start : start + len(mine)] == mine
    assert found[start + len(mine)].step == "rights"
