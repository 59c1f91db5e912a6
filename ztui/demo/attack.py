"""An attack that unfolds over five minutes: a shell, a token used from elsewhere, secrets, a way further, a miner.

It is told as a cluster would tell it: by lines of the log store, alerts, events and changed objects, and it gets only as far as
the cluster lets it. A pod that is gone runs nothing, one that no policy lets out reaches nobody, a token whose pod or account is
gone is refused, and whatever its account may not do, RBAC refuses. The same seed tells the same attack.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from ztui.demo.answers import Obj
from ztui.demo.cluster import Cluster
from ztui.demo.rbac import Ask, User
from ztui.demo.store import stamp

SA_PREFIX: Final = "system:serviceaccount:"
KEPT: Final = 5_000
_VICTIMS: Final = (("shop", "web"), ("shop", "cart"), ("payments", "old-gateway"), ("reporting", "reports"))
_ELSEWHERE: Final = ("203.0.113.44", "198.51.100.17", "203.0.113.201")
_SHELLS: Final = ("sh -i", "bash -c id; uname -a", "python3 -c import pty; pty.spawn('/bin/sh')")
_TOOLS: Final = ("curl/8.5.0", "kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc", "python-requests/2.32.3")


class Chronicle:
    """What the things beside the cluster would tell: lines by tenant, oldest first, and the alerts that fire."""

    def __init__(self) -> None:
        self.lines: dict[str, list[tuple[datetime, str]]] = {}
        self.alerts: list[Obj] = []

    def line(self, tenant: str, at: datetime, tree: Obj) -> None:
        """A line of a log, as the collector writes it."""
        lines = self.lines.setdefault(tenant, [])
        lines.append((at, json.dumps(tree, separators=(",", ":"))))
        del lines[:-KEPT]


class Attack:
    """One attack. `step` takes the next step at once; `run` takes them as time goes by."""

    def __init__(self, cluster: Cluster, chronicle: Chronicle, seed: int) -> None:
        self._cluster, self._told = cluster, chronicle
        self._store = cluster.store
        self._rng = rng = random.Random(seed)  # noqa: S311  a story
        there = [found for found in _VICTIMS if self._pods(*found)]
        self.victim: tuple[str, str] = rng.choice(there)
        self.pod: Obj = rng.choice(self._pods(*self.victim))
        account = self.pod["spec"].get("serviceAccountName") or "default"
        self.principal = f"{SA_PREFIX}{self.victim[0]}:{account}"
        self._account = (account, self._uid("serviceaccounts", account))
        self._from, self._tool, self._shell = rng.choice(_ELSEWHERE), rng.choice(_TOOLS), rng.choice(_SHELLS)
        self._audits = 0
        steps: list[tuple[float, Callable[[], None]]] = [
            (3.0, self._enter),
            (22.0, self._look_around),
            (25.0, self._use_token),
            (20.0, self._try_doors),
            (40.0, self._list_secrets),
            (35.0, self._go_further),
            (45.0, self._stay),
            (40.0, self._mine),
            (50.0, self._mine),
        ]
        self._steps = steps
        self._at = 0
        self.achieved: list[str] = []

    async def run(self) -> None:
        """Until its end, or until it is cancelled."""
        while self._at < len(self._steps):
            await asyncio.sleep(self._steps[self._at][0] * self._rng.uniform(0.9, 1.1))
            self.step()

    def step(self) -> bool:
        """Take the next step; says whether there is another one."""
        if self._at < len(self._steps):
            with self._store.lock:
                self._steps[self._at][1]()
            self._at += 1
        return self._at < len(self._steps)

    @property
    def is_inside(self) -> bool:
        """Whether the pod that was entered still runs."""
        meta = self.pod["metadata"]
        found = self._store.find(self._store.catalogue.named("pods"), meta["name"], meta["namespace"])
        return found is not None and found["metadata"]["uid"] == meta["uid"] and not found["metadata"].get("deletionTimestamp")

    @property
    def is_cut_off(self) -> bool:
        """Whether the policies about that pod let nothing out."""
        meta = self.pod["metadata"]
        found = self._store.find(self._store.catalogue.named("pods"), meta["name"], meta["namespace"])
        labels = ((found or {}).get("metadata") or {}).get("labels") or {}
        mine = [
            policy["spec"]
            for policy in self._store.of("networkpolicies.networking.k8s.io")
            if policy["metadata"]["namespace"] == meta["namespace"] and _selects(policy["spec"], labels)
        ]
        closing = [spec for spec in mine if "Egress" in (spec.get("policyTypes") or ())]
        return bool(closing) and not any(spec.get("egress") for spec in closing)

    @property
    def has_token(self) -> bool:
        """Whether the stolen token is still good: it dies with its pod, and with its account."""
        return self.is_inside and self._uid("serviceaccounts", self._account[0]) == self._account[1]

    def _enter(self) -> None:
        """Somebody gets a shell in a container that faces the outside."""
        if self.is_inside:
            words = f"A shell was spawned in a container with an attached terminal ({self._shell})"
            self._falco("Terminal shell in container", "Warning", words)

    def _look_around(self) -> None:
        if self.is_inside:
            held = "/var/run/secrets/kubernetes.io/serviceaccount/token"
            self._falco("Read sensitive file untrusted", "Warning", f"Sensitive file opened for reading (file={held})")
            self._tetragon("watch-credentials", "/bin/cat", held, "security_file_permission")

    def _use_token(self) -> None:
        """The token of the pod is used from another place."""
        self._ask(Ask("create", "authorization.k8s.io", "selfsubjectrulesreviews"), always=True)
        self._ask(Ask("list", "", "pods", namespace=self.victim[0]))

    def _try_doors(self) -> None:
        for space in ("kube-system", "payments", "vault", "openshift-config", "default"):
            self._ask(Ask("list", "", "secrets", namespace=space))

    def _list_secrets(self) -> None:
        if self._ask(Ask("list", "", "secrets", namespace=self.victim[0])):
            self.achieved.append("secrets")

    def _go_further(self) -> None:
        """From the pod to the next workload, where nothing cuts it off."""
        if not self.is_inside or self.is_cut_off:
            return
        names = [found for found in (("payments", "api"), ("payments", "ledger"), ("shop", "redis")) if found != self.victim]
        space, name = self._rng.choice([found for found in names if self._pods(*found)] or [("kube-system", "kube-dns")])
        self._falco("Unexpected connection to a database or an API", "Error", f"connection to {name}.{space}.svc not seen before")
        self._tetragon("watch-connections", "/usr/bin/nc", f"{name}.{space}.svc 8080", "tcp_connect")
        self.achieved.append("lateral")

    def _stay(self) -> None:
        """A way back in: a binding where RBAC lets it, else nothing."""
        ask = Ask("create", "rbac.authorization.k8s.io", "rolebindings", namespace=self.victim[0])
        if self._ask(ask):
            self._store.put(
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "RoleBinding",
                    "metadata": {"name": "system-metrics", "namespace": self.victim[0]},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
                    "subjects": [{"kind": "ServiceAccount", "name": self._account[0], "namespace": self.victim[0]}],
                }
            )
            self.achieved.append("binding")

    def _mine(self) -> None:
        """What it was all for."""
        if not self.is_inside or self.is_cut_off:
            return
        words = "Possible miner running (proc.cmdline=xmrig -o stratum+tcp://pool.example:3333 -u 44AFFq5kSiGBoZ)"
        self._falco("Detect crypto miners using the Stratum protocol", "Critical", words)
        now = self._store.now()
        labels = {"alertname": "CPUThrottlingHigh", "severity": "warning", "namespace": self.victim[0], "pod": self._name()}
        if not any(alert["labels"] == labels for alert in self._told.alerts):
            self._told.alerts.append(
                {
                    "labels": labels,
                    "annotations": {"summary": "Processes experience elevated CPU throttling."},
                    "startsAt": now.isoformat(),
                    "endsAt": now.replace(year=now.year + 1).isoformat(),
                    "updatedAt": now.isoformat(),
                    "fingerprint": self._store.new_uid().replace("-", "")[:16],
                    "receivers": [{"name": "default"}],
                    "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
                    "generatorURL": "",
                }
            )
        self._event("Unhealthy", "Liveness probe failed: context deadline exceeded")
        self.achieved.append("miner")

    def _ask(self, ask: Ask, *, always: bool = False) -> bool:
        """One request with the stolen token, as the audit log tells it; whether it was allowed."""
        code = 200
        if not self.has_token:
            code = 401
        elif not always:
            code = 200 if self._cluster.authorizer.allows(self._user(), ask) else 403
        now = self._store.now()
        self._audits += 1
        path = f"/api/v1/namespaces/{ask.namespace}/{ask.plural}" if not ask.group else f"/apis/{ask.group}/v1/{ask.plural}"
        user: dict[str, Any] = {"username": self.principal, "groups": ["system:serviceaccounts", "system:authenticated"]}
        user["extra"] = {"authentication.kubernetes.io/pod-name": [self._name()]}
        event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": f"{self._store.new_uid()}",
            "stage": "ResponseComplete",
            "requestURI": path,
            "verb": ask.verb,
            "user": user if code != 401 else {},
            "sourceIPs": [self._from],
            "userAgent": self._tool,
            "objectRef": {"resource": ask.plural, "namespace": ask.namespace, "apiGroup": ask.group, "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": now.isoformat().replace("+00:00", "Z"),
            "stageTimestamp": now.isoformat().replace("+00:00", "Z"),
        }
        self._told.line("audit", now, event)
        return code == 200

    def _user(self) -> User:
        return self._cluster.identities.user(self.principal)

    def _falco(self, rule: str, priority: str, output: str) -> None:
        meta, now = self.pod["metadata"], self._store.now()
        fields = {"k8s.ns.name": meta["namespace"], "k8s.pod.name": meta["name"]}
        fields |= {"proc.cmdline": self._shell, "user.name": "root"}
        alert = {
            "uuid": self._store.new_uid(),
            "hostname": self.pod["spec"].get("nodeName", ""),
            "output": f"{now:%H:%M:%S}: {priority} {output} (k8s_ns={meta['namespace']} k8s_pod_name={meta['name']})",
            "output_fields": fields,
            "priority": priority,
            "rule": rule,
            "source": "syscall",
            "tags": ["container", "mitre_execution"],
            "time": now.isoformat().replace("+00:00", "Z"),
        }
        source = {"namespace_name": "falco", "container_name": "falco", "pod_name": "falco-x7k2p"}
        self._told.line("application", now, {"kubernetes": source, "log_type": "application", "message": json.dumps(alert)})

    def _tetragon(self, policy: str, binary: str, arguments: str, function: str) -> None:
        meta, now = self.pod["metadata"], self._store.now()
        pod = {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
        probe = {
            "process": {"binary": binary, "arguments": arguments, "pod": pod, "start_time": stamp(now)},
            "function_name": function,
            "action": "KPROBE_ACTION_POST",
            "policy_name": policy,
        }
        node, at = self.pod["spec"].get("nodeName", ""), now.isoformat().replace("+00:00", "Z")
        line = {"process_kprobe": probe, "node_name": node, "time": at}
        source = {"namespace_name": "tetragon", "container_name": "export-stdout", "pod_name": "tetragon-5dk8w"}
        self._told.line("application", now, {"kubernetes": source, "log_type": "application", "structured": line})

    def _event(self, reason: str, message: str) -> None:
        meta, now = self.pod["metadata"], stamp(self._store.now())
        about = {"kind": "Pod", "apiVersion": "v1", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
        self._store.put(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{meta['name']}.{self._store.new_uid()[:13]}", "namespace": meta["namespace"]},
                "involvedObject": about,
                "reason": reason,
                "message": message,
                "type": "Warning",
                "count": 1,
                "source": {"component": "kubelet", "host": self.pod["spec"].get("nodeName", "")},
                "reportingComponent": "kubelet",
                "firstTimestamp": now,
                "lastTimestamp": now,
            }
        )

    def _name(self) -> str:
        return str(self.pod["metadata"]["name"])

    def _uid(self, plural: str, name: str) -> str:
        found = self._store.find(self._store.catalogue.named(plural), name, self.victim[0])
        return str(found["metadata"]["uid"]) if found else ""

    def _pods(self, space: str, name: str) -> list[Obj]:
        """The running pods of a workload, by name."""
        found = [
            pod
            for pod in self._store.of("pods")
            if pod["metadata"]["namespace"] == space
            and (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == name
            and not pod["metadata"].get("deletionTimestamp")
        ]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def _selects(spec: Obj, labels: dict[str, str]) -> bool:
    """Whether a policy is about a pod of these labels; those of the story, and of a quarantine, select by values alone."""
    selector = spec.get("podSelector") or {}
    return not selector.get("matchExpressions") and (selector.get("matchLabels") or {}).items() <= labels.items()
