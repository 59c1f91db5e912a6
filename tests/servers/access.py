"""How one user reaches one API server: URL, authority and credential, as a kubeconfig and as TLS for our own calls.

Verification is never switched off: a server without an authority in its kubeconfig is checked against the machine's store.
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Access:
    """One user at one server; `token` may be empty where a client certificate speaks instead."""

    url: str
    user: str
    ca_pem: str = ""
    token: str = ""
    client_pem: str = ""
    client_key_pem: str = ""

    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def ssl_context(self, folder: Path) -> ssl.SSLContext:
        """A context that verifies; the client's pair passes through `folder`, since OpenSSL reads only files."""
        context = ssl.create_default_context(cadata=self.ca_pem or None)
        if self.client_pem:
            pair = folder / f"{self.user}.pem"
            private(pair, f"{self.client_pem}\n{self.client_key_pem}")
            context.load_cert_chain(pair)
        return context

    def kubeconfig(self) -> str:
        """The same as a kubeconfig with one context, named as the user."""
        cluster = {"server": self.url} | _data("certificate-authority", self.ca_pem)
        credential = _data("client-certificate", self.client_pem) | _data("client-key", self.client_key_pem)
        if self.token:
            credential["token"] = self.token
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": self.user, "user": credential}],
            "contexts": [{"name": self.user, "context": {"cluster": "test", "user": self.user, "namespace": "default"}}],
            "current-context": self.user,
        }
        return yaml.safe_dump(document, sort_keys=False)


def read_kubeconfig(path: Path) -> Access:
    """The current context of a kubeconfig, with its files read in.

    **Raises**: KeyError where a name points nowhere.
    """
    config = yaml.safe_load(path.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    return Access(
        url=cluster["server"].rstrip("/"),
        user="admin",
        ca_pem=_pem(cluster, "certificate-authority", path.parent),
        token=str(user.get("token", "")),
        client_pem=_pem(user, "client-certificate", path.parent),
        client_key_pem=_pem(user, "client-key", path.parent),
    )


def private(path: Path, text: str) -> Path:
    """Write a file that only its owner reads, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)
    return path


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _data(key: str, pem: str) -> dict[str, str]:
    return {f"{key}-data": base64.b64encode(pem.encode()).decode()} if pem else {}


def _pem(holder: dict[str, str], key: str, folder: Path) -> str:
    if data := holder.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    return (folder / holder[key]).read_text() if key in holder else ""
