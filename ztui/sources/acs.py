"""Red Hat Advanced Cluster Security (StackRox) beside a cluster: the violations of its policies that nobody has resolved.

Source: Central's ``GET /v1/alerts`` (ListAlerts). Central has its own accounts: it gets an API token from a file that the
settings name, never the cluster's token, and nothing at all before its certificate was verified, however lax the cluster's own
context is.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from ztui.errors import AbsentError, DataError, LoginError, TrustError, ZtuiError
from ztui.kinds.acs import SecuredCluster
from ztui.kinds.alert import Violation
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.sources.credentials import Credentials
from ztui.sources.discovery import Resource
from ztui.sources.http import Http
from ztui.sources.kube import KubeApi
from ztui.sources.login import Hidden
from ztui.sources.side import Beyond, Poller, Side, by_route
from ztui.sources.target import Target
from ztui.sources.tls import fingerprint
from ztui.sources.yamlfile import FileError, read_limited
from ztui.store import Event, Hole, Put, Whole
from ztui.view import Gap, Why

LIMIT_BYTES: Final = 16 * 1024 * 1024
NAME: Final = "acs"
PAGE: Final = 1000
"""Violations of one question: the most that Central gives where nobody asks for more."""

PAGES: Final = 10
TOKEN_LIMIT_BYTES: Final = 64 * 1024
CA_LIMIT_BYTES: Final = 1024 * 1024
HOMES: Final = ("stackrox", "rhacs-operator")
_ROUTES: Final = tuple(by_route(home, "central") for home in HOMES)
_SECURED: Final = Resource("/apis/platform.stackrox.io/v1alpha1", "securedclusters", namespaced=True)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")


class OwnToken(Beyond):
    """The API token in a file, read anew for each request: one that was replaced is used at once."""

    def __init__(self, file: str) -> None:
        super().__init__("make an API token of the role Analyst in Central, and write it to the acs_token_file of the context")
        self._file = file

    async def headers(self) -> dict[str, str]:
        """The token as it is now. Raises LoginError where there is none."""
        if not self._file:
            raise LoginError("no token for ACS Central", where=NAME, next="name its file: acs_token_file of the context")
        token = await asyncio.to_thread(self._read)
        return {"Authorization": f"Bearer {token.reveal()}"}

    def _read(self) -> Hidden:
        try:
            text = read_limited(Path(self._file).expanduser(), TOKEN_LIMIT_BYTES).decode("ascii").strip()
        except (FileError, OSError, UnicodeDecodeError) as error:
            why = "not text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise LoginError("the token of ACS Central cannot be read", where=self._file, why=why) from None
        if not text or not text.isprintable() or " " in text:
            raise LoginError("the token of ACS Central cannot be used", where=self._file, why="it is not one printable word")
        return Hidden(text)


class AcsPoller(Poller):
    """Asks Central by its own login, and of the clusters that it knows for this one only."""

    _name = ""
    _standing: frozenset[tuple[str, str]] = frozenset()

    @property
    def cluster(self) -> str:
        """The name that Central has for this cluster; empty where nothing told it yet."""
        return self._cluster.target.acs.cluster or self._name

    async def _entrance(self, target: Target) -> tuple[Target, Credentials]:
        """Central with its own authorities where the settings name them; what is not verified is not asked."""
        mine = target.acs
        ca_pem = await asyncio.to_thread(_authorities, mine.ca_file) if mine.ca_file else target.ca_pem
        return replace(target, insecure=False, ca_pem=ca_pem), OwnToken(mine.token_file)

    async def _asked(self, http: Http, kind: type[Kind]) -> list[Event]:
        """The violations of this cluster. Raises ZtuiError."""
        del kind
        self._name = self.cluster or await self._secured()
        return self._news(await violations(http, self._name))

    def _news(self, events: list[Event]) -> list[Event]:
        """Without what the last round told already: most violations stand for days."""
        before, now, news = self._standing, set[tuple[str, str]](), list[Event]()
        for event in events:
            if isinstance(event, Put) and isinstance(event.obj, Violation):
                key = (event.obj.id, event.obj.time)
                now.add(key)
                if key in before:
                    continue
            news.append(event)
        self._standing = frozenset(now)
        return news

    async def _secured(self) -> str:
        """The name that the operator of this cluster registers it by at Central; empty where nothing tells."""
        with suppress(ZtuiError):
            page = await KubeApi(self._cluster).page(SecuredCluster, _SECURED)
            names = {item.spec.cluster_name for item in page.objects if isinstance(item, SecuredCluster)}
            return names.pop() if len(names) == 1 else ""
        return ""


async def violations(http: Http, cluster: str) -> list[Event]:
    """What breaks a policy now, the newest first; one that cannot be read is a gap and costs no other. Raises ZtuiError.

    Without a name for the cluster all is taken where Central tells of one cluster, and nothing where it tells of several.
    """
    found: list[Violation] = []
    bad = 0
    for page in range(PAGES):
        told = await _page(http, cluster, page)
        read = [decode_or_malformed(Violation, raw) for raw in told]
        bad += sum(isinstance(item, Malformed) for item in read)
        found += (item for item in read if isinstance(item, Violation) and cluster in {"", item.cluster})
        if len(told) < PAGE:
            break
    else:
        return _events(found, f"only the first {PAGE * PAGES} violations were read")
    others = {item.cluster for item in found}
    if not cluster and len(others) > 1:
        why = f"Central tells of {len(others)} clusters: name this one by acs_cluster of the context"
        return [Whole(Violation, frozenset()), Hole(Violation, Gap(Why.PARTIAL, why))]
    return _events(found, f"{bad} violations cannot be read" if bad else "")


def _events(found: list[Violation], note: str) -> list[Event]:
    events: list[Event] = [*(Put(item) for item in found), Whole(Violation, frozenset())]
    return [*events, Hole(Violation, Gap(Why.PARTIAL, note))] if note else events


class _Answer(msgspec.Struct, frozen=True):
    alerts: tuple[msgspec.Raw, ...]


async def _page(http: Http, cluster: str, page: int) -> tuple[msgspec.Raw, ...]:
    terms = ["Violation State:ACTIVE"]
    if _PLAIN.fullmatch(cluster):  # another name could be read as a part of the question: its violations are picked out here
        terms.append(f'Cluster:"{cluster}"')
    query = {
        "query": "+".join(terms),
        "pagination.limit": str(PAGE),
        "pagination.offset": str(page * PAGE),
        "pagination.sortOption.field": "Violation Time",
        "pagination.sortOption.reversed": "true",
    }
    answer = await http.request("GET", "/v1/alerts", query=query, limit_bytes=LIMIT_BYTES)
    try:
        return msgspec.json.decode(answer.body, type=_Answer).alerts
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DataError("ACS Central's answer cannot be read", why=str(error), next="look at its own console") from error


def _authorities(file: str) -> str:
    """The certificates in a file. Raises TrustError."""
    try:
        text = read_limited(Path(file).expanduser(), CA_LIMIT_BYTES).decode("ascii")
        fingerprint(text)
    except (FileError, OSError, ValueError) as error:
        raise TrustError("the authorities of ACS Central cannot be used", where=file, why=str(error)) from None
    return text


async def find(api: KubeApi) -> str:
    """The host of Central's Route; empty where it has none here."""
    for route in _ROUTES:
        with suppress(AbsentError):
            if host := await route(api):
                return host
    return ""


async def ask(http: Http, kind: type[Kind]) -> list[Event]:
    """The violations of a cluster whose name at Central nothing tells. Raises ZtuiError."""
    del kind
    return await violations(http, "")


ACS: Final = Side(NAME, "acs", "Analyst", (Violation,), find, ask, missing=Why.ABSENT)
