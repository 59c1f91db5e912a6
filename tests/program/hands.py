"""Somebody at a terminal: presses keys that the screen shows, and nothing else; and what they have around it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.program.terminal import Program, environment
from ztui.demo.server import DemoThread

EARLY_S: Final = 5.0
"""How long a key that may have come too early is waited for before it is pressed again."""
HAND_S: Final = 0.06
"""Between two letters: who is much faster is not typing."""
_BYTES: Final = {"Enter": "\r", "Down": "\x1b[B", "Esc": "\x1b", "Space": " ", "Home": "\x1b[H"}


class Hands:
    """Presses keys that the screen shows, and nothing else."""

    def __init__(self, ztui: Program, pause_s: float = 0.5) -> None:
        """``pause_s`` is how long nothing may have moved before a key: a question stands a moment before an answer counts."""
        self.ztui, self.count, self._pause_s = ztui, 0, pause_s

    def press(self, key: str, about: str = "", *, shown: str | None = None) -> None:
        """Press a key once the screen names it with what it does."""
        wanted = f"{key} {about}" if shown is None else shown
        self.ztui.until(lambda: wanted in "\n".join(self.ztui.screen.display))
        self.ztui.quiet(self._pause_s)
        self._send(_BYTES.get(key, key))

    def words(self, text: str) -> None:
        """Type what a line on the screen takes."""
        for letter in text:
            self._send(letter)
            self.ztui.quiet(HAND_S)

    def answer(self, text: str) -> None:
        """Type what a question takes; one that has not stood for a moment takes nothing yet."""
        self.ztui.insist(text[0], f"{text[0]}▏", EARLY_S)
        self.ztui.quiet(HAND_S)
        self.count += 1
        self.words(text[1:])
        self.ztui.until(f"{text}▏")

    def go_on(self) -> None:
        """Enter behind an answer, or for what is proposed."""
        asked = self.ztui.lines[-2]
        self.ztui.insist("\r", lambda: self.ztui.lines[-2] != asked, EARLY_S)
        self.count += 1

    def consent(self) -> str:
        """Agree: by the key, or by the word that the screen asks for, with a reason where it asks why; what was typed."""
        self.press("a", "apply")
        found = self._asked(r'type "([^"]+)" to apply|press (y) to apply|why \(kept in the journal')
        if found[0].startswith("why"):
            self.answer("as the guide says")
            self.go_on()
            found = self._asked(r'type "([^"]+)" to apply|press (y) to apply')
        word = found[1] or found[2]
        if word == "y":
            self.ztui.insist("y", lambda: "press y to apply" not in self.ztui.text, EARLY_S)
            self.count += 1
            return word
        self.answer(word[0])
        for at, letter in enumerate(word[1:], 2):  # as a person: the next one once this one is there
            self.words(letter)
            if at < len(word):
                self.ztui.until(f"{word[:at]}▏")
        return word

    def _asked(self, what: str) -> re.Match[str]:
        self.ztui.until(lambda: re.search(what, self.ztui.text) is not None)
        self.ztui.quiet(0.6)
        found = re.search(what, self.ztui.text)
        assert found is not None
        return found

    def _send(self, key: str) -> None:
        self.ztui.press(key)
        self.count += 1


def own_settings(folder: Path, demo: DemoThread) -> str:
    """Settings that name what stands beside the demo; the context has a name of its own, so its journal is kept."""
    path = folder / "settings.toml"
    url = demo.telemetry_url
    path.write_text(f'[contexts.demo]\nmetrics_url = "{url}"\nalertmanager_url = "{url}"\nlogs_url = "{url}"\n')
    config = json.loads(demo.kubeconfig())
    config["contexts"][0]["name"] = config["current-context"] = "night"
    (folder / "kubeconfig").write_text(json.dumps(config))
    path.write_text(path.read_text().replace("contexts.demo", "contexts.night"))
    path.chmod(0o600)
    return str(path)


def ran(folder: Path, *arguments: str, status: int = 0) -> str:
    env = environment(folder, ZTUI_CONFIG=str(folder / "settings.toml"), KUBECONFIG=str(folder / "kubeconfig"))
    done = subprocess.run(
        [sys.executable, "-m", "ztui", *arguments], capture_output=True, text=True, check=False, env=env, timeout=120
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout
