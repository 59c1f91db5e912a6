"""The who-can engine against the one judge that counts: SubjectAccessReview on a real API server."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime
from typing import Any

from tests.servers.kube import KubeServer
from ztui.engines.grants import ACCESS, Question, can
from ztui.kinds.base import Kind, decode_or_malformed
from ztui.store import Put, Store, Whole
from ztui.view import View

QUESTIONS = 10_000
SEED = 20
GROUP = "rbac.authorization.k8s.io"
NAMESPACES = ("judge-a", "judge-b", "judge-c")
USERS = ("ana", "ben", "cleo", "system:serviceaccount:judge-a:api", "system:serviceaccount:judge-b:default")
GROUPS = ("team-a", "team-b", "system:authenticated", "system:serviceaccounts", "system:serviceaccounts:judge-a")
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "impersonate", "*")
API_GROUPS = ("", "apps", "batch", GROUP, "made.up.example", "*")
RESOURCES = (
    "pods",
    "pods/exec",
    "pods/log",
    "secrets",
    "deployments",
    "deployments/scale",
    "nodes",
    "nodes/proxy",
    "roles",
    "*",
    "*/scale",
    "widgets",
)
NAMES = ("", "", "", "x", "y")
PATHS = ("/metrics", "/healthz", "/healthz/etcd", "/logs/", "/api", "/made/up")


def _rule(rng: random.Random, *, paths: bool) -> dict[str, Any]:
    verbs = rng.sample(VERBS, rng.randint(1, 4))
    if paths and rng.random() < 0.25:
        return {"verbs": verbs, "nonResourceURLs": rng.sample(["*", "/healthz/*", *PATHS], 2)}
    rule: dict[str, Any] = {
        "verbs": verbs,
        "apiGroups": rng.sample(API_GROUPS, rng.randint(1, 2)),
        "resources": rng.sample(RESOURCES, rng.randint(1, 3)),
    }
    if rng.random() < 0.3:
        rule["resourceNames"] = rng.sample(["x", "y", "z"], rng.randint(1, 2))
    return rule


def _subject(rng: random.Random, namespace: str) -> dict[str, str]:
    match rng.randint(0, 2):
        case 0:
            return {"kind": "User", "apiGroup": GROUP, "name": rng.choice(USERS)}
        case 1:
            return {"kind": "Group", "apiGroup": GROUP, "name": rng.choice(GROUPS)}
    return {"kind": "ServiceAccount", "namespace": namespace or rng.choice(NAMESPACES), "name": rng.choice(["api", "default"])}


def _world(rng: random.Random) -> list[dict[str, Any]]:
    """Roles and bindings: plain, aggregated (with the rules that the controller would write), namespaced."""
    made: list[dict[str, Any]] = []
    version = f"{GROUP}/v1"
    for at in range(12):
        labels = {"judge": "part"} if at < 3 else {}
        rules = [_rule(rng, paths=True) for _ in range(rng.randint(1, 3))]
        made.append(
            {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": f"judge-{at}", "labels": labels}, "rules": rules}
        )
    parts = [rule for role in made[:3] for rule in role["rules"]]
    selector = {"clusterRoleSelectors": [{"matchLabels": {"judge": "part"}}]}
    made.append(
        {
            "apiVersion": version,
            "kind": "ClusterRole",
            "metadata": {"name": "judge-sum"},
            "aggregationRule": selector,
            "rules": parts,
        }
    )
    roles = [f"judge-{at}" for at in range(12)] + ["judge-sum", "judge-missing"]
    for at in range(14):
        subjects = [_subject(rng, "") for _ in range(rng.randint(1, 2))]
        made.append(_binding("ClusterRoleBinding", f"judge-{at}", "", "ClusterRole", rng.choice(roles), subjects))
    for namespace in NAMESPACES:
        for at in range(4):
            meta = {"name": f"judge-{at}", "namespace": namespace}
            rules = [_rule(rng, paths=False) for _ in range(2)]
            made.append({"apiVersion": version, "kind": "Role", "metadata": meta, "rules": rules})
        for at in range(8):
            kind = rng.choice(["Role", "ClusterRole"])
            role = f"judge-{rng.randint(0, 4)}" if kind == "Role" else rng.choice(roles)
            subjects = [_subject(rng, namespace) for _ in range(rng.randint(1, 2))]
            made.append(_binding("RoleBinding", f"judge-{at}", namespace, kind, role, subjects))
    return made


def _binding(kind: str, name: str, namespace: str, role_kind: str, role: str, subjects: list[dict[str, str]]) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    ref = {"apiGroup": GROUP, "kind": role_kind, "name": role}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": meta, "roleRef": ref, "subjects": subjects}


def _question(rng: random.Random) -> tuple[str, tuple[str, ...], Question]:
    user = rng.choice(USERS)
    groups = tuple(rng.sample(GROUPS, rng.randint(0, 4)))
    verb = rng.choice(VERBS)
    if rng.random() < 0.15:
        return user, groups, Question(verb, path=rng.choice(PATHS))
    resource = rng.choice(RESOURCES)
    namespace = rng.choice(["", *NAMESPACES])
    return user, groups, Question(verb, rng.choice(("", "", *API_GROUPS)), resource, namespace, rng.choice(NAMES))


def _review(user: str, groups: tuple[str, ...], question: Question) -> dict[str, Any]:
    spec: dict[str, Any] = {"user": user, "groups": list(groups)}
    if question.path:
        spec["nonResourceAttributes"] = {"verb": question.verb, "path": question.path}
    else:
        plural, _, sub = question.resource.partition("/")
        spec["resourceAttributes"] = {
            "verb": question.verb,
            "group": question.group,
            "resource": plural,
            "subresource": sub,
            "namespace": question.namespace,
            "name": question.name,
        }
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


async def _held(session: Any) -> View:
    """Everything about RBAC that the server holds, through the real door and store."""
    store = Store()
    for kind in ACCESS:
        async with session.get(f"/apis/{GROUP}/v1/{kind.PLURAL}") as answer:
            items = (await answer.json())["items"]
        _fill(store, kind, items)
    store.tick(datetime.now(UTC))
    return View(store.state)


def _fill(store: Store, kind: type[Kind], items: list[dict[str, Any]]) -> None:
    store.apply(Whole(kind, frozenset()))
    for item in items:
        obj = decode_or_malformed(kind, json.dumps(item).encode())
        assert isinstance(obj, Kind), obj
        store.apply(Put(obj))


async def test_the_engine_agrees_with_the_server_on_ten_thousand_questions(kube: KubeServer) -> None:
    rng = random.Random(SEED)  # noqa: S311  the same questions every time
    for namespace in NAMESPACES:
        kube.kubectl("create", "namespace", namespace)
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": _world(rng)})
    kube.kubectl("apply", "--server-side", "-f", "-", input=body)
    try:
        async with kube.session("admin") as session:
            view = await _held(session)
            asked = [_question(rng) for _ in range(QUESTIONS)]
            gate = asyncio.Semaphore(24)

            async def allowed(item: tuple[str, tuple[str, ...], Question]) -> bool:
                path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
                async with gate, session.post(path, json=_review(*item)) as answer:
                    return bool((await answer.json())["status"].get("allowed"))

            await _caught_up(view, asked[:200], allowed)
            answers = await asyncio.gather(*(allowed(item) for item in asked))
            different = [item for item, answer in zip(asked, answers, strict=True) if can(view, *item) is not answer]
            assert different == [], (len(different), different[:5])
            print(f"{len(different)} differences, {sum(answers)} of {QUESTIONS} allowed")
            assert 500 < sum(answers) < QUESTIONS - 500, "the questions must be worth asking"
    finally:
        for namespace in NAMESPACES:
            kube.kubectl("delete", "rolebindings,roles", "--all", "-n", namespace)
        for kind in ("clusterrolebindings", "clusterroles"):
            names = [line for line in kube.kubectl("get", kind, "-o", "name").stdout.split() if "/judge-" in line]
            kube.kubectl("delete", *names)


async def _caught_up(view: View, sample: list[Any], allowed: Any) -> None:
    """The server's authorizer reads from a cache: wait until it knows what was written."""
    for _ in range(200):
        answers = await asyncio.gather(*(allowed(item) for item in sample))
        if all(can(view, *item) is answer for item, answer in zip(sample, answers, strict=True)):
            return
