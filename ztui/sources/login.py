"""How to log in, as a frozen description: token, token file, certificate, login program, OIDC; and how a kubeconfig says it.

Nothing here runs or connects. Secret values sit in ``Hidden``, so that no repr, log or traceback can show them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NoReturn

from ztui.errors import LoginError, SettingsError
from ztui.sources.yamlfile import FileError, Node, kind_of, read_limited

HIDDEN: Final = "<hidden>"
API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
PEM_LIMIT_BYTES: Final = 1024 * 1024
_REMOVED: Final = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin", "openstack": "client-keystone-auth"}


class Hidden:
    """A secret text: compares and hashes like one, shows as ``<hidden>``, and leaves only through ``reveal``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; for the request or the child process that needs it, never for a message."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")


@dataclass(frozen=True, slots=True)
class AcsLogin:
    """Where ACS Central is (empty where a Route tells), the files of its API token and authorities, its name for the cluster."""

    url: str = ""
    token_file: str = ""
    ca_file: str = ""
    cluster: str = ""


NO_ACS: Final = AcsLogin()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A client certificate chain and its key, both PEM."""

    certificate_pem: str
    key_pem: Hidden


@dataclass(frozen=True, slots=True)
class Program:
    """A login program (exec credential plugin), as the kubeconfig describes it.

    ``command`` is a name for PATH or an absolute path; ``user`` names the kubeconfig entry.
    """

    user: str
    command: str
    args: tuple[str, ...] = field(repr=False)
    environment: tuple[tuple[str, Hidden], ...]
    api_version: str
    cluster_info: bool
    interactive: str
    install_hint: str


@dataclass(frozen=True, slots=True)
class Oidc:
    """OpenID Connect by refresh token; ``ca_pem`` None means the system's authorities. Never written back."""

    issuer: str
    client_id: str
    client_secret: Hidden | None
    id_token: Hidden | None
    refresh_token: Hidden | None
    ca_pem: str | None = field(repr=False)


LoginKind = Literal["none", "token", "token-file", "certificate", "exec", "oidc"]


@dataclass(frozen=True, slots=True)
class Login:
    """Everything one kubeconfig user can present; a certificate may accompany any of the others.

    A static token wins over a login program, as in client-go.
    """

    kind: LoginKind
    token: Hidden | None = None
    token_file: str | None = None
    certificate: KeyPair | None = None
    program: Program | None = None
    oidc: Oidc | None = None


