"""mTLS: a line for each port, and the page of one: who can reach it, how, and whom STRICT would cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from screens.base import VERY_WIDE, WIDE
from screens.lines import LIST_KEYS, ListScreen, Once
from screens.live import Question
from screens.page import PageScreen
from screens.switch import FaultsOnly
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.kinds.base import Ref
from ztui.panes.base import Kept, Line
from ztui.panes.mtls import TITLES, all_ports, mtls_lines, port_line
from ztui.panes.port import port_of, port_page


class MtlsScreen(FaultsOnly, ListScreen):
    """Screen ``m``."""

    TITLE_WORDS = "mTLS"
    COLUMNS = (
        Column(TITLES[0], flex=3, least=18, fixed=True),
        Column(TITLES[1], 5, fixed=True),
        Column(TITLES[2], flex=2, least=14),
        Column(TITLES[3], 10),
        Column(TITLES[4], flex=3, least=14, wide=WIDE),
        Column(TITLES[5], 14, name="seen"),
        Column(TITLES[6], flex=3, least=14, name="plaintext", wide=WIDE),
        Column(TITLES[7], 24, name="by hour", wide=VERY_WIDE),
        Column(TITLES[8], flex=2, least=10, name="callers", wide=WIDE),
    )
    GROUPED_BY = ("namespace", "node")
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "who calls it"),
        ("z", "faults only"),
        ("/", "filter"),
        *LIST_KEYS,
        ("s", "sort"),
        ("y", "YAML"),
        ("x", "export"),
        ("o", "overview"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._once, self._kept_lines = Once(), Kept(port_line)

    def question(self) -> Question:
        """The ports of the cluster, or of the one namespace that is judged."""
        return all_ports, (self.ztui.cell_of, self.ztui.settings.namespace or "")

    def lines(self) -> Sequence[Line]:
        """One line a port."""
        return self._once.of(self._made, self.answer, self.faults_only)

    def _made(self, answer: Any, faults_only: bool) -> Sequence[Line]:
        return mtls_lines(answer, faults_only=faults_only, kept=self._kept_lines)

    def headline(self) -> Sequence[Line]:
        """How many ports accept what."""
        modes = [getattr(item.accepts, "mode", "?") for item in self.answer or ()]
        words = f"{len(modes)} ports: {modes.count('STRICT')} strict, {modes.count('PERMISSIVE')} permissive, "
        words += f"{modes.count('PLAINTEXT') + modes.count('DISABLE')} plaintext"
        return [self.ztui.title_line(f"{words}, {modes.count('?')} not seen" if "?" in modes else words)]

    def empty_words(self) -> str:
        """Nothing listens by its own word."""
        return "no faults here" if self.faults_only else "no workload names a port"

    def on_line_chosen(self, event: LineChosen) -> None:
        """Open the page of the port."""
        row = next((item for item in self.answer or () if item.key == event.key), None)
        if row is not None:
            self.app.push_screen(PortScreen(row.unit, row.port))


class PortScreen(PageScreen):
    """One port, followed live."""

    TITLE_WORDS = "Port"
    GONE = "this port is gone, or no pod of the workload is alive"

    def __init__(self, unit: Ref, port: int) -> None:
        super().__init__(unit)
        self._port = port

    def question(self) -> Question:
        """The port, and who calls it."""
        return port_of, (self.ztui.cell_of, self._ref, self._port)

    def page(self) -> Sequence[Line]:
        """Everything about it."""
        return port_page(self.answer)
