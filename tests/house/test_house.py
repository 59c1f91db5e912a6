"""The house rules that a machine can keep."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.house.pages import PAGES
from tests.worlds import all_kinds
from ztui.checks.base import Status, catalogue
from ztui.checks.rows import ROWS
from ztui.roles import kinds_of, role_documents

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted(path for folder in ("ztui", "screens", "widgets") for path in (ROOT / folder).rglob("*.py"))
POLLS = {"test_credentials.py"}  # waits for a file that another process writes
SINKS = {"update", "notify", "add_row", "add_leaf"}


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_fresh(page: str) -> None:
    path, text = ROOT / "docs" / page, PAGES[page]()
    if os.environ.get("ZTUI_UPDATE_DOCS") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{page} is stale: ZTUI_UPDATE_DOCS=1"


def test_the_core_and_every_check_work_without_the_terminal_frameworks() -> None:
    code = (
        "import sys\n"
        "sys.modules['textual'] = sys.modules['rich'] = None\n"
        "import ztui.core, ztui.cli, ztui.verbs\n"
        "from ztui.checks.base import catalogue\n"
        "assert len(catalogue()) > 20\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_required_check_of_phase_1_and_its_row_are_in_the_catalogue() -> None:
    missing = [item for row in ROWS if row.phase == 1 for item in row.required if item not in catalogue()]
    assert missing == []


@pytest.mark.parametrize("check_id", catalogue())
def test_a_card_is_complete(check_id: str) -> None:
    card = catalogue()[check_id]  # type: ignore[index]
    assert card.part("Why"), check_id
    assert card.part("Rule"), check_id
    assert card.part("Source"), check_id
    assert card.maps or card.gate == "S", check_id
    assert card.absent is not Status.PASS, "what is not served cannot pass"


def test_the_viewer_role_has_no_wildcard_no_write_and_no_secrets() -> None:
    for document in role_documents("viewer", catalogue().values()):
        for rule in document["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert "*" not in rule.get("resources", ())
            assert "secrets" not in rule.get("resources", ())


def test_every_kind_that_is_read_is_in_exactly_one_profile() -> None:
    for kind in kinds_of(catalogue().values()):
        assert kind.PROFILE in "VSOMNFR", kind
        assert kind in all_kinds()


def test_no_raw_text_reaches_a_widget() -> None:
    """``notify`` and friends get a cleaned value; panes make cells through the gate."""
    found = []
    for path in PRODUCT:
        if path.parent.name not in {"screens", "widgets"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SINKS and node.args
            ):
                continue
            first = node.args[0]
            gated = isinstance(first, ast.Call) and isinstance(first.func, ast.Name) and first.func.id in {"clean", "content"}
            if not gated and not (isinstance(first, ast.Dict | ast.GeneratorExp)):
                found.append(f"{path.name}:{node.lineno} {ast.unparse(node)[:60]}")
    assert found == []


def test_no_sleep_in_tests_and_no_unverified_tls_in_the_product() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep"}:
                assert ast.unparse(node) == "asyncio.sleep(0)" or path.name in POLLS, f"{path.name}:{node.lineno}"
    unsafe = [path.name for path in PRODUCT if re.search(r"verify\s*=\s*False|ssl\s*=\s*False", path.read_text())]
    assert unsafe == []


def test_the_demo_names_no_check() -> None:
    ids = set(catalogue())
    for path in (ROOT / "ztui" / "demo").rglob("*"):
        if path.is_file() and path.suffix in {".py", ".yaml", ".txt"}:
            text = path.read_text()
            assert not [item for item in ids if item in text], path.name


def test_every_case_file_is_of_a_check() -> None:
    files = {path.stem for path in (ROOT / "tests" / "cases").glob("*.yaml")}
    assert files == set(catalogue())
    assert all(yaml.safe_load((ROOT / "tests" / "cases" / f"{name}.yaml").read_text()) for name in files)
