"""``ztui journal`` on the shell: from the files alone, which journal, what is printed, and the exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.changes.written import entry, opened, refusal
from tests.program.terminal import ROOT, environment
from ztui.changes.files import JOURNAL
from ztui.changes.journal import journal_folder
from ztui.cli import parser
from ztui.errors import JournalError, SettingsError, ZtuiError
from ztui.journalverb import journal
from ztui.kinds.base import Ref
from ztui.settings import load_settings, state_dir

EVIL = "=cmd()|<script>\x1b[2J\u202e[x](javascript:1)"
REASON = "the disk went bad, ticket 7"


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    found = parser().parse_args(["journal", *words])
    flags = {"context": found.context} if hasattr(found, "context") else {}
    status = journal(found, load_settings(flags, os.environ))
    told = capsys.readouterr()
    return status, told.out, told.err


def kept(cluster: str = "7f3a", context: str = "prod-eu-1", *, evil: str = "") -> Path:
    """A journal with two changes, the first taken back by the second, and an open one."""
    folder = journal_folder(state_dir(os.environ), cluster)
    made = opened(folder)
    common: dict[str, Any] = {"context": context, "cluster": cluster}
    made.append(entry("intent", "c1aa", before={"spec": None}, reason="nobody calls it", **common))
    made.append(entry("verified", "c1aa", outcome=f"proved {evil}".strip(), **common))
    made.append(entry("intent", "c2bb", action="delete", undoes="c1aa", **common))
    made.append(entry("verified", "c2bb", undoes="c1aa", **common))
    ref = Ref("", "ConfigMap", "shop", evil or "settings")
    made.append(entry("intent", "c3cc", ref=ref, after={evil or "a": [evil]}, user="bob", **common))
    made.close()
    return folder


def damage(folder: Path) -> None:
    raw = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(raw.replace(b'"c2bb"', b'"c2xx"', 1))


def test_a_table_has_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    kept()
    status, text, talk = ask(capsys)
    assert (status, talk) == (0, "")
    lines = text.splitlines()
    assert lines[0].split("  ")[0] == "WHEN (UTC)"
    assert [line.split()[2] for line in lines[1:]] == ["c1aa", "c2bb", "c3cc"]
    assert "undone by c2bb" in lines[1]
    assert "apply networkpolicy/shop/default-deny" in lines[1]
    assert "intent, open" in lines[3]
    assert ask(capsys, "show") == (0, text, "")


def test_one_change_is_told_with_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    kept()
    _, text, _ = ask(capsys, "show", "c1")
    assert text.startswith("c1aa: apply networkpolicy/shop/default-deny\nby ana, context prod-eu-1, cluster 7f3a\n")
    assert "reason: nobody calls it" in text
    assert "networkpolicy/shop/default-deny before\n  spec: null\n" in text
    assert text.count("2026-01-05 09:00:00  ") == 2
    for wrong, told in (("c", "3 changes begin with c"), ("nope", "there is no change nope")):
        with pytest.raises(SettingsError, match=told):
            ask(capsys, "show", wrong)


def test_documents_and_sheets_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    kept()
    status, text, _ = ask(capsys, "-o", "json")
    document = json.loads(text)
    assert status == 0
    assert yaml.safe_load(ask(capsys, "show", "-o", "yaml")[1]) == document
    assert (document["schema"], document["version"], document["sound"]) == ("ztui.journal", 1, True)
    first = document["changes"][0]
    assert (first["state"], first["undone_by"], first["reason"]) == ("undone", ["c2bb"], "nobody calls it")
    assert first["parts"][0]["kind"] == "NetworkPolicy"
    assert [item["step"] for item in first["steps"]] == ["intent", "verified"]
    assert [item["id"] for item in json.loads(ask(capsys, "show", "c3", "-o", "json")[1])["changes"]] == ["c3cc"]
    sheet = list(csv.DictReader(io.StringIO(ask(capsys, "-o", "csv")[1])))
    assert [(line["change"], line["state"], line["ended"] == "") for line in sheet] == [
        ("c1aa", "undone", False),
        ("c2bb", "verified", False),
        ("c3cc", "intent", True),
    ]


@pytest.mark.parametrize("words", [(), ("-o", "json"), ("-o", "yaml"), ("-o", "csv"), ("show", "c3"), ("export", "-o", "md")])
def test_no_name_from_a_cluster_is_more_than_a_name(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    kept(evil=EVIL)
    _, text, _ = ask(capsys, *words)
    assert text.replace("\n", "").replace("\r", "").isprintable()
    if words[-1:] == ("md",):
        assert "<script>" not in "\n".join(line for line in text.splitlines() if not line.startswith("    "))
        assert "](javascript" not in "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    if words[-1:] == ("csv",):
        assert not [cell for line in csv.reader(io.StringIO(text)) for cell in line if cell.startswith("=")]


def test_the_lines_are_exported_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(evil=EVIL)
    status, text, _ = ask(capsys, "export")
    assert (status, text.encode()) == (0, (folder / JOURNAL).read_bytes())
    page = ask(capsys, "export", "-o", "md")[1]
    assert page.startswith("# Journal of changes: prod-eu-1, cluster 7f3a\n\n5 records, the last with hash `")
    assert page.count("\n## c") == 3


def test_which_journal_is_said_by_context_or_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    kept()
    kept("9b2c", "lab")
    with pytest.raises(SettingsError, match=r"several clusters .* there are: prod-eu-1 \(7f3a\); lab \(9b2c\); --context or"):
        ask(capsys)
    assert json.loads(ask(capsys, "--context", "lab", "-o", "json")[1])["cluster"] == "9b2c"
    assert json.loads(ask(capsys, "show", "--cluster", "7f", "-o", "json")[1])["cluster"] == "7f3a"
    with pytest.raises(SettingsError, match=r"no journal of context prodd .* there are: prod-eu-1 \(7f3a\); lab"):
        ask(capsys, "--context", "prodd")
    status, text, _ = ask(capsys, "verify")
    assert (status, text.count("sound: ")) == (0, 2)


def test_a_cluster_whose_id_is_no_plain_word_has_a_journal_too(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept("https://api.example:6443", "edge")
    assert folder.name.isalnum()
    assert json.loads(ask(capsys, "-o", "json")[1])["cluster"] == "https://api.example:6443"


@pytest.mark.parametrize("words", [(), ("-o", "json"), ("-o", "csv"), ("verify",), ("export",)])
def test_where_nothing_was_changed_that_is_no_error(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    status, text, talk = ask(capsys, *words)
    assert (status, talk) == (0, "ztui: there is no journal: nothing was changed from here\n")
    assert words[-1:] != ("json",) or json.loads(text)["changes"] == []
    assert not state_dir(os.environ).exists()


def test_damage_is_told_and_what_holds_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    damage(kept())
    status, text, talk = ask(capsys)
    assert status == 3
    assert len(text.splitlines()) == 2
    assert "ztui: line 3: it was changed: its hash does not fit\n" in talk
    status, text, _ = ask(capsys, "verify")
    assert status == 1
    assert text.startswith("damaged: prod-eu-1 (7f3a): 2 records hold, the last with hash ")
    assert "line 3: it was changed: its hash does not fit\n" in text
    assert "ztui journal accept --cluster 7f3a --reason" in text
    assert ask(capsys, "export")[0] == 3
    assert json.loads(ask(capsys, "-o", "json")[1])["sound"] is False


def test_a_half_line_is_told_and_no_damage(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept()
    with (folder / JOURNAL).open("ab") as file:
        file.write(b'{"action')
    before = (folder / JOURNAL).read_bytes()
    status, text, _ = ask(capsys, "verify")
    assert (status, text.splitlines()[1]) == (0, "  line 6: it is unfinished: nothing rests on it")
    assert (folder / JOURNAL).read_bytes() == before


def test_damage_is_accepted_with_a_reason_and_the_user_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept()
    damage(folder)
    with pytest.raises(SettingsError, match="reason is too short"):
        ask(capsys, "accept", "--reason", "because")
    status, text, _ = ask(capsys, "accept", "--reason", REASON)
    assert status == 0
    assert text.startswith("accepted for prod-eu-1 (7f3a): record 3 says: 2 records hold; line 3: it was changed")
    assert ask(capsys, "verify")[0] == 0
    assert [path.name for path in folder.glob("*.damaged")] != []
    _, text, _ = ask(capsys)
    assert REASON in text.splitlines()[-1]
    (note,) = json.loads(ask(capsys, "-o", "json")[1])["notes"]
    assert (note["reason"], note["user"] != "") == (REASON, True)
    with pytest.raises(SettingsError, match="no journal is damaged"):
        ask(capsys, "accept", "--reason", REASON)


def test_nothing_is_accepted_while_another_instance_writes(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept()
    running = opened(folder)
    damage(folder)
    with pytest.raises(JournalError, match="writes to the journal"):
        ask(capsys, "accept", "--reason", REASON)
    assert "read" not in refusal_of(running)
    running.close()


def refusal_of(journal: Any) -> str:
    journal.verify()
    return refusal(journal)


def test_a_journal_that_cannot_be_read_is_no_empty_one(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept()
    (folder / JOURNAL).unlink()
    (folder / JOURNAL).mkdir()
    assert ask(capsys, "verify")[0] == 1
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))
    status, text, _ = ask(capsys, "verify", "--cluster", "7f3a")
    assert (status, "it cannot be read" in text) == (1, True)


def test_the_demo_keeps_no_journal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZtuiError, match="the demo keeps no journal"):
        ask(capsys, "--context", "demo")


def test_the_page_about_the_journal_tells_how_to_check_it_without_ztui(capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(evil=EVIL)
    program = (ROOT / "docs" / "journal.md").read_text().partition("```python\n")[2].partition("```")[0]
    run = [sys.executable, "-I", "-c", program, str(folder)]
    last = json.loads(ask(capsys, "-o", "json")[1])["last_hash"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == f"5 records, the last with hash {last}\n"
    damage(folder)
    assert "AssertionError: line 3" in subprocess.run(run, capture_output=True, text=True, check=False).stderr


def test_it_works_without_a_cluster(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ztui", "journal", *words]
        return subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False)

    folder = journal_folder(tmp_path / "state" / "ztui", "7f3a")
    made = opened(folder)
    made.append(entry("intent"))
    made.append(entry("verified"))
    made.close()
    assert "networkpolicy/shop/default-deny" in run().stdout
    assert run("verify").returncode == 0
    assert run("--context", "nope").returncode == 2
    assert run("accept").returncode == 2
    (folder / "head").unlink()
    assert run("verify").returncode == 1
    assert run("show").returncode == 3
    assert run("accept", "--reason", REASON).returncode == 0
    assert run("verify").returncode == 0
