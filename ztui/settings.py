"""Settings: flags, then environment, then one TOML file, then defaults, merged into one frozen value.

A wrong entry never stops the program: its key gets the default, or the safe value where safety depends on it, and a problem names
file, line and the nearest known key. A wrong flag is the user's own line and raises SettingsError (exit 2).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from ztui.errors import SettingsError
from ztui.redact import redact
from ztui.text import clean

SIZE_LIMIT_BYTES: Final = 1024 * 1024
_COLOUR: Final = r"^(#[0-9a-fA-F]{6}|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white)|orange|purple|grey)$"
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_SAFE_VALUES: Final[dict[str, object]] = {"read_only": True, "prod": True, "exec_policy": "deny"}
"""What a key gets when its value is unusable and its default would allow more than the user may have meant."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Policy = Literal["deny", "allow-list", "ask"]


class ContextSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the user says about one kubeconfig context.

    ``acs_token_file`` holds an API token of ACS Central, ``acs_ca_file`` the authorities of its certificate where they are not
    those of the cluster, ``acs_cluster`` is the name that Central has for this cluster.
    """

    label: str | None = None
    colour: Annotated[str, msgspec.Meta(pattern=_COLOUR)] | None = None
    prod: bool = False
    read_only: bool = False
    vault_addr: str | None = None
    metrics_url: str | None = None
    alertmanager_url: str | None = None
    logs_url: str | None = None
    acs_url: str | None = None
    acs_token_file: str | None = None
    acs_ca_file: str | None = None
    acs_cluster: str | None = None


class VaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Vault or OpenBao. It belongs to the named contexts, to all where none is named.

    ``login`` is how to get a token; ``token`` takes it from ``token_file``, else from where the vault command does.
    ``secret_file`` holds what most other logins need: a secret id, a password, a JSON web token. ``oidc`` is a person's login in
    a browser, which comes back to ``callback_port`` of this machine. ``also`` are addresses that it may redirect to, ``budget``
    how many requests one round of reading may take.
    """

    address: str
    contexts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    ca_file: str | None = None
    also: tuple[str, ...] = ()
    login: Literal["token", "kubernetes", "jwt", "approle", "userpass", "oidc"] = "token"
    mount: str = ""
    role: str = ""
    user: str = ""
    token_file: str = ""
    secret_file: str = ""
    callback_port: Annotated[int, msgspec.Meta(ge=1024, le=65_535)] = 8250
    budget: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 2000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the user decided, merged; durations in seconds, ``namespace`` None means all."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout_s: Seconds = 30.0
    read_only: bool = False
    allow_insecure_read: bool = False
    debug: bool = False
    plain: bool = False
    wait_s: Seconds = 60.0
    theme: str = "dark"
    mouse: bool = True
    keymap: dict[str, str] = {}
    owner_keys: tuple[str, ...] = ("owner", "team")
    max_cluster_admins: Annotated[int, msgspec.Meta(ge=0)] = 5
    max_token_age_s: Annotated[int, msgspec.Meta(ge=0)] = 28_800
    max_idle_s: Annotated[int, msgspec.Meta(ge=0)] = 1_800
    secure_boot_labels: tuple[str, ...] = ("feature.node.kubernetes.io/custom-secureboot", "ztui.io/secure-boot")
    strict: bool = False
    platform_namespaces: tuple[str, ...] = ()
    include_addons: bool = False
    contexts: dict[str, ContextSettings] = {}
    vaults: dict[str, VaultSettings] = {}
    prod_patterns: tuple[str, ...] = ()
    attestations: str | None = None
    notify_file: str | None = None
    falco_listen: str | None = None
    respond_pipeline: str | None = None
    exec_policy: Policy = "ask"
    exec_allow: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], path: Path | None = None) -> Settings:
    """Merge flags over environment over file over defaults.

    ``flags`` has field names as keys; None means not given, ``all_namespaces`` true empties ``namespace``. ``read_only`` holds if
    any of the sources says so. Raises SettingsError for a wrong flag, or if a file named by the user cannot be read.
    """
    problems: list[str] = []
    merged: dict[str, object] = {}
    where = path or config_path(environ)
    named = path is not None or "ZTUI_CONFIG" in environ
    merged.update(_from_file(where, problems, must_exist=named))
    merged.update(_keep_read_only(merged, _from_environment(environ, problems)))
    merged.update(_keep_read_only(merged, _from_flags(flags)))
    if flags.get("all_namespaces"):
        merged["namespace"] = None
    return Settings(**merged, problems=tuple(problems))  # type: ignore[arg-type]  # each value was converted to its field's type


def config_path(environ: Mapping[str, str]) -> Path:
    """The settings file: ``ZTUI_CONFIG``, else ``settings.toml`` in the platform's config folder."""
    if named := environ.get("ZTUI_CONFIG"):
        return Path(named).expanduser()
    return _folder("config", "XDG_CONFIG_HOME", environ) / "settings.toml"


def state_dir(environ: Mapping[str, str]) -> Path:
    """The folder of journal, records and approvals; not created here."""
    return _folder("state", "XDG_STATE_HOME", environ)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The folder of what may be deleted at any time; not created here."""
    return _folder("cache", "XDG_CACHE_HOME", environ)


def settings_schema() -> dict[str, Any]:
    """The JSON schema of the settings file."""
    schema = msgspec.json.schema(Settings)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definition = schema["$defs"]["Settings"]
    del definition["properties"]["problems"]
    return schema


def duration_s(text: str) -> float:
    """Read kubectl's durations: ``30``, ``30s``, ``1m30s``, ``500ms``, ``0`` (no limit). Raises ValueError."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError("expected a duration such as 30s or 1m30s")
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text))


def namespace_problem(name: str) -> str | None:
    """Why ``name`` cannot be a namespace (RFC 1123 label), or None."""
    return None if _LABEL.fullmatch(name) else "a namespace has 1-63 lower-case letters, digits or dashes"


def _folder(kind: str, variable: str, environ: Mapping[str, str]) -> Path:
    """The platform's folder, but honouring the environment that was given rather than the process's own."""
    if (base := environ.get(variable, "")).startswith("/"):
        return Path(base) / "ztui"
    from platformdirs import PlatformDirs  # noqa: PLC0415  only needed where the environment does not decide

    found = {"config": PlatformDirs("ztui").user_config_path, "state": PlatformDirs("ztui").user_state_path}.get(
        kind, PlatformDirs("ztui").user_cache_path
    )
    return Path(found)


_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Settings) if field.name != "problems"}
_CONTEXT_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(ContextSettings)}


def _from_flags(flags: Mapping[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, raw in flags.items():
        if raw is None or name == "all_namespaces":
            continue
        if name not in _FIELDS:
            raise SettingsError(f"unknown setting {name}", next=_suggest(name, _FIELDS))
        try:
            values[name] = _convert(name, raw)
        except ValueError as error:
            flag = "--" + name.removesuffix("_s").replace("_", "-")
            raise SettingsError(f"wrong value for {flag}", why=str(error), next="see `ztui --help`") from None
    return values


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, object]:
    """Read ``ZTUI_<FIELD>``; lists are comma-separated, tables are left to the file."""
    values: dict[str, object] = {}
    for variable, text in environ.items():
        name = variable.removeprefix("ZTUI_").lower()
        if not variable.startswith("ZTUI_") or name not in _FIELDS or name in {"contexts", "keymap", "vaults"}:
            continue
        raw: object = text
        if isinstance(_FIELDS[name].default, bool):
            raw = _BOOLEANS.get(text.lower(), text)
        elif isinstance(_FIELDS[name].default, tuple):
            raw = [part.strip() for part in text.split(",") if part.strip()]
        elif isinstance(_FIELDS[name].default, int) and text.isdecimal():
            raw = int(text)
        try:
            values[name] = _convert(name, raw)
        except ValueError as error:
            problems.append(_problem(f"environment: {variable}", error, _fallback(name, values)))
    return values


_BOOLEANS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "": False,
}


def _from_file(path: Path, problems: list[str], *, must_exist: bool) -> dict[str, object]:
    try:
        text = _read(path)
        import tomllib  # noqa: PLC0415  most users have no file, and the first paint waits for this module

        table = tomllib.loads(text)
    except FileNotFoundError:
        if must_exist:
            raise SettingsError("cannot read settings", where=str(path), why="no such file", next="check ZTUI_CONFIG") from None
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problems.append(clean(redact(f"{path}: {reason}; defaults are used and changes are off"), limit=400))
        return {"read_only": True}
    values: dict[str, object] = {}
    for name, raw in table.items():
        at = f"{path}:{_line(text, (), name)}"
        if name not in _FIELDS:
            problems.append(clean(f"{at}: unknown key {name}{_suggest(name, _FIELDS, '; ')}", limit=400))
        elif name == "contexts":
            values[name] = dict(_contexts(raw, path, text, problems))
        else:
            try:
                values[name] = _convert(name, raw)
            except ValueError as error:
                problems.append(_problem(f"{at}: {name}", error, _fallback(name, values)))
    return values


