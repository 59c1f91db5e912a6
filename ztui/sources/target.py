"""Finds the cluster: kubeconfig, context or service account in, one pinned Target out.

A Target says which server, which authority, which login; it never changes while the program runs. Nothing here connects.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from ztui.errors import ConnectError, LoginError, SettingsError, TrustError
from ztui.settings import ContextSettings, Settings, state_dir
from ztui.sources.kubeconfig import Merged, kubeconfig_paths, read_all
from ztui.sources.login import NO_ACS, AcsLogin, Entry, Hidden, Login, checked_token, impersonation_of, login_of
from ztui.sources.proxy import proxy_for
from ztui.sources.tls import check_pair, fingerprint
from ztui.sources.yamlfile import FileError, read_limited

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER: Final = "in-cluster"
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
_LIST_LIMIT: Final = 10


@dataclass(frozen=True, slots=True)
class ExecPolicy:
    """May a login program run: ``deny``, ``allow-list`` (``allow`` holds names or absolute paths) or ``ask``.

    ``approvals`` is the file of what was approved before.
    """

    mode: str = "ask"
    allow: tuple[str, ...] = ()
    approvals: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One pinned server and how to log in there.

    ``namespace`` is the context's own: the first to try where cluster-wide lists are refused; what is judged is a setting.
    ``ca_pem`` None means the system's authorities. ``ca_fingerprint`` is 16 hex digits, or ``system``. ``impersonate`` are header
    pairs whose names may repeat. ``beside`` are the metrics store, the alert manager and the log store, empty where Routes tell.
    ``acs`` is ACS Central with its own login. ``files`` are all files this came from; ``reread`` makes the same target from them
    again.
    """

    context: str
    server: str
    ca_pem: str | None = field(repr=False)
    tls_server_name: str | None
    insecure: bool
    proxy_url: str | None = field(repr=False)
    namespace: str | None
    user_name: str
    login: Login
    impersonate: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    ca_fingerprint: str = "system"
    cluster_extension: str | None = field(default=None, repr=False)
    exec_policy: ExecPolicy = ExecPolicy()
    files: tuple[str, ...] = ()
    beside: tuple[str, str, str] = ("", "", "")
    acs: AcsLogin = NO_ACS
    reread: Callable[[], Target] | None = field(default=None, repr=False, compare=False)

    @property
    def host(self) -> str:
        """Host and port of the server, as a person would say it."""
        return urlsplit(self.server).netloc

    @property
    def identity(self) -> tuple[str, str, str | None, bool]:
        """What may never change while connected: server, authority, name in the certificate, verification."""
        return self.server, self.ca_fingerprint, self.tls_server_name, self.insecure


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """One line of the context picker; empty texts where the kubeconfig says nothing."""

    name: str
    cluster: str
    user: str
    namespace: str
    server: str


