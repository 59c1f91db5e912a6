"""The demo beside a real API server: the same request to both, and what of the answers has to be the same.

What no two servers share (uids, versions, times, allocated addresses) is replaced first; everything else of a body is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.demo.client import Answer, Client

MERGE, STRATEGIC, JSON_PATCH, APPLY = (
    f"application/{kind}" for kind in ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml")
)
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_RECORD = re.compile(r"(in record \()\d+")
_TOKEN = re.compile(r"kube-api-access-\w{5}")
# What OpenShift alone puts into the token volume of a pod.
_OPENSHIFTS_OWN = {
    "configMap": {"name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}]}
}
_ADVICE = re.compile(r"duplicate (port|name)|overlapping port")
_ALLOCATED = ("clusterIP", "clusterIPs")


class Both(NamedTuple):
    """One user of the real server and of the demo."""

    real: Client
    demo: Client

    def ask(self, path: str, method: str = "GET", body: object = None, **options: str) -> tuple[Answer, Answer]:
        """The answers of the real server and of the demo."""
        return self.real.ask(path, method, body, **options), self.demo.ask(path, method, body, **options)

    def same(self, path: str, method: str = "GET", body: object = None, **options: str) -> Answer:
        """The real answer, once the demo gave the same: code, warnings, body."""
        real, demo = self.ask(path, method, body, **options)
        self.alike(real, demo)
        return real

    def alike(self, real: Answer, demo: Answer) -> None:
        """Fails unless the two answers are the same."""
        assert demo.code == real.code, (real.body, demo.body)
        assert warnings(demo) == warnings(real)
        found = dict(differences(settled(real.body), settled(demo.body)))
        assert found == {}, found

    def make(self, path: str, *bodies: object) -> None:
        """Creates objects on both, there or not."""
        for body in bodies:
            assert {answer.code for answer in self.ask(path, "POST", body)} <= {201, 409}


def warnings(answer: Answer) -> list[str]:
    """The warnings of an answer, without the advice on pod templates that only the real server gives."""
    return sorted(text for text in answer.headers.get_all("Warning") or () if not _ADVICE.search(text))


def settled(value: Any) -> Any:
    """The value without what no two servers share; managers and causes in one order."""
    if isinstance(value, dict):
        found = {key: settled(item) for key, item in value.items()}
        for key in ("resourceVersion", "nodePort", *_ALLOCATED):
            if key in found:
                found[key] = "some"
        if isinstance(found.get("managedFields"), list):
            found["managedFields"].sort(key=lambda entry: (entry["operation"], entry["manager"], entry.get("subresource", "")))
        if isinstance(found.get("causes"), list):  # those of one manager after another, as the hash of the day has it
            found["causes"].sort(key=lambda cause: (cause["message"], cause.get("field", "")))
            # What both validations of an update find, the real server tells twice.
            found["causes"] = [cause for number, cause in enumerate(found["causes"]) if cause not in found["causes"][:number]]
            # Rules of a schema are the real server's alone; it says so where it did not get to them.
            found["causes"] = [cause for cause in found["causes"] if cause.get("field") != "<nil>"]
        if "is invalid: " in str(found.get("message")):
            parts = re.split(r": \[|\]$|, (?=spec|<nil>)|(?<=is invalid): ", found["message"])
            found["message"] = sorted(part for part in parts if part and not part.startswith("<nil>"))
        if "conflicts with" in str(found.get("message")):
            found["message"] = sorted(found["message"].split("\n"))
        return found
    if isinstance(value, list):
        return [settled(item) for item in value if item != _OPENSHIFTS_OWN]
    if isinstance(value, str):
        return _TOKEN.sub("token", _RECORD.sub(r"\1some", _TIME.sub("then", _UID.sub("uid", value))))
    return value


def differences(real: Any, demo: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Where two settled values differ, with what each says there."""
    if isinstance(real, dict) and isinstance(demo, dict):
        for key in {**real, **demo}:
            yield from differences(real.get(key, ...), demo.get(key, ...), f"{path}.{key}")
    elif isinstance(real, list) and isinstance(demo, list) and len(real) == len(demo):
        for number, (left, right) in enumerate(zip(real, demo, strict=True)):
            yield from differences(left, right, f"{path}[{number}]")
    elif real != demo:
        yield path, (real, demo)
