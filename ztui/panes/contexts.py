"""The contexts side by side: the live one with its phase, the others as they were last assessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ztui.frame import Frame
from ztui.panes.base import Line, Tone, cell


class Context(Protocol):
    """One entry of a kubeconfig, in words."""

    @property
    def name(self) -> str:
        """The context's name."""

    @property
    def user(self) -> str:
        """The user entry."""

    @property
    def namespace(self) -> str:
        """Its default namespace."""

    @property
    def server(self) -> str:
        """The server's address."""


def context_lines(
    contexts: Sequence[Context], current: str, frame: Frame, assessed: Mapping[str, str], marked: Collection[str]
) -> list[Line]:
    """A line for each context. ``assessed`` holds what was found when one was assessed here."""
    lines = []
    for item in contexts:
        live = item.name == current
        phase, tone = _phase(frame) if live else (assessed.get(item.name, ""), _plain)
        mark = ("*" if item.name in marked else " ") + ("▸" if live else "")
        lines.append(
            Line(
                f"context:{item.name}",
                (
                    cell(mark, "accent"),
                    cell(item.name, "strong" if live else "plain"),
                    cell(phase, tone),
                    cell(item.user, "dim"),
                    cell(item.namespace, "dim"),
                    cell(item.server, "dim"),
                ),
                words=f"{item.name} {item.user} {item.server}",
                namespace=item.namespace,
            )
        )
    return lines


_plain: Tone = "plain"


def _phase(frame: Frame) -> tuple[str, Tone]:
    if frame.board is None or not frame.settled:
        return "connecting", "unknown"
    return f"live: phase {frame.board.phase}, {frame.board.maturity:.0%}", "pass"
