"""A plain HTTPS client for the demo and for the real server alike: what is asked, is asked of both in the same bytes."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Answer(NamedTuple):
    """What a server said; `body` is text where it is no JSON."""

    code: int
    body: Any
    headers: http.client.HTTPMessage


class Client:
    """One user of one server."""

    def __init__(self, url: str, ca_pem: str, token: str) -> None:
        self._address = urlsplit(url)
        self._context = ssl.create_default_context(cadata=ca_pem)
        self._token = token

    def _open(
        self, method: str, path: str, body: object, headers: dict[str, str], timeout: float = 30
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        host, port = self._address.hostname or "", self._address.port
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        login = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        connection.request(method, path, sent, {**login, "Accept": JSON, "Content-Type": JSON, **headers})
        return connection, connection.getresponse()

    def ask(
        self, path: str, method: str = "GET", body: object = None, *, accept: str = JSON, content: str = JSON, **headers: str
    ) -> Answer:
        """One request; further headers by keyword, underscores for dashes."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        connection, response = self._open(method, path, body, {"Accept": accept, "Content-Type": content, **more})
        with contextlib.closing(connection):
            text = response.read()
        plain = response.headers.get_content_type() != JSON
        return Answer(response.status, text.decode() if plain else json.loads(text), response.headers)

    def lines(self, path: str, *, accept: str = JSON) -> Iterator[bytes]:
        """The lines of a watch, as they come; the connection ends with the iterator."""
        connection, response = self._open("GET", path, None, {"Accept": accept})
        with contextlib.closing(connection):
            while line := response.readline():
                yield line.rstrip(b"\n")

    def events(self, path: str, *, accept: str = JSON) -> Iterator[dict[str, Any]]:
        """The decoded events of a watch, as they come."""
        for line in self.lines(path, accept=accept):
            yield json.loads(line)

    def raw(self, path: str, *, timeout: float) -> http.client.HTTPResponse:
        """An answer as it comes, to be closed by the caller; reading waits no longer than the timeout."""
        return self._open("GET", path, None, {"Connection": "close"}, timeout)[1]
