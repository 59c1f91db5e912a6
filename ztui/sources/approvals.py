"""Which login programs may run: what a person is shown, what the policy says, and what was approved before.

An approval is for one path, its arguments, the variables that the kubeconfig adds and the hash of its file: a change asks again.
Kept in the state folder, 0600.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from ztui.errors import LoginError, SettingsError
from ztui.redact import redact
from ztui.sources.login import Program
from ztui.sources.target import ExecPolicy
from ztui.sources.yamlfile import FileError, read_limited

_KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class ProgramCard:
    """What a person is shown before a login program runs for the first time: path, arguments, SHA-256 of the file.

    ``variables`` are the names that the kubeconfig adds to its environment; ``added_sha256`` stands for their values: they may be
    secrets, and they change what a program does as much as its arguments do.
    """

    user: str
    path: str
    args: tuple[str, ...]
    sha256: str
    variables: tuple[str, ...] = ()
    added_sha256: str = ""

    @property
    def key(self) -> str:
        """Identity of this approval: another path, argument, variable or file makes another one."""
        parts = [self.path, self.args, self.sha256, self.added_sha256]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ApprovalError(LoginError):
    """A login program that nobody approved yet; ``card`` is what to show, ``approve`` remembers a yes.

    ``may_ask`` says whether a person's yes is enough under this policy.
    """

    def __init__(self, card: ProgramCard, policy: ExecPolicy) -> None:
        self.card = card
        self.policy = policy
        self.may_ask = policy.mode == "ask"
        step = "approve it in the console (`a`), or at a terminal, or set" if self.may_ask else "set"
        super().__init__(
            f"login program {Path(card.path).name} may not run",
            where=f"user {card.user}",
            why=f"policy {policy.mode}: {card.path} (sha256 {card.sha256[:12]}) is not approved",
            next=f'{step} exec_policy = "allow-list" and exec_allow = ["{card.path}"]',
        )


def card_of(program: Program) -> ProgramCard:
    """Find the program and hash its file. Raises LoginError where it is missing or cannot run."""
    path = program.command if "/" in program.command else _which(program.command)
    if path is None or not Path(path).exists():
        raise program_failure(program, "is not installed", next=program.install_hint or f"install {program.command}")
    real = Path(path)
    if not real.is_file() or not os.access(real, os.X_OK):
        raise program_failure(program, f"cannot be run: {real} is not an executable file", next=f"chmod u+x {real}")
    digest = hashlib.sha256()
    with real.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    pairs = [(name, value.reveal()) for name, value in program.environment]
    added = hashlib.sha256(json.dumps(pairs).encode()).hexdigest() if pairs else ""
    return ProgramCard(program.user, str(real), program.args, digest.hexdigest(), tuple(name for name, _ in pairs), added)


def card_words(card: ProgramCard) -> list[tuple[str, str]]:
    """What a person is shown before the first run, as ``(name, text)``; arguments that look like secrets are hidden."""
    return [
        ("user", card.user),
        ("program", card.path),
        *(("argument", redact(item)) for item in card.args),
        *(("variable", name) for name in card.variables),
        ("sha256", card.sha256),
    ]


def require_approval(card: ProgramCard, policy: ExecPolicy) -> None:
    """Raise ApprovalError unless the policy, or an earlier yes, lets this program run."""
    if policy.mode == "allow-list":
        is_approved = any((entry if "/" in entry else _which(entry)) == card.path for entry in policy.allow)
    else:
        is_approved = policy.mode == "ask" and policy.approvals is not None and card.key in _approved(Path(policy.approvals))
    if not is_approved:
        raise ApprovalError(card, policy)


def approve(card: ProgramCard, policy: ExecPolicy) -> None:
    """Remember a person's yes. Raises SettingsError where the state folder cannot be written."""
    if policy.approvals is None:
        raise SettingsError("the approval cannot be kept", why="there is no state folder", next="use exec_allow in the settings")
    path = Path(policy.approvals)
    keys = [*(key for key in _approved(path) if key != card.key), card.key][-_KEPT:]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".approvals-")  # 0600, O_EXCL and O_NOFOLLOW by itself
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(keys))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SettingsError(
            "the approval cannot be kept", where=str(path), why=error.strerror or "", next="make the folder writable"
        ) from error


def _approved(path: Path) -> list[str]:
    """The keys approved before; a file that is damaged, or that others may write, approves nothing."""
    try:
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return []
        return msgspec.json.decode(read_limited(path), type=list[str])
    except (OSError, FileError, msgspec.DecodeError, UnicodeDecodeError):
        return []


def _which(name: str) -> str | None:
    """Look a name up in PATH, absolute folders only (as Go's ErrDot)."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    return shutil.which(name, path=os.pathsep.join(folders)) if folders else None


def program_failure(program: Program, why: str, *, next: str = "") -> LoginError:  # noqa: A002  the user's word
    """The error of one login program: its name, its user entry, and what went wrong."""
    name = Path(program.command).name
    return LoginError(
        f"login program {name} failed",
        where=f"user {program.user}",
        why=why,
        next=next or f"try it by hand: {name}, then press r",
    )
