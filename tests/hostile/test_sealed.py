"""What a pod carries of credentials stops at the door: shapes and names get in, values never."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ztui.kinds.base import decode
from ztui.kinds.response import AlertmanagerConfig
from ztui.kinds.workload import Pod

CANARY = "c4nary-9f31-value"


def pod(**spec: Any) -> Pod:
    meta = {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    return decode(Pod, json.dumps({"metadata": meta, "spec": spec}).encode())


def container(*env: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "app", "env": list(env), **more}


def test_values_of_variables_are_sealed_and_harmless_ones_are_dropped() -> None:
    found = pod(
        containers=[
            container(
                {"name": "DB_PASSWORD", "value": CANARY},
                {"name": "API_TOKEN", "value": "$(OTHER)"},
                {"name": "PLAIN", "value": CANARY},
                {"name": "DB", "value": f"postgres://app:{CANARY}@db/1"},
                {"name": "EMPTY_SECRET", "value": ""},
                {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "db", "key": CANARY}}},
                {"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            )
        ]
    )
    assert CANARY not in str(msgspec.to_builtins(found))
    shapes = {item.name: item.value or item.from_secret for item in found.containers[0].secret_env}
    assert shapes == {"DB_PASSWORD": "literal", "API_TOKEN": "reference", "DB": "login", "EMPTY_SECRET": "", "FROM": "db"}


def test_what_a_pod_mounts_is_kept_by_name_and_only_where_it_says_something() -> None:
    found = pod(
        containers=[
            container(
                volumeMounts=[{"name": "logs", "mountPath": "/l"}, {"name": "host", "mountPath": "/h", "readOnly": True}],
                envFrom=[{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}],
            )
        ],
        volumes=[
            {"name": "logs", "emptyDir": {}},
            {"name": "host", "hostPath": {"path": "/var/log"}},
            {"name": "tls", "secret": {"secretName": "tls"}},
        ],
    )
    assert [item.name for item in found.spec.volumes or ()] == ["host", "tls"]
    mounts = found.containers[0].volume_mounts or ()
    assert [(item.name, item.read_only) for item in mounts] == [("host", True)]
    assert [item.secret_ref.name for item in found.containers[0].env_from or () if item.secret_ref] == ["s"]


@pytest.mark.parametrize(
    "url",
    [
        f"https://hooks.example/services/{CANARY}?token={CANARY}",
        f"https://ztui:{CANARY}@hooks.example",
        f"ztui:{CANARY}@hooks.example",
        f"hooks.example?token={CANARY}",
        f"hooks.example:8080/{CANARY}",
    ],
)
def test_of_a_webhook_only_the_host_is_kept_however_its_address_is_written(url: str) -> None:
    meta = {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    spec = {"receivers": [{"name": "r", "webhookConfigs": [{"url": url}]}]}
    found = decode(AlertmanagerConfig, json.dumps({"metadata": meta, "spec": spec}).encode())
    assert found.hosts == ("hooks.example",)
    assert CANARY not in str(msgspec.to_builtins(found))


def test_an_annotation_with_a_login_is_hidden_whatever_it_starts_with() -> None:
    notes = {"a": f"<a href='https://ztui:{CANARY}@host/'>", "password": "x" * 5000, "note": "<b>nothing of the kind</b>"}
    meta = {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1", "annotations": notes}
    found = decode(Pod, json.dumps({"metadata": meta, "spec": {}}).encode()).annotations
    assert found == {"a": "<hidden>", "password": "<5000 characters>", "note": "<b>nothing of the kind</b>"}


def test_a_pod_with_one_address_keeps_it_once_and_one_with_two_keeps_both() -> None:
    meta = {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1"}

    def addresses(*found: str) -> tuple[str, ...]:
        status = {"podIP": found[0], "podIPs": [{"ip": item} for item in found]}
        return decode(Pod, json.dumps({"metadata": meta, "spec": {}, "status": status}).encode()).addresses

    assert addresses("10.0.0.1") == ("10.0.0.1",)
    assert addresses("10.0.0.1", "fd00::1") == ("10.0.0.1", "fd00::1")