def _contexts(raw: object, path: Path, text: str, problems: list[str]) -> Iterator[tuple[str, ContextSettings]]:
    if not isinstance(raw, dict):
        problems.append(f"{path}:{_line(text, (), 'contexts')}: contexts: expected tables such as [contexts.NAME]")
        return
    for context, table in raw.items():
        if not isinstance(table, dict):
            problems.append(clean(f"{path}: contexts.{context}: expected a table; treated as prod", limit=400))
            yield context, ContextSettings(prod=True)
            continue
        values: dict[str, object] = {}
        for name, value in table.items():
            at = f"{path}:{_line(text, ('contexts', context), name)}: contexts.{context}.{name}"
            if name not in _CONTEXT_FIELDS:
                problems.append(clean(f"{at}: unknown key{_suggest(name, _CONTEXT_FIELDS, '; ')}", limit=400))
                continue
            try:
                values[name] = msgspec.convert(value, _CONTEXT_FIELDS[name].type)
            except msgspec.ValidationError as error:
                problems.append(_problem(at, error, _fallback(name, values)))
        yield context, ContextSettings(**values)  # type: ignore[arg-type]  # each value was converted to its field's type


def _read(path: Path) -> str:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        raw = file.read(SIZE_LIMIT_BYTES + 1)
    if len(raw) > SIZE_LIMIT_BYTES:
        raise OSError(0, "larger than 1 MiB")
    return raw.decode("utf-8-sig")


def _convert(name: str, raw: object) -> object:
    """Turn a raw value into the field's type. Raises ValueError (msgspec's is one) with a sentence."""
    if name.endswith("_s") and isinstance(raw, str):
        raw = duration_s(raw)
    value = msgspec.convert(raw, _FIELDS[name].type)
    if name == "namespace" and isinstance(value, str) and (why := namespace_problem(value)):
        raise ValueError(why)
    if name in {"as_user", "as_groups"}:
        texts = value if isinstance(value, tuple) else (value,)
        if any(not str(text).isprintable() or not str(text) for text in texts):
            raise ValueError("a user or group is one printable line")
    return value


def _keep_read_only(below: Mapping[str, object], above: dict[str, object]) -> dict[str, object]:
    """No source can lift what a lower one asked for: read-only wins over everything."""
    return above | {"read_only": True} if below.get("read_only") else above


def _fallback(name: str, values: dict[str, object]) -> str:
    if name in _SAFE_VALUES:
        values[name] = _SAFE_VALUES[name]
        return f"treated as {str(_SAFE_VALUES[name]).lower()}"
    return "the default is used"


def _problem(at: str, error: Exception, outcome: str) -> str:
    """One line about a wrong value; msgspec's type names become the user's words, its path is ours already."""
    why = re.sub(r" - at `.*", "", str(error))
    for ours, theirs in (
        ("true or false", "`bool`"),
        ("text or nothing", "`str | null`"),
        ("text", "`str`"),
        ("a number", "`int`"),
        ("a number", "`float`"),
        ("a list", "`array`"),
        ("a table", "`object`"),
    ):
        why = why.replace(theirs, ours)
    return clean(redact(f"{at}: {why[:1].lower()}{why[1:]}; {outcome}"), limit=400)


def _suggest(name: str, known: Mapping[str, object], before: str = "") -> str:
    import difflib  # noqa: PLC0415  only a mistake pays for it

    near = difflib.get_close_matches(name, known, n=1)
    return f"{before}did you mean {near[0]}?" if near else ""


def _line(text: str, table: tuple[str, ...], key: str) -> int:
    """The line that sets ``key`` in ``table``, or the table's own; 1 where neither is found (inline tables, odd quoting)."""
    inside: tuple[str, ...] = ()
    best = 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^]]+?)\s*\]", line):
            inside = tuple(part.strip("\"' ") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", header.group(1)))
            if inside in {table, (*table, key)}:
                best = number
            if inside == (*table, key):
                return number
        elif inside == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return number
    return best
