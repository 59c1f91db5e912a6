"""Lines of a log store that tell of security events, as signals: detections, requests to the API server, requests to a Vault.

Source: Loki's ``query_range`` with lines of the API server's audit log (audit.k8s.io/v1), of a Vault's audit device, Falco's JSON
output and Tetragon's exported events. A line of a cluster's collector is the event itself, or wraps it as a text in ``message``,
or as fields in ``structured``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Self

import msgspec

from ztui.kinds.alert import FiringAlert, Told, Violation
from ztui.kinds.base import instant
from ztui.kinds.incident import Level, Signal, Subject, signal

PRIORITIES: Final[dict[str, Level]] = {
    "emergency": "critical",
    "alert": "critical",
    "critical": "critical",
    "error": "high",
    "warning": "medium",
}
_BY_HAND: Final = ("kubectl", "oc/", "curl", "wget", "python", "go-http-client", "helm")
_ACCOUNT: Final = "system:serviceaccount:"
_POD_OF_TOKEN: Final = "authentication.kubernetes.io/pod-name"  # noqa: S105  the name of a field
_ENTER: Final = frozenset({"exec", "attach", "portforward", "ephemeralcontainers"})
REFUSED: Final = "refused "
"""How the rule of a request begins that was not allowed."""

VAULT: Final = "vault"
"""The source of whatever is told of a Vault."""

_DENIED: Final = ("permission denied", "invalid credentials")
ROOT_USED: Final = "root token in use"
_OBJECTS: Final = frozenset({"requestObject", "responseObject"})
_OPEN_PATHS: Final = ("/healthz", "/livez", "/readyz", "/version", "/.well-known", "/openid", "/apis/oauth", "/oauth")


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
        return cls(fields=cls._bare(tree), id=hashlib.sha256(line.encode()).hexdigest()[:24]) if cls._is_mine(tree) else None

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        raise NotImplementedError

    @classmethod
    def _bare(cls, tree: Mapping[str, Any]) -> dict[str, Any]:
        """What comes in of a line. An audit policy may write whole objects down, Secrets among them: nothing of those does."""
        return {name: value for name, value in tree.items() if name not in _OBJECTS}


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


class VaultLine(LogLine, frozen=True):
    """A request to a Vault that somebody should know of, as its audit device writes it. Who asks is told, and never for what."""

    PLURAL = "vaultauditevents"
    KIND = "VaultAuditEvent"
    QUERY = (
        '{log_type="application"} |= "remote_address" |= "mount_point" '
        '|~ "permission denied|invalid credentials|policies[^A-Za-z]+root[^a-z]"'
    )
    KEPT: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "request": ("id", "operation", "path", "remote_address"),
        "auth": ("display_name", "policies", "metadata"),
    }

    @classmethod
    def _is_mine(cls, tree: Mapping[str, Any]) -> bool:
        request = tree.get("request")
        return tree.get("type") in {"request", "response"} and isinstance(request, dict) and "path" in request

    @classmethod
    def _bare(cls, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Of what was sent and answered nothing comes in: a device may be told to write it as it is."""
        found = {name: {key: _map(tree, name).get(key) for key in keys} for name, keys in cls.KEPT.items()}
        return {**found, "time": tree.get("time"), "error": tree.get("error"), "type": tree.get("type")}

    def signals(self) -> Iterator[Signal]:
        """A refusal, of which many are a burst; a root token that is used. The request and its answer are told of once."""
        request, auth = _map(self.fields, "request"), _map(self.fields, "auth")
        at, path, verb = instant(_text(self.fields, "time")), _text(request, "path"), _text(request, "operation")
        if at is None:
            return
        meta, address = _map(auth, "metadata"), _text(request, "remote_address")
        account = (_text(meta, "service_account_namespace"), _text(meta, "service_account_name"))
        name = f"{_ACCOUNT}{account[0]}:{account[1]}" if all(account) else _text(auth, "display_name")
        error = _text(self.fields, "error")
        says = f"{name or 'somebody'} {verb} {path}{f' from {address}' if address else ''}"
        about = Subject(principal=name, address="" if name else address)
        if any(word in error for word in _DENIED):
            rule = f"{REFUSED}{verb} in a Vault"
            yield signal(VAULT, f"{_text(request, 'id')}/{rule}", at, "low", rule, f"{says}: {error.strip()}", about)
        elif "root" in (policies if isinstance(policies := auth.get("policies"), list) else ()):
            yield signal(VAULT, f"{_text(request, 'id')}/root", at, "high", ROOT_USED, says, about)


LINES: Final[tuple[type[LogLine], ...]] = (FalcoLine, AuditLine, TetragonLine, VaultLine)
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