class Entry:
    """One mapping of a kubeconfig together with its place, so that every complaint names the wrong node.

    ``at`` is such as ``users[2].user``; ``folder`` is where relative paths start; ``files`` collects every file that was used.
    """

    def __init__(self, node: dict[str, Node], at: str, source: Path, files: list[str]) -> None:
        self.node = node
        self.at = at
        self.source = source
        self.files = files

    def text(self, key: str) -> str | None:
        """A text value; None where it is missing, null or empty."""
        value = self.node.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.refuse(key, f"expected text, found {kind_of(value)}")
        return value

    def flag(self, key: str) -> bool:
        """A boolean value; False where it is missing or null."""
        value = self.node.get(key)
        if value is not None and not isinstance(value, bool):
            self.refuse(key, f"expected true or false, found {kind_of(value)}")
        return bool(value)

    def child(self, key: str) -> Entry | None:
        """A mapping below this one; None where it is missing or null."""
        value = self.node.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(key, f"expected a mapping, found {kind_of(value)}")
        return Entry(value, f"{self.at}.{key}", self.source, self.files)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where it is missing or null."""
        value = self.node.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(key, f"expected a list, found {kind_of(value)}")
        for number, item in enumerate(value):
            if not isinstance(item, str):
                self.refuse(f"{key}[{number}]", f"expected text, found {kind_of(item)}")
        return tuple(str(item) for item in value)

    def pem(self, key: str, begin: str) -> str | None:
        """PEM from ``<key>-data`` (base64) or the file in ``<key>``; None where neither is set.

        Raises SettingsError where the value is set but unusable: nothing falls back to anything else.
        """
        data_key = f"{key}-data"
        data = self.node.get(data_key)
        if data is not None:
            if not isinstance(data, str) or not data.strip():
                self.refuse(data_key, "is empty" if isinstance(data, str) else f"expected base64, found {kind_of(data)}")
            try:
                raw = base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                self.refuse(data_key, "is not base64")
            return self._pem_text(data_key, raw, begin)
        path = self.path(key)
        if path is None:
            if self.node.get(key) == "":
                self.refuse(key, "is empty")
            return None
        return self._pem_text(key, self.read(key, path), begin)

    def path(self, key: str) -> Path | None:
        """A file name, relative to the kubeconfig's folder."""
        name = self.text(key)
        return None if name is None else self.source.parent / Path(name).expanduser()

    def read(self, key: str, path: Path) -> bytes:
        """Read a file that this entry names, and remember it. Raises SettingsError."""
        self.files.append(str(path))
        try:
            return read_limited(path, PEM_LIMIT_BYTES)
        except FileError as error:
            self.refuse(key, f"cannot read {path}: {error}")

    def refuse(self, key: str, why: str, *, next: str = "correct the kubeconfig, or make it anew") -> NoReturn:  # noqa: A002
        """Raise SettingsError that names the node."""
        at = f"{self.at}.{key}" if key else self.at
        raise SettingsError(f"wrong kubeconfig entry {at}", where=str(self.source), why=why, next=next)

    def _pem_text(self, key: str, raw: bytes, begin: str) -> str:
        text = raw.decode("ascii", "replace")
        if not text.strip():
            self.refuse(key, "is empty")
        if "-----BEGIN " not in text or begin not in text or "-----END " not in text:
            self.refuse(key, f"is not PEM ({begin})")
        return text


def login_of(user: Entry | None, name: str) -> Login:
    """Turn a kubeconfig user into a Login.

    Raises SettingsError for a malformed entry, LoginError for a way of logging in that servers no longer take.
    """
    if user is None:
        return Login("none")
    _refuse_removed(user, name)
    certificate = _key_pair(user)
    token, token_file = _token(user)
    if token is not None:
        return Login("token-file" if token_file else "token", token, token_file, certificate)
    if (plugin := user.child("exec")) is not None:
        return Login("exec", certificate=certificate, program=_program(plugin, name))
    if (provider := user.child("auth-provider")) is not None:
        return Login("oidc", certificate=certificate, oidc=_oidc(provider))
    return Login("certificate" if certificate else "none", certificate=certificate)


def impersonation_of(user: Entry | None) -> tuple[tuple[str, str], ...]:
    """The impersonation headers that a kubeconfig user asks for; a name may repeat."""
    if user is None:
        return ()
    headers = [
        (header, value)
        for header, key in (("Impersonate-User", "as"), ("Impersonate-Uid", "as-uid"))
        if (value := user.text(key))
    ]
    headers += [("Impersonate-Group", group) for group in user.texts("as-groups")]
    extra = user.child("as-user-extra")
    if extra is not None:
        headers += [(f"Impersonate-Extra-{key}", value) for key in extra.node for value in extra.texts(key)]
    return tuple(headers)


def _refuse_removed(user: Entry, name: str) -> None:
    if user.text("username") or user.text("password"):
        raise LoginError(
            "password logins are gone from Kubernetes",
            where=f"{user.at} ({name})",
            why="basic authentication was removed in 1.19",
            next="use a token, a client certificate or a login program",
        )
    provider = user.child("auth-provider")
    kind = provider.text("name") if provider is not None else None
    if provider is not None and kind != "oidc":
        instead = _REMOVED.get(kind or "", "a login program (exec)")
        raise LoginError(
            f"auth-provider {kind or 'without a name'} was removed from kubectl",
            where=f"{user.at} ({name})",
            why="the built-in login providers ended with Kubernetes 1.26",
            next=f"use {instead} instead; your platform's tool writes a new kubeconfig",
        )


