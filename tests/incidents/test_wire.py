"""What sources say on the wire, as signals: samples in their true shapes, bad ones, and stand-in servers that answer with them.

Origins: Falco's JSON output as its documentation shows it (`json_output: true`); Tetragon's JSON export (`process_kprobe`);
audit.k8s.io/v1 events as kube-apiserver writes them; lines that a file device of Vault 1.21 wrote for a request that no policy
allows, a wrong password, and the root token; Alertmanager's `GET /api/v2/alerts`; events.k8s.io/v1 and
wgpolicyk8s.io/v1beta1 objects as a cluster serves them. A collector of OpenShift wraps a line of a container in `message`, or in
`structured` where it parses JSON.
"""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_metrics import answering, rig
from ztui.kinds.alert import FiringAlert
from ztui.kinds.base import decode
from ztui.kinds.incident import Signal
from ztui.kinds.logline import LINES, AuditLine, FalcoLine, LogLine, TetragonLine, VaultLine
from ztui.kinds.notice import PolicyReport, WarningEvent
from ztui.sources.logs import LINES_LIMIT
from ztui.store import Put, Store
from ztui.view import Gap, Why

FALCO = {
    "hostname": "worker-1",
    "output": "16:31:56.746609046: Error File below a known binary directory opened for writing (user=root)",
    "priority": "Error",
    "rule": "Write below binary dir",
    "source": "syscall",
    "tags": ["container", "filesystem", "mitre_persistence"],
    "time": "2026-01-05T09:00:03.746609046Z",
    "output_fields": {"evt.time": 1, "k8s.ns.name": "shop", "k8s.pod.name": "web-6d5f-abcde", "proc.cmdline": "touch /bin/hack"},
}
TETRAGON = {
    "process_kprobe": {
        "process": {
            "exec_id": "Z2tlOjE",
            "binary": "/usr/bin/curl",
            "arguments": "https://pool.example",
            "pod": {"namespace": "shop", "name": "web-6d5f-abcde", "uid": "pod-1", "workload": "web"},
        },
        "function_name": "tcp_connect",
        "action": "KPROBE_ACTION_SIGKILL",
        "policy_name": "block-egress",
    },
    "node_name": "worker-1",
    "time": "2026-01-05T09:00:03.100000000Z",
}
AUDIT: dict[str, Any] = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "9b4a8d1f-0b7e-4f0b-8d3c-2b8f7a1f2c3d",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/namespaces/shop/pods/web-6d5f-abcde/exec?command=sh",
    "verb": "create",
    "user": {"username": "mallory", "groups": ["system:authenticated"]},
    "sourceIPs": ["203.0.113.9"],
    "userAgent": "kubectl/v1.31.0",
    "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-6d5f-abcde", "apiVersion": "v1", "subresource": "exec"},
    "responseStatus": {"metadata": {}, "code": 101},
    "requestReceivedTimestamp": "2026-01-05T09:00:01.000000Z",
    "stageTimestamp": "2026-01-05T09:00:02.000000Z",
}
VAULT: dict[str, Any] = {
    "auth": {
        "accessor": "hmac-sha256:c1fedd9af25677679f9ac5738c4d092e581c5fa0046d694571640fac53f2a8f4",
        "client_token": "hmac-sha256:3648a3bd0baab264c8ca6232e3214241fb6278e78471d9c112b7958e90e74515",
        "display_name": "token-cart",
        "metadata": {"x": "y"},
        "policies": ["default", "narrow"],
        "policy_results": {"allowed": False},
        "token_policies": ["default", "narrow"],
        "token_issue_time": "2026-01-05T08:50:29Z",
        "token_ttl": 2764800,
        "token_type": "service",
    },
    "error": "1 error occurred:\n\t* permission denied\n\n",
    "request": {
        "client_token_accessor": "hmac-sha256:c1fedd9af25677679f9ac5738c4d092e581c5fa0046d694571640fac53f2a8f4",
        "data": {"data": {"password": "hmac-sha256:869eb8cfc0565ac364ace0b85681b71bb4ff56ceb4ecb277b5d07bb7ec6d1b5e"}},
        "headers": {"user-agent": ["Python-urllib/3.11"]},
        "id": "a29d76b2-29da-a148-2f88-a89344d0d8ad",
        "mount_class": "secret",
        "mount_point": "secret/",
        "mount_type": "kv",
        "namespace": {"id": "root"},
        "operation": "create",
        "path": "secret/data/other",
        "remote_address": "10.128.2.9",
        "remote_port": 33434,
    },
    "time": "2026-01-05T09:00:01.719738647Z",
    "type": "request",
}
OF_LOGIN = {
    "auth": None,
    "error": "invalid credentials",
    "request": {**VAULT["request"], "path": "auth/userpass/login/bob", "operation": "update", "mount_point": "auth/userpass/"},
    "type": "response",
}
OF_ROOT = {
    "auth": {"display_name": "token", "policies": ["root"], "token_policies": ["root"]},
    "error": "",
    "request": {**VAULT["request"], "path": "sys/mounts", "operation": "read"},
}
ALERT = {
    "annotations": {"summary": "Pod is crash looping."},
    "endsAt": "2026-01-05T09:10:00.000Z",
    "fingerprint": "0a1b2c3d4e5f6071",
    "receivers": [{"name": "Default"}],
    "startsAt": "2026-01-05T08:55:00.000Z",
    "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
    "updatedAt": "2026-01-05T09:00:00.000Z",
    "labels": {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-6d5f-abcde", "severity": "critical"},
}


def of(kind: type[LogLine], tree: object) -> list[Signal]:
    """The signals of a line, however the collector wrapped it: the same each time but for the id of an unnamed one."""
    plain = kind.read(json.dumps(tree))
    in_text = kind.read(json.dumps({"kubernetes": {"namespace_name": "x"}, "message": json.dumps(tree)}))
    in_tree = kind.read(json.dumps({"kubernetes": {"namespace_name": "x"}, "structured": tree}))
    found = [list(item.signals()) for item in (plain, in_text, in_tree) if item is not None]
    assert len(found) == 3
    assert [[(one.rule, one.level, one.subject, one.at) for one in each] for each in found[1:]] == [
        [(one.rule, one.level, one.subject, one.at) for one in found[0]]
    ] * 2
    return found[0]


def test_falco() -> None:
    [found] = of(FalcoLine, FALCO)
    assert (found.source, found.level, found.rule) == ("falco", "high", "Write below binary dir")
    assert (found.subject.namespace, found.subject.pod, found.subject.node) == ("shop", "web-6d5f-abcde", "worker-1")
    assert found.at.isoformat().startswith("2026-01-05T09:00:03")


@pytest.mark.parametrize(
    ("priority", "level"),
    [("Emergency", "critical"), ("Error", "high"), ("Warning", "medium"), ("Notice", "low"), ("", "low")],
)
def test_falcos_priorities(priority: str, level: str) -> None:
    assert [item.level for item in of(FalcoLine, FALCO | {"priority": priority})] == [level]


@pytest.mark.parametrize(("action", "level"), [("KPROBE_ACTION_SIGKILL", "high"), ("KPROBE_ACTION_POST", "medium")])
def test_tetragon_that_acts_is_worse_than_one_that_looks(action: str, level: str) -> None:
    tree = {**TETRAGON, "process_kprobe": {**TETRAGON["process_kprobe"], "action": action}}  # type: ignore[dict-item]
    [found] = of(TetragonLine, tree)
    assert (found.level, found.rule, found.subject.uid) == (level, "block-egress", "pod-1")


def audit(**changes: Any) -> list[tuple[str, str]]:
    return [(item.level, item.rule) for item in of(AuditLine, {**AUDIT, **changes})]


LISTS = {"verb": "list", "objectRef": {"resource": "secrets", "apiVersion": "v1"}, "responseStatus": {"code": 200}}
ACCOUNT = {"username": "system:serviceaccount:shop:web"}


@pytest.mark.parametrize(
    ("changes", "remarks"),
    [
        ({}, [("high", "exec into a pod")]),
        ({"user": {"username": "system:node:n1"}}, []),
        ({"responseStatus": {"code": 403}}, [("low", "refused create pods")]),
        (LISTS, [("high", "secrets listed")]),
        (LISTS | {"objectRef": {"resource": "secrets", "namespace": "shop"}}, [("medium", "secrets listed")]),
        (LISTS | {"user": {"username": "system:kube-controller-manager"}}, []),
        (LISTS | {"user": {"username": "system:serviceaccount:openshift-operators:x"}, "userAgent": "operator/1"}, []),
        (
            LISTS | {"user": ACCOUNT, "userAgent": "curl/8"},
            [("high", "secrets listed"), ("high", "a workload's token used by hand")],
        ),
        ({"user": {"username": "system:anonymous"}, "objectRef": {"resource": "pods"}, "requestURI": "/api/v1/pods"},
         [("high", "anonymous request was answered")]),
        ({"user": {"username": "system:anonymous"}, "objectRef": None, "requestURI": "/readyz"}, []),
        (
            {"objectRef": {"resource": "pods"}, "impersonatedUser": {"username": "system:admin"}},
            [("medium", "impersonation")],
        ),
        ({"stage": "RequestReceived"}, []),
    ],
)  # fmt: skip
def test_what_the_audit_log_tells(changes: dict[str, Any], remarks: list[tuple[str, str]]) -> None:
    assert audit(**changes) == remarks


def test_the_question_to_the_log_store_lets_every_remark_through() -> None:
    """What is judged here is asked for there: each request that would be remarked on matches the query's patterns."""
    texts = [json.loads(found) for found in re.findall(r'\|~ ("(?:[^"\\]|\\.)*")', AuditLine.QUERY)]
    by_hand = {**AUDIT, "user": ACCOUNT, "verb": "list", "objectRef": {"resource": "pods"}, "responseStatus": {"code": 200}}
    remarked = [by_hand | {"userAgent": agent} for agent in ("curl/8", "kubectl/v1", "oc/4", "python-requests/2", "helm/3")]
    for tree in (AUDIT, AUDIT | LISTS, AUDIT | {"responseStatus": {"code": 403}}, *remarked):
        line = json.dumps(tree, separators=(",", ":"))
        assert audit(**tree)
        assert all(re.search(text, line) for text in texts), line


def test_objects_that_an_audit_policy_writes_down_do_not_come_in() -> None:
    secret = {"kind": "Secret", "data": {"password": "cGxhbnRlZC1zZWNyZXQ="}}
    line = AuditLine.read(json.dumps(AUDIT | {"requestObject": secret, "responseObject": secret}))
    assert line is not None
    assert "cGxhbnRlZC1zZWNyZXQ=" not in repr(line)
    assert [item.rule for item in line.signals()] == ["exec into a pod"]


def of_vault(**changes: Any) -> list[tuple[str, str, str, str]]:
    found = of(VaultLine, VAULT | changes)
    return [(item.level, item.rule, item.subject.principal, item.subject.address) for item in found]


def test_what_the_audit_device_of_a_vault_tells() -> None:
    assert of_vault() == [("low", "refused create in a Vault", "token-cart", "")]
    account = {"service_account_name": "cart", "service_account_namespace": "shop", "role": "shop"}
    [of_account] = of_vault(auth={**VAULT["auth"], "metadata": account})
    assert of_account[2] == "system:serviceaccount:shop:cart"
    assert of_vault(**OF_LOGIN) == [("low", "refused update in a Vault", "", "10.128.2.9")]
    assert of_vault(**OF_ROOT) == [("high", "root token in use", "token", "")]
    assert of_vault(error="") == []
    assert VaultLine.read(json.dumps(VAULT | {"type": "something else"})) is None


def test_a_request_to_a_vault_and_its_answer_are_one_signal() -> None:
    [asked] = of(VaultLine, VAULT)
    [answered] = of(VaultLine, VAULT | {"type": "response", "response": {"data": {"error": "hmac-sha256:aa"}}})
    assert (asked.source, asked.id, asked.rule) == (answered.source, answered.id, answered.rule)


def test_nothing_that_was_sent_to_a_vault_or_came_from_it_comes_in() -> None:
    line = VaultLine.read(json.dumps(VAULT | {"response": {"data": {"password": "planted"}}}).replace("hmac-sha256:", "planted-"))
    assert line is not None
    assert "planted" not in repr(line)
    assert [item.rule for item in line.signals()] == ["refused create in a Vault"]


@pytest.mark.parametrize("changes", [{}, OF_LOGIN, OF_ROOT])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_the_question_lets_through_what_a_vault_is_asked_about(changes: dict[str, Any], is_wrapped: bool) -> None:
    line = json.dumps(VAULT | changes, separators=(",", ":"))
    line = json.dumps({"message": line}) if is_wrapped else line
    texts = re.findall(r'\|= "([^"]*)"', VaultLine.QUERY)
    [pattern] = re.findall(r'\|~ "([^"]*)"', VaultLine.QUERY)
    assert all(text in line for text in texts)
    assert re.search(pattern, line)
    assert VaultLine.read(line)


def test_what_a_vault_allows_is_not_asked_for() -> None:
    [pattern] = re.findall(r'\|~ "([^"]*)"', VaultLine.QUERY)
    assert not re.search(pattern, json.dumps(VAULT | {"error": ""}, separators=(",", ":")))


def test_a_bound_token_leads_to_its_pod() -> None:
    extra = {"authentication.kubernetes.io/pod-name": ["web-6d5f-abcde"]}
    [first, *_] = of(AuditLine, AUDIT | LISTS | {"user": {**ACCOUNT, "extra": extra}})
    assert (first.subject.namespace, first.subject.pod) == ("shop", "web-6d5f-abcde")
    assert first.subject.principal == ACCOUNT["username"]


def test_an_alert_is_told_once_for_each_time_it_began() -> None:
    alert = decode(FiringAlert, json.dumps(ALERT).encode())
    [found] = alert.signals()
    assert (found.level, found.rule, found.subject.pod) == ("high", "KubePodCrashLooping", "web-6d5f-abcde")
    assert found.id == "0a1b2c3d4e5f6071/2026-01-05T08:55:00.000Z"


@pytest.mark.parametrize("severity", ["none", "warning"])
def test_a_watchdog_is_nothing_and_a_warning_is_low(severity: str) -> None:
    labels = ALERT["labels"] | {"severity": severity}  # type: ignore[operator]
    found = list(decode(FiringAlert, json.dumps(ALERT | {"labels": labels}).encode()).signals())
    assert [item.level for item in found] == ([] if severity == "none" else ["low"])


def event(**changes: Any) -> list[Signal]:
    tree = {
        "metadata": {"name": "web.17", "namespace": "shop", "uid": "e1", "resourceVersion": "5"},
        "reason": "FailedCreate",
        "note": 'Error creating: pods "web-" is forbidden: violates PodSecurity "restricted:latest"',
        "type": "Warning",
        "regarding": {"kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": "shop", "name": "web-6d5f", "uid": "rs"},
        "eventTime": None,
        "deprecatedCount": 12,
        "deprecatedLastTimestamp": "2026-01-05T09:00:00Z",
        **changes,
    }
    return list(decode(WarningEvent, json.dumps(tree).encode()).signals())


def test_a_warning_event_counts_by_its_series_or_its_old_count() -> None:
    [old] = event()
    assert (old.level, old.total, old.subject.group, old.subject.name) == ("medium", 12, "apps", "web-6d5f")
    [new] = event(series={"count": 40, "lastObservedTime": "2026-01-05T09:05:00.000001Z"}, deprecatedCount=0)
    assert (new.total, new.at.minute) == (40, 5)
    assert event(deprecatedLastTimestamp=None) == []


def test_a_policy_report_tells_what_failed() -> None:
    meta = {"name": "r", "namespace": "shop", "uid": "r1", "resourceVersion": "5"}
    bad = {"policy": "disallow-latest", "rule": "tag", "result": "fail", "severity": "high", "message": "no"}
    pod = {"kind": "Pod", "namespace": "shop", "name": "web-6d5f-abcde"}
    tree = {
        "metadata": {**meta, "creationTimestamp": "2026-01-05T08:00:00Z"},
        "scope": {"kind": "Deployment", "apiVersion": "apps/v1", "namespace": "shop", "name": "web"},
        "results": [
            {**bad, "timestamp": {"seconds": 1767603600}},
            {"policy": "ok", "result": "pass"},
            {"policy": "own", "rule": "x", "result": "error", "resources": [pod]},
        ],
    }
    found = list(decode(PolicyReport, json.dumps(tree).encode()).signals())
    assert [(item.rule, item.level, item.subject.pod or item.subject.name) for item in found] == [
        ("disallow-latest/tag", "high", "web"),
        ("own/x", "low", "web-6d5f-abcde"),
    ]


NAMES = (
    *("user", "objectRef", "auditID", "message", "structured", "process_kprobe", "output_fields", "rule", "priority", "time"),
    *("process", "pod", "extra", "username", "sourceIPs", "request", "auth", "path", "metadata", "policies", "error"),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@given(TREES)
def test_no_line_breaks_the_reader(tree: object) -> None:
    for kind in LINES:
        found = kind.read(json.dumps(tree))
        assert found is None or all(isinstance(item, Signal) for item in found.signals())


@pytest.mark.parametrize("line", ["", "null", "[1]", '"x"', "{", "{" * 5000, "\x00", '{"message": "{"}'])
def test_what_is_no_event_is_passed_over(line: str) -> None:
    assert [kind.read(line) for kind in LINES] == [None] * len(LINES)


def streams(*lines: object) -> bytes:
    values = [[str(at), line if isinstance(line, str) else json.dumps(line)] for at, line in enumerate(lines)]
    data = {"resultType": "streams", "result": [{"stream": {}, "values": values}]}
    return json.dumps({"status": "success", "data": data}).encode()


class Ear:
    """Keeps what is told in passing."""

    def __init__(self, store: Store) -> None:
        self.told: list[Signal] = []
        apply = store.apply

        def hear(event: object) -> None:
            if isinstance(event, Put) and event.obj.PASSING:
                self.told += event.obj.signals()  # type: ignore[attr-defined]  # what passes tells
            apply(event)  # type: ignore[arg-type]  # any event

        store.apply = hear  # type: ignore[method-assign]


async def test_lines_are_asked_of_their_tenant_and_read(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        audits = "/audit/" in request.path
        return web.Response(body=streams(AUDIT, "noise") if audits else streams(FALCO), content_type="application/json")

    async with rig(tmp_path, handle, AuditLine, FalcoLine) as found:
        ear = Ear(found.store)
        state = await found.round()
        assert sorted(item.source for item in ear.told) == ["audit", "falco"]
        assert {item.path for item in found.api.seen} == {
            f"/api/logs/v1/{tenant}/loki/api/v1/query_range" for tenant in ("audit", "application")
        }
        assert [state.gap(kind) for kind in (AuditLine, FalcoLine)] == [None, None]
        assert state.count(AuditLine) == 0


async def test_more_lines_than_are_read_is_said(tmp_path: Path) -> None:
    async with rig(tmp_path, answering(streams(*["x"] * LINES_LIMIT)), FalcoLine) as found:
        gap = (await found.round()).gap(FalcoLine)
        assert gap is not None
        assert (gap.why, str(LINES_LIMIT) in gap.detail) == (Why.PARTIAL, True)


@pytest.mark.parametrize("body", [b"null", b'{"data": {"resultType": "matrix", "result": []}}', b"\xff", b"<html>"])
@pytest.mark.parametrize("kind", [FalcoLine, FiringAlert])
async def test_F45_an_answer_of_another_shape_is_malformed(tmp_path: Path, body: bytes, kind: type[Any]) -> None:
    async with rig(tmp_path, answering(body), kind) as found:
        gap = (await found.round()).gap(kind)
        assert gap is not None
        assert gap.why is Why.MALFORMED


async def test_alerts_that_cannot_be_read_cost_no_other(tmp_path: Path) -> None:
    body = json.dumps([{"labels": 7}, ALERT, None]).encode()
    async with rig(tmp_path, answering(body), FiringAlert) as found:
        ear = Ear(found.store)
        state = await found.round()
        assert [item.rule for item in ear.told] == ["KubePodCrashLooping"]
        assert state.gap(FiringAlert) == Gap(Why.PARTIAL, "2 alerts cannot be read")
        [asked] = found.api.seen
        assert dict(asked.query) == {"active": "true", "silenced": "false", "inhibited": "false"}


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_refusal_is_a_gap_and_what_was_told_stays_told(tmp_path: Path, status: int) -> None:
    answers = [(200, streams(FALCO)), *[(status, b"{}")] * 4]

    async def handle(_request: web.Request) -> web.Response:
        code, body = answers.pop(0)
        return web.Response(body=body, status=code, content_type="application/json")

    async with rig(tmp_path, handle, FalcoLine) as found:
        ear = Ear(found.store)
        for _ in range(5):
            state = await found.round()
        assert [item.source for item in ear.told] == ["falco"]
        assert state.gap(FalcoLine) is not None
