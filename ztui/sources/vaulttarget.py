"""Which Vaults belong to a context, and how to log in to each: settings first, then the environment of the vault command.

A token goes only to the address it was given for, and comes from the environment, a file or a login: never from the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ztui.errors import SettingsError
from ztui.settings import Settings, VaultSettings
from ztui.sources.login import Hidden
from ztui.sources.proxy import proxy_for
from ztui.sources.target import checked_server
from ztui.sources.yamlfile import FileError, read_limited

SECRET_LIMIT_BYTES: Final = 64 * 1024
UNNAMED: Final = "vault"
"""The name of a Vault that has none in the settings."""

SERVICE_ACCOUNT_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  a path
_PREFIXES: Final = ("VAULT", "BAO")


@dataclass(frozen=True, slots=True)
class VaultTarget:
    """One Vault: where it is, which namespaces of it are read, how to log in. ``also`` are origins it may redirect to."""

    name: str
    address: str
    is_plain: bool = False
    namespaces: tuple[str, ...] = ("",)
    ca_file: str | None = None
    certificate: tuple[str, str] | None = None
    proxy: str | None = None
    also: tuple[str, ...] = ()
    method: str = "token"
    mount: str = ""
    role: str = ""
    user: str = ""
    secret_file: str = ""
    token: Hidden | None = None
    budget: int = 2000
    callback_port: int = 8250
    warnings: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.address).netloc

    @property
    def may_be_asked(self) -> bool:
        """Whether asking gives nothing away: TLS, or plain HTTP on this machine."""
        return not self.is_plain

    def key(self, namespace: str) -> str:
        """The namespace that objects of a Vault namespace get in the store."""
        return f"{self.name}/{namespace}" if namespace else self.name

    def secret(self) -> Hidden:
        """What is in the login's secret file now. Raises SettingsError."""
        return _secret(self.secret_file, f"vault {self.name}: secret_file")


def find_vaults(settings: Settings, context: str, environ: Mapping[str, str]) -> tuple[VaultTarget, ...]:
    """The Vaults of a context: those of the settings, else that of the environment. Raises SettingsError for an unusable one."""
    named = {name: item for name, item in settings.vaults.items() if not item.contexts or context in item.contexts}
    mine = settings.contexts.get(context)
    if mine is not None and mine.vault_addr and not any(item.address == mine.vault_addr for item in named.values()):
        named = {UNNAMED: VaultSettings(address=mine.vault_addr)} | named
    if not named and (address := variable(environ, "ADDR")):
        named = {UNNAMED: VaultSettings(address=address)}
    return tuple(_target(name, item, environ) for name, item in named.items())


def variable(environ: Mapping[str, str], name: str) -> str:
    """``VAULT_NAME``, else its ``BAO_`` twin, else nothing."""
    return next((environ[f"{prefix}_{name}"] for prefix in _PREFIXES if environ.get(f"{prefix}_{name}")), "")


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _target(name: str, item: VaultSettings, environ: Mapping[str, str]) -> VaultTarget:
    where = f"vault {name}"
    address, is_plain = _address(item.address, where)
    at_home = not variable(environ, "ADDR") or origin(variable(environ, "ADDR").strip()) == origin(address)
    namespaces = item.namespaces or ((variable(environ, "NAMESPACE"),) if at_home else ("",))
    ca_file = item.ca_file or (variable(environ, "CACERT") or variable(environ, "CAPATH") if at_home else "") or None
    if ca_file is not None and not Path(ca_file).expanduser().exists():
        raise SettingsError("the certificate authority of the Vault cannot be read", where=where, why=f"no file {ca_file}")
    pair = (variable(environ, "CLIENT_CERT"), variable(environ, "CLIENT_KEY"))
    warnings = ("VAULT_SKIP_VERIFY is not honoured: certificates are always checked",) if _skips(environ) and at_home else ()
    return VaultTarget(
        name,
        address,
        is_plain,
        tuple(text.strip("/") for text in namespaces),
        str(Path(ca_file).expanduser()) if ca_file else None,
        pair if at_home and all(pair) else None,
        proxy_for(address, None, environ),
        tuple(_address(text, where)[0] for text in item.also),
        item.login,
        (item.mount or _MOUNTS[item.login]).strip("/"),
        item.role,
        item.user,
        item.secret_file or (SERVICE_ACCOUNT_TOKEN if item.login == "kubernetes" else ""),
        _token(item, environ, where, at_home=at_home) if item.login == "token" else None,
        item.budget,
        item.callback_port,
        warnings,
    )


_MOUNTS: Final = {
    "token": "token",
    "kubernetes": "kubernetes",
    "jwt": "jwt",
    "approle": "approle",
    "userpass": "userpass",
    "oidc": "oidc",
}


def _address(text: str, where: str) -> tuple[str, bool]:
    """The address, normalised, and whether it is plain HTTP over a network. Raises SettingsError."""
    text = text.strip()
    is_plain = False
    try:
        return checked_server(text), is_plain
    except ValueError as error:
        if not text.startswith("http://"):
            raise SettingsError("the address of the Vault cannot be used", where=where, why=str(error)) from error
    try:  # a plain address is a finding, not a mistake: it is named and never asked
        return "http://" + checked_server("https://" + text.removeprefix("http://")).removeprefix("https://"), True
    except ValueError as error:
        raise SettingsError("the address of the Vault cannot be used", where=where, why=str(error)) from error


def _token(item: VaultSettings, environ: Mapping[str, str], where: str, *, at_home: bool) -> Hidden | None:
    """The token for this address: of its own file, else of the environment or the vault command where those mean this address."""
    if item.token_file:
        return checked_token(_secret(item.token_file, f"{where}: token_file").reveal(), where)
    if not at_home:
        return None
    if text := variable(environ, "TOKEN"):
        return checked_token(text, "VAULT_TOKEN")
    home = environ.get("HOME", "")
    path = Path(home) / ".vault-token"
    if not home or not path.is_file():
        return None
    return checked_token(_secret(str(path), str(path)).reveal(), str(path))


def checked_token(text: str, where: str) -> Hidden | None:
    """A token that fits into a header; nothing where the text is blank. Raises SettingsError."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError("the Vault token cannot be used", where=where, why="it is not one printable word")
    return Hidden(text)


def _secret(file: str, where: str) -> Hidden:
    try:
        raw = read_limited(Path(file).expanduser(), SECRET_LIMIT_BYTES)
        return Hidden(raw.decode("utf-8").strip())
    except (FileError, OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or ("not text" if isinstance(error, UnicodeDecodeError) else str(error))
        raise SettingsError("a secret for the Vault cannot be read", where=f"{where} {file}", why=why) from error


def _skips(environ: Mapping[str, str]) -> bool:
    return variable(environ, "SKIP_VERIFY").lower() not in {"", "0", "f", "false"}
