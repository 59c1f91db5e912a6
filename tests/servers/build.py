"""The real servers of the tests: built once from their Go modules, kept outside the tree.

`python -m tests.servers.build` builds what is missing, but for what takes long and serves few tests: that is built where it is
named (`python -m tests.servers.build loki`). A binary is found by the digest of its sources, so a changed module
is a new binary and an unchanged one is never built twice. Nothing here starts a server.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = "python -m tests.servers.build"


@dataclass(frozen=True)
class Module:
    """A Go module beside this file: its folder's name, what the linker is told, the package that is built, and its tags."""

    name: str
    ldflags: str
    package: str = "."
    tags: str = ""

    @property
    def sources(self) -> Path:
        """The folder of go.mod, go.sum and main.go."""
        return HERE / self.name

    def digest(self) -> str:
        """What the binary is made of, as 16 hex digits."""
        files = (self.sources / name for name in ("go.mod", "go.sum", "main.go"))
        flags = f"{self.ldflags}{self.tags}".encode()
        return hashlib.sha256(b"\0".join([flags, *(file.read_bytes() for file in files)])).hexdigest()[:16]

    def flags(self) -> tuple[str, ...]:
        """What makes it another binary than the same sources would without."""
        return f"-tags={self.tags}", "-ldflags", self.ldflags

    def path(self) -> Path:
        """Where the binary lies once it is built."""
        return cache() / f"{self.name}-{self.digest()}"


_VERSION = "k8s.io/component-base/version"
KUBERNETES = Module(
    name="kubernetes",
    # Without these /version says v0.0.0-master.
    ldflags=f"-s -w -X {_VERSION}.gitVersion=v1.36.3 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36",
)
VAULT = Module(name="vault", ldflags="-s -w")
ALERTMANAGER = Module(name="alertmanager", ldflags="-s -w", package="github.com/prometheus/alertmanager/cmd/alertmanager")
PROMETHEUS = Module(
    name="prometheus",
    ldflags="-s -w",
    package="github.com/prometheus/prometheus/cmd/prometheus",
    tags="remove_all_sd",  # a test names its targets, and the clients of all clouds take minutes to build
)
# One after the other: the compiler of the first two takes more than 4 GB.
MODULES = (KUBERNETES, VAULT, ALERTMANAGER, PROMETHEUS)
LOKI = Module(name="loki", ldflags="-s -w", package="github.com/grafana/loki/v3/cmd/loki")
WHERE_NAMED = (LOKI,)
"""What is built only where it is asked for by name."""


def cache() -> Path:
    """The folder of the built servers: ZTUI_TEST_CACHE, else ztui-tests in the user's cache."""
    if chosen := os.environ.get("ZTUI_TEST_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ztui-tests"


def kubernetes_binary() -> Path | None:
    """The built control plane, if there is one; builds nothing."""
    return found(KUBERNETES)


def vault_binary() -> Path | None:
    """The built Vault command, if there is one; builds nothing."""
    return found(VAULT)


def found(module: Module) -> Path | None:
    """The built server, if there is one."""
    path = module.path()
    return path if os.access(path, os.X_OK) else None


def why_missing(module: Module = KUBERNETES) -> str:
    """The reason for a skip: what is not there and the command that brings it."""
    go = "" if shutil.which("go") else "Go (1.26 or newer) is not on PATH; install it, then "
    command = f"{COMMAND} {module.name}" if module in WHERE_NAMED else COMMAND
    return f"the real {module.name} server is not built: {go}run `{command}` once (10 to 25 minutes, kept in {cache()})"


def build(module: Module) -> Path:
    """Build one server; a half-built one is never seen under its name.

    **Raises**: CalledProcessError where Go refuses.
    """
    target = module.path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{module.name}-") as folder:
        output = Path(folder) / module.name
        subprocess.run(
            ["go", "build", "-trimpath", "-buildvcs=false", *module.flags(), "-o", str(output), module.package],
            cwd=module.sources,
            env=os.environ | {"CGO_ENABLED": "0"},
            check=True,
        )
        output.replace(target)
    return target


def main() -> int:
    """Build what is missing, say what happens; without Go this is no failure, the tests will skip."""
    named = tuple(module for module in WHERE_NAMED if module.name in sys.argv[1:])
    for module in named or MODULES:
        if path := found(module):
            print(f"{module.name}: present at {path}", flush=True)
            continue
        if shutil.which("go") is None:
            print(f"{module.name}: not built, Go is not on PATH; tests that need it will be skipped", flush=True)
            continue
        print(f"{module.name}: building, the first time takes some minutes", flush=True)
        start = time.monotonic()
        try:
            path = build(module)
        except subprocess.CalledProcessError as error:
            print(f"{module.name}: go build ended with {error.returncode}", flush=True)
            return 1
        size = path.stat().st_size // 1_000_000
        print(f"{module.name}: built in {time.monotonic() - start:.0f} s, {size} MB at {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
