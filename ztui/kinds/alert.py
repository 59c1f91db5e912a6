"""What stands beside a cluster and tells of events: alerts, violations, and lines of a log store, each as signals.

Source: Alertmanager's ``/api/v2/alerts``; ListAlert of ACS Central's ``/v1/alerts``; Loki's ``query_range`` with lines of the API
server's audit log (audit.k8s.io/v1), Falco's JSON output and Tetragon's exported events. A line of a cluster's collector is the
event itself, or wraps it as a text in ``message``, or as fields in ``structured``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Self

import msgspec

from ztui.kinds.base import Meta, instant
from ztui.kinds.incident import Level, Signal, Subject, signal
from ztui.kinds.notice import Passing

ALERT_LEVELS: Final[dict[str, Level]] = {"critical": "high"}
"""An alert is about operations first: a critical one opens an incident, a warning only joins one about the same thing."""

PRIORITIES: Final[dict[str, Level]] = {
    "emergency": "critical",
    "alert": "critical",
    "critical": "critical",
    "error": "high",
    "warning": "medium",
}
_UNKNOWN: Final = Meta(name="?", uid="", resource_version="")
_BY_HAND: Final = ("kubectl", "oc/", "curl", "wget", "python", "go-http-client", "helm")
_ACCOUNT: Final = "system:serviceaccount:"
_POD_OF_TOKEN: Final = "authentication.kubernetes.io/pod-name"  # noqa: S105  the name of a field
_ENTER: Final = frozenset({"exec", "attach", "portforward", "ephemeralcontainers"})
REFUSED: Final = "refused "
"""How the rule of a request begins that was not allowed."""

_OBJECTS: Final = frozenset({"requestObject", "responseObject"})
_OPEN_PATHS: Final = ("/healthz", "/livez", "/readyz", "/version", "/.well-known", "/openid", "/apis/oauth", "/oauth")


class Told(Passing, frozen=True):
    """Something that is not an object of an API: it has no metadata of its own."""

    GROUP = "signals"
    SOURCE = "metrics"
    PROFILE = "M"
    NAMESPACED = False
    metadata: Meta = _UNKNOWN


class FiringAlert(Told, frozen=True):
    """An alert that fires and nobody silenced."""

    PLURAL = "firingalerts"
    KIND = "FiringAlert"

    fingerprint: str = ""
    starts_at: str = ""
    labels_: dict[str, str] = msgspec.field(default_factory=dict, name="labels")
    annotations_: dict[str, str] = msgspec.field(default_factory=dict, name="annotations")

    def signals(self) -> Iterator[Signal]:
        """The alert, once for each time that it began."""
        at, labels = instant(self.starts_at), self.labels_
        name = labels.get("alertname", "")
        if at is None or not name or labels.get("severity") == "none":
            return
        words = self.annotations_.get("summary") or self.annotations_.get("description") or self.annotations_.get("message", "")
        about = Subject(labels.get("namespace", ""), pod=labels.get("pod", ""), node=labels.get("node", ""))
        for label, kind in _WORKLOAD_LABELS.items():
            if not about.pod and labels.get(label):
                about = Subject(about.namespace, group=kind[0], kind=kind[1], name=labels[label])
        level = ALERT_LEVELS.get(labels.get("severity", ""), "low")
        yield signal("alertmanager", f"{self.fingerprint}/{self.starts_at}", at, level, name, words, about)


_WORKLOAD_LABELS: Final = {
    "deployment": ("apps", "Deployment"),
    "statefulset": ("apps", "StatefulSet"),
    "daemonset": ("apps", "DaemonSet"),
    "job_name": ("batch", "Job"),
}


VIOLATION_LEVELS: Final[dict[str, Level]] = {
    "CRITICAL_SEVERITY": "critical",
    "HIGH_SEVERITY": "high",
    "MEDIUM_SEVERITY": "medium",
    "LOW_SEVERITY": "low",
}


class ViolatedPolicy(msgspec.Struct, frozen=True):
    """The policy of ACS that was broken. Source: ListAlertPolicy."""

    name: str = ""
    severity: str = ""
    description: str = ""
    categories: tuple[str, ...] | None = None


class ViolatingEntity(msgspec.Struct, frozen=True, rename="camel"):
    """What broke it; ``id`` of a deployment is the uid of the workload. Source: ListAlertDeployment, ResourceEntity."""

    id: str = ""
    name: str = ""
    namespace: str = ""
    cluster_name: str = ""
    deployment_type: str = ""


class ViolationPlace(msgspec.Struct, frozen=True, rename="camel"):
    """Where it happened. Source: CommonEntityInfo."""

    cluster_name: str = ""
    namespace: str = ""
    resource_type: str = ""


class Violation(Told, frozen=True, rename="camel"):
    """A violation of a policy of ACS that nobody has resolved. Source: ListAlert."""

    PLURAL = "violations"
    KIND = "Violation"

    id: str = ""
    lifecycle_stage: str = ""
    time: str = ""
    policy: ViolatedPolicy = ViolatedPolicy()
    common_entity_info: ViolationPlace = ViolationPlace()
    deployment: ViolatingEntity | None = None
    resource: ViolatingEntity | None = None
    node: ViolatingEntity | None = None

    @property
    def cluster(self) -> str:
        """The name that Central has for the cluster; empty where it tells none."""
        return self.common_entity_info.cluster_name or (self.deployment.cluster_name if self.deployment else "")

    def signals(self) -> Iterator[Signal]:
        """The violation, once for each time that it was seen."""
        at = instant(self.time)
        if at is None or not self.id or not self.policy.name:
            return
        level = VIOLATION_LEVELS.get(self.policy.severity, "low")
        stage = f"at {self.lifecycle_stage.lower()}: " if self.lifecycle_stage else ""
        words = stage + (self.policy.description or ", ".join(self.policy.categories or ()))
        yield signal("acs", f"{self.id}/{self.time}", at, level, self.policy.name, words, self._subject())

    def _subject(self) -> Subject:
        place = self.common_entity_info
        if self.deployment is not None:
            space = place.namespace or self.deployment.namespace
            kind = self.deployment.deployment_type or "Deployment"
            group = _GROUPS.get(kind, "apps")
            return Subject(space, uid=self.deployment.id, group=group, kind=kind, name=self.deployment.name)
        if self.node is not None:
            return Subject(node=self.node.name)
        if self.resource is not None and place.resource_type in _RESOURCES:
            group, kind = _RESOURCES[place.resource_type]
            # Of a whole kind of resource there is no one name.
            return Subject(place.namespace, group=group, kind=kind if self.resource.name else "", name=self.resource.name)
        return Subject(place.namespace)


_GROUPS: Final = {
    "Pod": "",
    "ReplicationController": "",
    "Job": "batch",
    "CronJob": "batch",
    "DeploymentConfig": "apps.openshift.io",
}
_RESOURCES: Final = {
    "SECRETS": ("", "Secret"),
    "CONFIGMAPS": ("", "ConfigMap"),
    "CLUSTER_ROLES": ("rbac.authorization.k8s.io", "ClusterRole"),
    "CLUSTER_ROLE_BINDINGS": ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    "NETWORK_POLICIES": ("networking.k8s.io", "NetworkPolicy"),
    "SECURITY_CONTEXT_CONSTRAINTS": ("security.openshift.io", "SecurityContextConstraints"),
    "EGRESS_FIREWALLS": ("k8s.ovn.org", "EgressFirewall"),
}


class LogLine(Told, frozen=True):
    """A line of a log, as a tree; ``id`` is its hash, so that one that is read twice is told once."""

    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    id: str = ""
    TENANT: ClassVar[str] = "application"
    QUERY: ClassVar[str] = ""

    @classmethod
    def read(cls, line: str) -> Self | None:
        """A line of the store; ``None`` where it is no event of this kind."""
        found = _tree(line)
        inner = found.get("structured") or found.get("message")
        if isinstance(inner, str):
            inner = _tree(inner)
        tree = inner if isinstance(inner, dict) and cls._is_mine(inner) else found
        # An audit policy may write whole objects down, Secrets among them: nothing of them comes in.
        tree = {name: value for name, value in tree.items() if name not in _OBJECTS}
        return cls(fields=tree, id=hashlib.sha256(line.encode()).hexdigest()[:24]) if cls._is_mine(tree) else None

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        raise NotImplementedError


class FalcoLine(LogLine, frozen=True):
    """An alert of Falco."""

    PLURAL = "falcoalerts"
    KIND = "FalcoAlert"
    QUERY = '{log_type="application"} |= "output_fields" |= "priority"'

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        return {"rule", "priority", "output_fields"} <= tree.keys()

    def signals(self) -> Iterator[Signal]:
        """The alert, about the pod that Falco names."""
        tree = self.fields
        at, inside = instant(_text(tree, "time")), _map(tree, "output_fields")
        if at is None:
            return
        level = PRIORITIES.get(_text(tree, "priority").lower(), "low")
        about = Subject(_text(inside, "k8s.ns.name"), pod=_text(inside, "k8s.pod.name"), node=_text(tree, "hostname"))
        yield signal("falco", _alert_id(tree), at, level, _text(tree, "rule"), _text(tree, "output"), about)


def _alert_id(tree: Mapping[str, Any]) -> str:
    """The same for an alert however it came: relays give it ids of their own, and write its time with other zeros at its end."""
    whole, point, fraction = _text(tree, "time").removesuffix("Z").partition(".")
    time = f"{whole}{point}{fraction}".rstrip("0") if point else whole
    told = "\n".join((time.rstrip("."), _text(tree, "rule"), _text(tree, "output")))
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:24]


class TetragonLine(LogLine, frozen=True):
    """A call that one of Tetragon's policies was about."""

    PLURAL = "tetragonevents"
    KIND = "TetragonEvent"
    QUERY = '{log_type="application"} |~ "process_(kprobe|lsm|tracepoint)" |= "policy_name"'
    HOOKS: ClassVar[tuple[str, ...]] = ("process_kprobe", "process_lsm", "process_tracepoint")

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        return any(isinstance(tree.get(hook), dict) for hook in cls.HOOKS)

    def signals(self) -> Iterator[Signal]:
        """The call; one that was answered with a kill or an error is worse than one that was only seen."""
        at = instant(_text(self.fields, "time"))
        hook = next(self.fields[name] for name in self.HOOKS if isinstance(self.fields.get(name), dict))
        process = _map(hook, "process")
        pod = _map(process, "pod")
        if at is None:
            return
        action = _text(hook, "action")
        level: Level = "high" if action in _ACTS else "medium"
        called = (_text(process, "binary"), _text(process, "arguments"), _text(hook, "function_name"), action)
        words = " ".join(part for part in called if part)
        node = _text(self.fields, "node_name")
        about = Subject(_text(pod, "namespace"), pod=_text(pod, "name"), uid=_text(pod, "uid"), node=node)
        yield signal("tetragon", self.id, at, level, _text(hook, "policy_name") or "unnamed policy", words, about)