class Kubeconfig:
    """The merged kubeconfig of this start: contexts to choose from, and the Target of one of them."""

    def __init__(self, merged: Merged, settings: Settings, environ: Mapping[str, str], account: Target | None = None) -> None:
        self._merged = merged
        self._settings = settings
        self._environ = environ
        self._account = account
        self.paths: tuple[Path, ...] = tuple(merged.looked_at)
        self.warnings: tuple[str, ...] = tuple(merged.warnings)

    @property
    def current(self) -> str | None:
        """The context in force: the one asked for, else current-context, else the service account."""
        return self._settings.context or self._merged.current or (IN_CLUSTER if self._account else None)

    def contexts(self) -> tuple[ContextInfo, ...]:
        """All contexts in the order of the files; malformed parts show as empty."""
        infos = [self._info(name) for name in self._merged.contexts]
        if self._account is not None:
            infos.append(
                ContextInfo(IN_CLUSTER, "", self._account.user_name, self._account.namespace or "", self._account.server)
            )
        return tuple(infos)

    def target(self, context: str | None = None) -> Target:
        """The Target of ``context`` (default: ``current``).

        Raises SettingsError naming the wrong node, LoginError for a removed login, TrustError for switched-off verification,
        ConnectError where there is no kubeconfig at all.
        """
        name = context or self.current
        if self._account is not None and name == IN_CLUSTER:
            return self._account
        if not self._merged.read:
            looked = ", ".join(str(path) for path in self.paths)
            raise ConnectError(
                "no cluster to connect to", where=looked, why="no kubeconfig there", next="`ztui --demo` needs none"
            )
        if name is None:
            raise SettingsError(
                "no current-context", where=self._where(), next=f"choose one with --context: {_choices(self._merged.contexts)}"
            )
        files = [str(path) for path in self._merged.read]
        return self._build(name, files)

    def _build(self, name: str, files: list[str]) -> Target:
        chosen = self._named("context", name, files)
        cluster_name, user_name = chosen.text("cluster"), chosen.text("user")
        if cluster_name is None:
            chosen.refuse("cluster", "is missing", next=f"known clusters: {_choices(self._merged.clusters)}")
        cluster = self._named("cluster", cluster_name, files, chosen)
        user = self._named("user", user_name, files, chosen) if user_name else None
        server = _server(cluster)
        ca_pem, ca_fingerprint = _authority(cluster)
        insecure = self._insecure(cluster, name)
        warnings = list(self.warnings)
        if insecure:
            warnings.append("TLS verification is off for this context: reading only")
        return Target(
            context=name,
            server=server,
            ca_pem=ca_pem,
            tls_server_name=cluster.text("tls-server-name"),
            insecure=insecure,
            proxy_url=proxy_for(server, cluster.text("proxy-url"), self._environ),
            namespace=chosen.text("namespace"),
            user_name=user_name or "",
            login=_login(user, user_name or ""),
            impersonate=_impersonation(self._settings, user),
            warnings=tuple(warnings),
            ca_fingerprint=ca_fingerprint,
            cluster_extension=_extension(cluster),
            exec_policy=_exec_policy(self._settings, self._environ),
            files=tuple(dict.fromkeys(files)),
            beside=_beside(self._settings, name),
            acs=_acs(self._settings, name),
            reread=lambda: load_kubeconfig(self._settings, self._environ).target(name),
        )

    def _named(self, kind: str, name: str, files: list[str], asked_by: Entry | None = None) -> Entry:
        known = {"context": self._merged.contexts, "cluster": self._merged.clusters, "user": self._merged.users}[kind]
        if name not in known:
            raise SettingsError(
                f'no {kind} named "{name[:100]}"',
                where=asked_by.at if asked_by is not None else self._where(),
                why=f"the kubeconfig has {len(known)} of them",
                next=f"known: {_choices(known)}",
            )
        return known[name].entry(files)

    def _insecure(self, cluster: Entry, context: str) -> bool:
        insecure = cluster.flag("insecure-skip-tls-verify")
        if insecure and not self._settings.allow_insecure_read:
            raise TrustError(
                "TLS verification is switched off in the kubeconfig",
                where=f"{context}: {cluster.at}.insecure-skip-tls-verify",
                why="anyone on the way could answer for the cluster and take the login",
                next="add the cluster's certificate authority, or read anyway with --allow-insecure-read",
            )
        return insecure

    def _info(self, name: str) -> ContextInfo:
        body = self._merged.contexts[name].body
        cluster = _plain(body, "cluster")
        known = self._merged.clusters.get(cluster)
        return ContextInfo(
            name, cluster, _plain(body, "user"), _plain(body, "namespace"), _plain(known.body if known else None, "server")
        )

    def _where(self) -> str:
        return ", ".join(str(path) for path in self._merged.read)


def load_kubeconfig(settings: Settings, environ: Mapping[str, str], *, account: Path = SERVICE_ACCOUNT) -> Kubeconfig:
    """Read the kubeconfig that flag, KUBECONFIG or the home folder names; where none exists, the pod's service account.

    Raises SettingsError for a file that is there and cannot be used.
    """
    paths, must_exist = kubeconfig_paths(settings.kubeconfig, environ)
    merged = read_all(paths, must_exist=must_exist)
    in_cluster = None if merged.read else _service_account(settings, environ, account)
    return Kubeconfig(merged, settings, environ, in_cluster)


def find_target(settings: Settings, environ: Mapping[str, str]) -> Target:
    """The Target that flags, environment and kubeconfig lead to. Raises as ``Kubeconfig.target``."""
    return load_kubeconfig(settings, environ).target()


def checked_server(raw: str) -> str:
    """Normalise a server address: https (http to loopback only), host, port and path alone. Raises ValueError with the reason."""
    if raw != raw.strip() or not raw.isprintable() or " " in raw:
        raise ValueError("holds blanks or control characters")
    try:
        parts = urlsplit(raw)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"is not an address ({error})") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("needs to begin with https://")
    if not host:
        raise ValueError("names no host")
    if "@" in parts.netloc:
        raise ValueError("carries a user or password")
    if parts.query or parts.fragment or "%" in host or ".." in parts.path:
        raise ValueError("is more than scheme, host, port and path")
    if port == 0:
        raise ValueError("has port 0")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("is plain http, which is for loopback only")
    default = {"https": 443, "http": 80}[parts.scheme]
    shown = f"[{ipaddress.ip_address(host)}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{'' if port in {None, default} else f':{port}'}{parts.path.rstrip('/')}"


def _server(cluster: Entry) -> str:
    raw = cluster.node.get("server")
    if raw is None or raw == "":
        cluster.refuse("server", "is missing")
    if not isinstance(raw, str):
        cluster.refuse("server", "is not an address in text")
    try:
        return checked_server(raw)
    except ValueError as error:
        cluster.refuse("server", str(error))


