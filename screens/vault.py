"""Vault: health, roles and the workloads they let in, policies, secrets by age, leases, authorities; the page of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from screens.lines import MARK_KEYS, ListScreen
from screens.live import Question
from screens.page import PageScreen
from screens.switch import FaultsOnly
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.panes.base import Line, cell
from ztui.panes.health import vault_words
from ztui.panes.vault import TITLES, item_page, vault_lines, vaults
from ztui.words import gap_text


class VaultScreen(FaultsOnly, ListScreen):
    """Screen ``v``."""

    TITLE_WORDS = "Vault"
    COLUMNS = (
        Column(TITLES[0], flex=3, least=28, fixed=True),
        Column(TITLES[1], 9),
        Column(TITLES[2], 8),
        Column(TITLES[3], flex=5, least=16),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "open"),
        ("z", "faults only"),
        ("/", "filter"),
        *MARK_KEYS,
        ("x", "export"),
        ("H", "connection"),
        ("o", "overview"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._folded: frozenset[str] = frozenset()

    def question(self) -> Question:
        """Everything of the connected Vaults."""
        return vaults, (self.ztui.cell_of,)

    def lines(self) -> Sequence[Line]:
        """The sections and what is in them."""
        return vault_lines(self.answer, self._folded, faults_only=self.faults_only)

    def headline(self) -> Sequence[Line]:
        """How each Vault is reached, and why nothing is read where nothing is."""
        links = self.ztui.frame.vaults
        words = "; ".join(f"{link.name}: {vault_words(link)}" for link in links) or "no Vault is connected"
        lines = [self.ztui.title_line(words)]
        if self.answer is not None and self.answer.gap is not None:
            lines.append(Line("gap", (cell(gap_text(self.answer.gap), "unknown"),)))
            if not links:
                how = "set VAULT_ADDR and VAULT_TOKEN, or vault_addr of this context in the settings"
                lines.append(Line("how", (cell(how, "dim"),)))
        return lines

    def empty_words(self) -> str:
        """Nothing was read, or nothing is at fault."""
        return "no faults here" if self.faults_only else "nothing is read of a Vault"

    def on_line_chosen(self, event: LineChosen) -> None:
        """A section opens and closes in place; a thing opens its page."""
        kind, _, name = event.key.partition(":")
        if kind == "section":
            self._folded ^= {name}
            self.draw_all()
        elif kind == "item":
            self.app.push_screen(VaultThingScreen(event.key))


class VaultThingScreen(PageScreen):
    """One role, policy, secret or authority, followed live."""

    TITLE_WORDS = "Vault"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (("Esc", "back"), ("↑↓", "scroll"), ("x", "export"), ("C", "copy"))
    GONE = "this is gone, or cannot be read any more"

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def question(self) -> Question:
        """Everything about the thing."""
        return item_page, (self.ztui.cell_of, self._key)