_ACTS: Final = frozenset(f"KPROBE_ACTION_{name}" for name in ("SIGKILL", "OVERRIDE", "SIGNAL", "NOTIFYENFORCER"))


class AuditLine(LogLine, frozen=True):
    """A request to the API server that somebody should know of."""

    PLURAL = "auditevents"
    KIND = "AuditEvent"
    TENANT = "audit"
    QUERY = (
        '{log_type="audit"} |~ "\\"auditID\\"" |~ "\\"(subresource\\":\\"(exec|attach|portforward|ephemeralcontainers)|'
        'resource\\":\\"secrets|impersonatedUser|code\\":40[13]|username\\":\\"system:anonymous|'
        'username\\":\\"system:serviceaccount:.*userAgent\\":\\"(kubectl|oc/|curl|[Ww]get|python|Go-http|helm))"'
    )

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        return "auditID" in tree and isinstance(tree.get("user"), dict)

    def signals(self) -> Iterator[Signal]:
        """What is remarkable about the request; nothing where nothing is."""
        tree, user = self.fields, self.fields["user"]
        at = instant(_text(tree, "requestReceivedTimestamp") or _text(tree, "stageTimestamp"))
        if at is None or _text(tree, "stage") not in {"", "ResponseComplete", "ResponseStarted"}:
            return
        name = _text(user, "username")
        for level, rule, words in self._remarks(name):
            yield signal("audit", f"{_text(tree, 'auditID')}/{rule}", at, level, rule, words, self._subject(rule, name))

    def _remarks(self, name: str) -> Iterator[tuple[Level, str, str]]:
        tree = self.fields
        ref, verb, code = self._ref(), _text(tree, "verb"), self._code()
        resource, sub = _text(ref, "resource"), _text(ref, "subresource")
        where = f" from {self._address()}" if self._address() else ""
        named = (_text(ref, "namespace"), resource, _text(ref, "name"), sub)
        place = "/".join(part for part in named if part) or _text(tree, "requestURI")
        says = f"{name or 'somebody'} {verb} {place}: {code}{where} ({_text(tree, 'userAgent')})"
        own = name.startswith("system:") and not name.startswith(_ACCOUNT)
        account = name.startswith(_ACCOUNT)
        if code in {401, 403}:
            yield "low", f"{REFUSED}{verb} {resource or 'request'}", says
            return
        if code >= 300:
            return
        if name == "system:anonymous" and not _text(tree, "requestURI").startswith(_OPEN_PATHS):
            yield "high", "anonymous request was answered", says
        if sub in _ENTER and not own:
            yield "high", f"{sub} into a pod", says
        if resource == "secrets" and verb in {"list", "watch"} and not own and not name.startswith(f"{_ACCOUNT}openshift-"):
            yield ("high" if not _text(ref, "namespace") else "medium"), "secrets listed", says
        if account and _text(tree, "userAgent").lower().startswith(_BY_HAND):
            yield "high", "a workload's token used by hand", says
        if isinstance(tree.get("impersonatedUser"), dict):
            yield "medium", "impersonation", f"{says} as {_text(tree['impersonatedUser'], 'username')}"

    def _subject(self, rule: str, name: str) -> Subject:
        """Whom it happened to where somebody entered a pod, else who did it."""
        ref, tree = self._ref(), self.fields
        if rule.endswith("into a pod"):
            return Subject(_text(ref, "namespace"), pod=_text(ref, "name"), principal=name)
        pods = _map(tree["user"], "extra").get(_POD_OF_TOKEN)
        pod = pods[0] if isinstance(pods, list) and pods and isinstance(pods[0], str) else ""
        if name.startswith(_ACCOUNT):
            return Subject(name.removeprefix(_ACCOUNT).partition(":")[0] if pod else "", pod=pod, principal=name)
        # Of whoever could not say who they are, the address is all that is known.
        return Subject(principal=name, address="" if name else self._address())

    def _address(self) -> str:
        found = self.fields.get("sourceIPs")
        return next((item for item in found if isinstance(item, str)), "") if isinstance(found, list) else ""

    def _ref(self) -> Mapping[str, Any]:
        return _map(self.fields, "objectRef")

    def _code(self) -> int:
        code = _map(self.fields, "responseStatus").get("code")
        return code if isinstance(code, int) else 0


LINES: Final[tuple[type[LogLine], ...]] = (FalcoLine, AuditLine, TetragonLine)
BESIDE: Final[tuple[type[Told], ...]] = (FiringAlert, *LINES, Violation)
"""All that is told beside the cluster's own API."""


def _tree(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(tree: Mapping[str, Any], name: str) -> str:
    found = tree.get(name)
    return found if isinstance(found, str) else ""


def _map(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tree.get(name)
    return found if isinstance(found, dict) else {}