def _key_pair(user: Entry) -> KeyPair | None:
    certificate = user.pem("client-certificate", "CERTIFICATE")
    key = user.pem("client-key", "PRIVATE KEY")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "client-certificate" if certificate is None else "client-key"
        user.refuse(missing, "is missing while its other half is there")
    return KeyPair(certificate, Hidden(key))


def _token(user: Entry) -> tuple[Hidden | None, str | None]:
    """The token and the file it came from; a file wins over a value, as in client-go."""
    path = user.path("tokenFile")
    if path is not None:
        text = user.read("tokenFile", path).decode("ascii", "replace").strip()
        return Hidden(checked_token(text, lambda why: user.refuse("tokenFile", why))), str(path)
    token = user.text("token")
    if token is None:
        return None, None
    return Hidden(checked_token(token.strip(), lambda why: user.refuse("token", why))), None


def checked_token(text: str, refuse: Callable[[str], NoReturn]) -> str:
    """A token that fits into one header; ``refuse`` gets the reason, never the text."""
    if not text:
        refuse("is empty")
    if not text.isascii() or not text.isprintable() or " " in text:
        refuse("holds characters that no token has")
    return text


def _program(plugin: Entry, user: str) -> Program:
    command = plugin.text("command")
    if command is None:
        plugin.refuse("command", f"is missing in the login program of user {user}")
    version = plugin.text("apiVersion")
    if version not in API_VERSIONS:
        plugin.refuse("apiVersion", f"{version or 'nothing'} of user {user} is not known", next=f"use {API_VERSIONS[0]}")
    interactive = plugin.text("interactiveMode") or "IfAvailable"
    if interactive not in {"Never", "IfAvailable", "Always"}:
        plugin.refuse("interactiveMode", f"{interactive} of user {user} is not known", next="use IfAvailable")
    if "/" in command:  # as client-go: a path is relative to the kubeconfig, a bare name is looked up in PATH
        command = str(plugin.source.parent.absolute() / Path(command).expanduser())
    return Program(
        user=user,
        command=command,
        args=plugin.texts("args"),
        environment=tuple(_environment(plugin)),
        api_version=version,
        cluster_info=plugin.flag("provideClusterInfo"),
        interactive=interactive,
        install_hint=plugin.text("installHint") or "",
    )


def _environment(plugin: Entry) -> list[tuple[str, Hidden]]:
    pairs = plugin.node.get("env")
    if pairs is None:
        return []
    if not isinstance(pairs, list):
        plugin.refuse("env", f"expected a list, found {kind_of(pairs)}")
    result: list[tuple[str, Hidden]] = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, dict):
            plugin.refuse(f"env[{number}]", f"expected a mapping, found {kind_of(pair)}")
        entry = Entry(pair, f"{plugin.at}.env[{number}]", plugin.source, plugin.files)
        name = entry.text("name")
        if name is None or "=" in name:
            entry.refuse("name", "is missing or holds =")
        result.append((name, Hidden(entry.text("value") or "")))
    return result


def _oidc(provider: Entry) -> Oidc:
    config = provider.child("config")
    if config is None:
        provider.refuse("config", "is missing")
    issuer, client_id = config.text("idp-issuer-url"), config.text("client-id")
    if issuer is None or not issuer.startswith("https://"):
        config.refuse("idp-issuer-url", "expected an https:// address")
    if client_id is None:
        config.refuse("client-id", "is missing")
    values = {key: Hidden(text) for key in ("client-secret", "id-token", "refresh-token") if (text := config.text(key))}
    return Oidc(
        issuer=issuer.rstrip("/"),
        client_id=client_id,
        client_secret=values.get("client-secret"),
        id_token=values.get("id-token"),
        refresh_token=values.get("refresh-token"),
        ca_pem=config.pem("idp-certificate-authority", "CERTIFICATE"),
    )