def _authority(cluster: Entry) -> tuple[str | None, str]:
    ca_pem = cluster.pem("certificate-authority", "CERTIFICATE")
    if ca_pem is None:
        return None, "system"
    try:
        return ca_pem, fingerprint(ca_pem)[:16]
    except ValueError as error:
        cluster.refuse("certificate-authority", str(error))


def _login(user: Entry | None, name: str) -> Login:
    login = login_of(user, name)
    if user is not None and login.certificate is not None:
        try:
            check_pair(login.certificate)
        except ValueError as error:
            user.refuse("client-key", str(error))
    return login


def _impersonation(settings: Settings, user: Entry | None) -> tuple[tuple[str, str], ...]:
    """Flags replace the kubeconfig's impersonation as a whole, as in kubectl."""
    if settings.as_user:
        return (("Impersonate-User", settings.as_user), *(("Impersonate-Group", group) for group in settings.as_groups))
    if settings.as_groups:
        raise SettingsError("--as-group needs --as", next="add --as USER")
    headers = impersonation_of(user)
    if headers and headers[0][0] != "Impersonate-User":
        raise SettingsError("impersonation names no user", where=user.at if user else "", next="add `as` to the kubeconfig user")
    if any(not value.isprintable() for pair in headers for value in pair):
        raise SettingsError(
            "impersonation holds control characters", where=user.at if user else "", next="correct the kubeconfig"
        )
    return headers


def _exec_policy(settings: Settings, environ: Mapping[str, str]) -> ExecPolicy:
    return ExecPolicy(settings.exec_policy, settings.exec_allow, str(state_dir(environ) / "approved-programs.json"))


def _beside(settings: Settings, context: str) -> tuple[str, str, str]:
    """The metrics store, the alert manager and the log store that the user named for the context."""
    mine = settings.contexts.get(context) or ContextSettings()
    metrics, alerts, logs = (_checked_beside(url, context) for url in (mine.metrics_url, mine.alertmanager_url, mine.logs_url))
    return metrics, alerts, logs


def _acs(settings: Settings, context: str) -> AcsLogin:
    """ACS Central as the user named it for the context."""
    mine = settings.contexts.get(context) or ContextSettings()
    url = _checked_beside(mine.acs_url, context)
    if url.startswith("http://"):
        raise SettingsError(_UNUSABLE, where=f"contexts.{context}.acs_url", why="needs to begin with https://")
    return AcsLogin(url, mine.acs_token_file or "", mine.acs_ca_file or "", mine.acs_cluster or "")


_UNUSABLE: Final = "an address beside the cluster cannot be used"


def _checked_beside(url: str | None, context: str) -> str:
    try:
        return checked_server(url) if url else ""
    except ValueError as error:
        raise SettingsError(_UNUSABLE, where=f"contexts.{context}", why=str(error)) from error


def _extension(cluster: Entry) -> str | None:
    """What the cluster entry wants its login program to know, as JSON."""
    extensions = cluster.node.get("extensions")
    for item in extensions if isinstance(extensions, list) else ():
        if isinstance(item, dict) and item.get("name") == _EXEC_EXTENSION:
            return json.dumps(item.get("extension"))
    return None


def _service_account(settings: Settings, environ: Mapping[str, str], folder: Path) -> Target | None:
    """The pod's own login, where there is one (client-go rest.InClusterConfig); the token is read again when it changes."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    files = tuple(str(folder / name) for name in ("token", "ca.crt", "namespace"))
    if not host or not port or not Path(files[0]).exists():
        return None
    try:
        token = checked_token(read_limited(Path(files[0])).decode("ascii", "replace").strip(), _refuse_account)
        ca_pem = read_limited(Path(files[1])).decode("ascii", "replace")
        server = checked_server(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
        ca_fingerprint = fingerprint(ca_pem)[:16]
    except (FileError, ValueError) as error:
        raise SettingsError(
            "cannot use the service account", where=str(folder), why=str(error), next="check the pod's mounts"
        ) from None
    namespace = Path(files[2])
    return Target(
        context=IN_CLUSTER,
        server=server,
        ca_pem=ca_pem,
        tls_server_name=None,
        insecure=False,
        proxy_url=proxy_for(server, None, environ),
        namespace=namespace.read_text().strip() or None if namespace.is_file() else None,
        user_name="service account",
        login=Login("token-file", Hidden(token), files[0]),
        impersonate=_impersonation(settings, None),
        ca_fingerprint=ca_fingerprint,
        files=files,
        reread=lambda: load_kubeconfig(settings, environ, account=folder).target(IN_CLUSTER),
    )


def _refuse_account(why: str) -> NoReturn:
    raise LoginError("the service account's token cannot be used", why=why, next="check the pod's projected token")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _choices(names: Mapping[str, object]) -> str:
    shown = list(names)[:_LIST_LIMIT]
    more = f", and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(name[:60] for name in shown) + more if shown else "none"


def _plain(body: object, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""
