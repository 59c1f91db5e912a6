"""Settings as people write them: B14 and B15."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztui.errors import SettingsError
from ztui.settings import Settings, cache_dir, config_path, duration_s, load_settings, settings_schema, state_dir


def loaded(folder: Path, text: str | bytes, **environ: str) -> Settings:
    path = folder / "settings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings({}, environ, path)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('theme = "file"\nwait_s = 1\nnamespace = "file"\nmax_idle_s = 7\n')
    environ = {"ZTUI_CONFIG": str(path), "ZTUI_WAIT_S": "2s", "ZTUI_NAMESPACE": "env", "ZTUI_OWNER_KEYS": "a, b"}
    found = load_settings({"namespace": "flag", "context": None}, environ)
    assert (found.theme, found.wait_s, found.namespace, found.max_idle_s) == ("file", 2.0, "flag", 7)
    assert (found.owner_keys, found.context, found.problems) == (("a", "b"), None, ())
    assert load_settings({"all_namespaces": True}, environ).namespace is None


def test_read_only_anywhere_cannot_be_lifted(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("read_only = true\n")
    assert load_settings({"read_only": False}, {"ZTUI_READ_ONLY": "0"}, path).read_only
    assert load_settings({"read_only": False}, {"ZTUI_READ_ONLY": "1"}).read_only


def test_contexts_have_their_own_table(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[contexts."prod/eu"]\nlabel = "Europe"\ncolour = "#ff0000"\nprod = true\n')
    assert found.contexts["prod/eu"].prod
    assert found.contexts["prod/eu"].colour == "#ff0000"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nthem = 'x'\n", ":2: unknown key them; did you mean theme?"),
        ("wait_s = true\n", ":1: wait_s: expected a number, got true or false; the default is used"),
        ("max_idle_s = -1\n", ":1: max_idle_s: expected a number >= 0; the default is used"),
        ("owner_keys = 'x'\n", ":1: owner_keys: expected a list, got text; the default is used"),
        ("namespace = '../x'\n", ":1: namespace: a namespace has 1-63 lower-case letters, digits or dashes; the default is used"),
        ("wait_s = 'soon'\n", ":1: wait_s: expected a duration such as 30s or 1m30s; the default is used"),
        ("[contexts.a]\ncolour = 123\n", ":2: contexts.a.colour: expected text or nothing, got a number; the default is used"),
        ("[contexts.a]\n\ncolour = '123'\n", ":3: contexts.a.colour: expected text matching regex"),
        ("[contexts.a]\nlabl = 'x'\n", ":2: contexts.a.labl: unknown key; did you mean label?"),
        ("contexts = 7\n", ":1: contexts: expected tables such as [contexts.NAME]"),
    ],
)
def test_B14_a_wrong_key_has_file_line_and_hint_and_the_rest_holds(tmp_path: Path, text: str, problem: str) -> None:
    found = loaded(tmp_path, f"{text}")
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{tmp_path}/settings.toml{problem}")
    assert msgspec.structs.replace(found, problems=(), contexts={}) == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("read_only = 'no'\n", "read_only: expected true or false, got text; treated as true"),
        ("exec_policy = 'never'\n", "exec_policy: invalid enum value 'never'; treated as deny"),
        ("[contexts.a]\nprod = 'no'\n", "contexts.a.prod: expected true or false, got text; treated as true"),
        ("[contexts.a]\nread_only = 0\n", "contexts.a.read_only: expected true or false, got a number; treated as true"),
    ],
)
def test_B14_a_key_that_guards_something_fails_closed(tmp_path: Path, text: str, problem: str) -> None:
    found = loaded(tmp_path, text)
    assert problem in found.problems[0]
    assert found.read_only or found.exec_policy == "deny" or found.contexts["a"].prod or found.contexts["a"].read_only


@pytest.mark.parametrize(
    "raw", [b"a = [", b"\xff\xfe", b"read_only = no\n", b"a = 1\na = 2\n", b"x" * 2_000_000, b"a=" + b"[" * 5000]
)
def test_B14_a_file_that_is_no_toml_starts_with_defaults_and_no_changes(tmp_path: Path, raw: bytes) -> None:
    found = loaded(tmp_path, raw)
    assert "defaults are used and changes are off" in found.problems[0]
    assert found.read_only


def test_B14_a_fifo_or_folder_does_not_stop_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        assert load_settings({}, {}, path).read_only


def test_B14_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings({}, {"ZTUI_CONFIG": str(tmp_path / "none")})
    assert load_settings({}, {"XDG_CONFIG_HOME": str(tmp_path)}) == Settings()


def test_B14_a_wrong_variable_is_named(tmp_path: Path) -> None:
    found = load_settings({}, {"XDG_CONFIG_HOME": str(tmp_path), "ZTUI_READ_ONLY": "perhaps", "ZTUI_MOUSE": "off"})
    assert found.problems == ("environment: ZTUI_READ_ONLY: expected true or false, got text; treated as true",)
    assert (found.read_only, found.mouse) == (True, False)


@pytest.mark.parametrize("namespace", ["../x", "", "A", "a" * 64, "-a", "a\n", "a b"])
def test_B15_a_namespace_that_cannot_be_is_a_wrong_flag(namespace: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"namespace": namespace}, {"XDG_CONFIG_HOME": "/nonexistent"})
    assert caught.value.exit_code == 2
    assert caught.value.what == "wrong value for --namespace"


def test_B15_a_user_with_a_line_break_is_a_wrong_flag() -> None:
    with pytest.raises(SettingsError, match="wrong value for --as-user"):
        load_settings({"as_user": "ana\r\nX-Evil: 1"}, {"XDG_CONFIG_HOME": "/nonexistent"})


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30", 30), ("1.5", 1.5), ("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200)]
)
def test_durations_are_read_as_kubectl_writes_them(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


def test_folders_come_from_the_environment_that_was_given(tmp_path: Path) -> None:
    environ = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "STATE", "CACHE")}
    assert config_path(environ) == tmp_path / "CONFIG" / "ztui" / "settings.toml"
    assert (state_dir(environ), cache_dir(environ)) == (tmp_path / "STATE" / "ztui", tmp_path / "CACHE" / "ztui")


def test_the_schema_knows_every_key_and_no_problem() -> None:
    schema = settings_schema()["$defs"]["Settings"]
    assert set(schema["properties"]) == set(Settings.__struct_fields__) - {"problems"}
    assert schema["additionalProperties"] is False


@given(
    values=st.dictionaries(st.sampled_from([f"ZTUI_{name.upper()}" for name in Settings.__struct_fields__]), st.text(max_size=20))
)
def test_R13_whatever_the_environment_holds_the_program_starts(values: dict[str, str]) -> None:
    found = load_settings({}, values | {"XDG_CONFIG_HOME": "/nonexistent"}, None) if not values.get("ZTUI_CONFIG") else Settings()
    assert all(line.isprintable() for line in found.problems)
