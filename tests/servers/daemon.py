"""What the servers with one process have in common: a binary, a folder that goes away with it, a moment from which it answers."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.servers.build import Module, found, why_missing
from tests.servers.processes import Child


class Daemon:
    """One server; everything it writes lies in one temporary folder. A subclass says how it is started, and when it is ready."""

    MODULE: ClassVar[Module]
    READY_S: ClassVar[float] = 60.0

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"ztui-{self.MODULE.name}-"))
        self.url = ""
        self._child: Child | None = None

    @classmethod
    def why_not(cls) -> str:
        """Why none can be started here; empty where one can."""
        return "" if found(cls.MODULE) is not None else why_missing(cls.MODULE)

    def arguments(self) -> list[str]:
        """What its program is told; sets ``url``."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it answers. OSError and ValueError say no, too."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        binary = found(self.MODULE)
        assert binary is not None, self.why_not()
        command = [str(binary), *self.arguments()]
        env = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        self._child = Child(command, self.folder / f"{self.MODULE.name}.log", env)
        try:
            self._child.wait_ready(self._answers, self.READY_S)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._child is not None:
            self._child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path: str, body: object = None, *, method: str | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """Ask a server without TLS; the decoded answer, `None` where it is empty. Anything but success raises OSError."""
        data = json.dumps(body).encode() if body is not None else None
        told = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"{self.url}{path}", data, told, method=method)  # noqa: S310  our own address
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  as above
            text = response.read().strip()
        return json.loads(text) if text else None

    def _answers(self) -> bool:
        try:
            return self.is_ready()
        except (OSError, ValueError):
            return False
