"""Kubeconfigs as nobody should write them: each is refused with its reason and the path of the wrong node."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.small_api import CANARY
from ztui.errors import ConnectError, LoginError, SettingsError, TrustError, ZtuiError
from ztui.settings import Settings
from ztui.sources.target import Target, checked_server, find_target, load_kubeconfig
from ztui.sources.yamlfile import FileError, parse_yaml

SERVER = "https://cluster.example:6443"


def document(**changes: Any) -> dict[str, Any]:
    """A good kubeconfig; ``cluster``, ``user`` and ``context`` change a body, any other key the root."""
    bodies = {
        "cluster": {"server": SERVER, **changes.pop("cluster", {})},
        "user": changes.pop("user", {"token": CANARY}),
        "context": {"cluster": "c", "user": "u", **changes.pop("context", {})},
    }
    names = {"cluster": "c", "user": "u", "context": "x"}
    root: dict[str, Any] = {f"{kind}s": [{"name": names[kind], kind: body}] for kind, body in bodies.items()}
    return {"apiVersion": "v1", "kind": "Config", "current-context": "x", **root, **changes}


def write(path: Path, content: object) -> Path:
    raw = (
        content
        if isinstance(content, bytes)
        else content.encode()
        if isinstance(content, str)
        else yaml.safe_dump(content).encode()
    )
    path.touch(mode=0o600)
    path.write_bytes(raw)
    return path


def target_of(path: Path, **changes: Any) -> Target:
    return find_target(Settings(kubeconfig=str(path), **changes), {})


def refusal(folder: Path, content: object, kind: type[ZtuiError] = SettingsError, **changes: Any) -> ZtuiError:
    """What that content raises; the token in it is in no message."""
    with pytest.raises(kind) as caught:
        target_of(write(folder / "config", content), **changes)
    assert CANARY not in f"{caught.value!s} {caught.value!r}"
    assert len(str(caught.value)) < 1500
    return caught.value


def test_a_good_one_gives_a_target(tmp_path: Path) -> None:
    ca = trustme.CA()
    data = base64.b64encode(ca.cert_pem.bytes()).decode()
    target = target_of(
        write(tmp_path / "config", document(cluster={"certificate-authority-data": data}, context={"namespace": "shop"}))
    )
    assert (target.context, target.server, target.namespace, target.user_name) == ("x", SERVER, "shop", "u")
    assert len(target.ca_fingerprint) == 16
    assert (target.login.kind, target.warnings) == ("token", ())
    assert CANARY not in repr(target)
    with pytest.raises(TypeError, match="not serialised"):
        __import__("pickle").dumps(target.login)


def test_B01_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        target_of(tmp_path / "none")
    assert f"{caught.value.what}: {caught.value.why}" == f"cannot read kubeconfig {tmp_path}/none: no such file"


def test_B01_a_folder_a_fifo_and_a_huge_file_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(100_000_000)
    started_s = time.monotonic()
    for path, why in (
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "fifo", "is a FIFO, not a file"),
        (tmp_path / "link", "is a device or socket, not a file"),
        (tmp_path / "huge", "larger than 4096 KiB"),
        (tmp_path / "huge" / "x", "Not a directory"),
    ):
        with pytest.raises(SettingsError) as caught:
            target_of(path)
        assert caught.value.what == f"cannot read kubeconfig {path}"
        assert caught.value.why == why
    assert time.monotonic() - started_s < 1


def test_B01_an_unreadable_file_gets_the_chmod_line(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document())
    path.chmod(0)
    with nobody(), pytest.raises(SettingsError, match="permission denied; chmod u\\+r"):
        target_of(path)


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Root reads everything: step down while the block runs."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_B01_no_kubeconfig_anywhere_names_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="no cluster to connect to") as caught:
        find_target(Settings(), {"HOME": str(tmp_path)})
    assert caught.value.where == f"{tmp_path}/.kube/config"


@pytest.mark.parametrize(
    ("content", "found"), [("", "nothing"), ("null", "nothing"), ("[]", "list"), ("hello", "text"), ("7", "number")]
)
def test_B02_a_root_that_is_no_mapping(tmp_path: Path, content: str, found: str) -> None:
    error = refusal(tmp_path, content)
    assert f"{error.what}: {error.why}" == f"not a kubeconfig: expected a mapping, found {found}"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: 1\nb: \x00", "line 2, column 4: control character U+0000"),
        (b"a: 1\n\tb: 2\n", "line 2, column 1"),
        ("a: 1\nb: caf\xe9\n".encode("latin-1"), "line 2, column 7: not UTF-8 (byte 0xe9)"),
        (b"a: \x1b[2J", "line 1, column 4: control character U+001B"),
        (b"a: [1, 2\n", "line 2, column 1"),
        (b"a: 1\n---\nb: 2\n", "line 2, column 1: a second document begins here"),
    ],
)
def test_B03_bytes_that_are_no_yaml_have_line_and_column(tmp_path: Path, content: bytes, why: str) -> None:
    error = refusal(tmp_path, content)
    assert error.what == "not a kubeconfig"
    assert error.why.startswith(why)


def test_B03_mark_and_line_ends_of_other_systems_are_fine(tmp_path: Path) -> None:
    text = yaml.safe_dump(document())
    for raw in (b"\xef\xbb\xbf" + text.encode(), text.replace("\n", "\r\n").encode(), text.encode("utf-16")):
        assert target_of(write(tmp_path / "config", raw)).server == SERVER


@pytest.mark.parametrize(
    ("changes", "what", "next_step"),
    [
        ({"current-context": None}, "no current-context", "choose one with --context: x"),
        ({"current-context": "y"}, 'no context named "y"', "known: x"),
        ({"context": {"cluster": "d"}}, 'no cluster named "d"', "known: c"),
        ({"context": {"user": "v"}}, 'no user named "v"', "known: u"),
        ({"context": {"cluster": None}}, "wrong kubeconfig entry contexts[0].context.cluster", "known clusters: c"),
    ],
)
def test_B04_a_missing_part_is_named_and_the_list_offered(
    tmp_path: Path, changes: dict[str, Any], what: str, next_step: str
) -> None:
    error = refusal(tmp_path, document(**changes))
    assert (error.what, error.next) == (what, next_step)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"users": "u"}, "users"),
        ({"users": {}}, "users"),
        ({"clusters": [None]}, "clusters[0]"),
        ({"users": [{"name": "a", "user": {}}, {"name": "b", "user": {}}, {"user": {}}]}, "users[2].name"),
        ({"contexts": [{"name": 7}]}, "contexts[0].name"),
        ({"user": None}, "users[0].user"),
        ({"user": {"token": 12345}}, "users[0].user.token"),
        ({"user": {"exec": []}}, "users[0].user.exec"),
        ({"cluster": {"insecure-skip-tls-verify": "no"}}, "clusters[0].cluster.insecure-skip-tls-verify"),
        ({"context": {"namespace": []}}, "contexts[0].context.namespace"),
        ({"current-context": 5}, "current-context"),
    ],
)
def test_B05_a_node_of_the_wrong_type_is_named_by_its_path(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    assert refusal(tmp_path, document(**changes)).what == f"wrong kubeconfig entry {what}"


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (None, "is missing"),
        ("", "is missing"),
        (6443, "is not an address in text"),
        ("cluster.example", "needs to begin with https://"),
        ("http://cluster.example", "is plain http, which is for loopback only"),
        ("http://127.0.0.1.evil.example", "is plain http, which is for loopback only"),
        (f"https://ana:{CANARY}@cluster.example", "carries a user or password"),
        ("https://cluster.example ", "holds blanks or control characters"),
        ("https://a\r\nb", "holds blanks or control characters"),
        ("https://[::1", "is not an address"),
        ("https://[fe80::1%25eth0]", "is more than scheme, host, port and path"),
        ("https://cluster.example:99999", "is not an address"),
        ("https://cluster.example:0", "has port 0"),
        ("https://cluster.example/?a=b", "is more than scheme, host, port and path"),
        ("https://", "names no host"),
        ("file:///etc/passwd", "needs to begin with https://"),
    ],
)
def test_B06_a_server_that_is_none_is_refused(tmp_path: Path, server: object, why: str) -> None:
    error = refusal(tmp_path, document(cluster={"server": server}))
    assert error.what == "wrong kubeconfig entry clusters[0].cluster.server"
    assert error.why.startswith(why)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("https://Cluster.Example:443/", "https://cluster.example"),
        ("https://[2001:DB8:0::1]:6443", "https://[2001:db8::1]:6443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://rancher.example/k8s/clusters/c-1/", "https://rancher.example/k8s/clusters/c-1"),
    ],
)
def test_B06_a_good_server_is_normalised(raw: str, normal: str) -> None:
    assert checked_server(raw) == normal


@pytest.mark.parametrize(
    ("part", "key", "value", "why"),
    [
        ("cluster", "certificate-authority-data", "%%%", "is not base64"),
        ("cluster", "certificate-authority-data", "", "is empty"),
        ("cluster", "certificate-authority-data", 5, "expected base64, found number"),
        ("cluster", "certificate-authority-data", "aGVsbG8=", "is not PEM (CERTIFICATE)"),
        ("cluster", "certificate-authority", "", "is empty"),
        ("cluster", "certificate-authority", "none.pem", "cannot read"),
        ("user", "client-key-data", "aGVsbG8=", "is not PEM (PRIVATE KEY)"),
    ],
)
def test_B07_authority_and_key_data_never_fall_back(tmp_path: Path, part: str, key: str, value: object, why: str) -> None:
    error = refusal(tmp_path, document(**{part: {key: value}}))
    assert error.what == f"wrong kubeconfig entry {part}s[0].{part}.{key}"
    assert error.why.startswith(why)


def test_B07_pem_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    data = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode()
    assert refusal(tmp_path, document(cluster={"certificate-authority-data": data})).why == "holds no usable certificate"


def test_B07_half_a_pair_is_refused(tmp_path: Path) -> None:
    data = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    error = refusal(tmp_path, document(user={"client-certificate-data": data}))
    assert error.what == "wrong kubeconfig entry users[0].user.client-key"


@pytest.mark.parametrize(
    ("plugin", "what", "why"),
    [
        ({"command": None}, "users[0].user.exec.command", "is missing in the login program of user u"),
        ({"args": "one"}, "users[0].user.exec.args", "expected a list, found text"),
        ({"args": [None]}, "users[0].user.exec.args[0]", "expected text, found nothing"),
        ({"env": {}}, "users[0].user.exec.env", "expected a list, found mapping"),
        ({"env": [{"value": "x"}]}, "users[0].user.exec.env[0].name", "is missing or holds ="),
        (
            {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
            "users[0].user.exec.apiVersion",
            "client.authentication.k8s.io/v1alpha1 of user u",
        ),
        ({"interactiveMode": "Sometimes"}, "users[0].user.exec.interactiveMode", "Sometimes of user u"),
    ],
)
def test_B08_a_malformed_login_program_names_the_user_entry(tmp_path: Path, plugin: dict[str, Any], what: str, why: str) -> None:
    good = {"command": "aws", "apiVersion": "client.authentication.k8s.io/v1"}
    error = refusal(tmp_path, document(user={"exec": good | plugin}))
    assert error.what == f"wrong kubeconfig entry {what}"
    assert error.why.startswith(why)


def test_B08_null_args_are_none_and_a_relative_path_starts_at_the_kubeconfig(tmp_path: Path) -> None:
    plugin = {"command": "bin/login", "args": None, "env": None, "apiVersion": "client.authentication.k8s.io/v1beta1"}
    program = target_of(write(tmp_path / "config", document(user={"exec": plugin}))).login.program
    assert program is not None
    assert (program.command, program.args, program.environment) == (f"{tmp_path}/bin/login", (), ())


@pytest.mark.parametrize(
    ("name", "instead"), [("gcp", "gke-gcloud-auth-plugin"), ("azure", "kubelogin"), ("other", "a login program (exec)")]
)
def test_B09_a_removed_provider_says_what_replaces_it(tmp_path: Path, name: str, instead: str) -> None:
    error = refusal(tmp_path, document(user={"auth-provider": {"name": name}}), LoginError)
    assert error.where == "users[0].user (u)"
    assert error.next.startswith(f"use {instead} instead")


def test_B09_a_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    assert "removed in 1.19" in refusal(tmp_path, document(user={"username": "ana", "password": CANARY}), LoginError).why


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "more than 200000 nodes"),
        ("a: &a x\nb: [" + "*a, " * 101 + "x]", "more than 100 aliases"),
        ("[" * 5000 + "]" * 5000, "nested deeper than 64 levels"),
        ("a:\n" + "".join(f"{'  ' * depth}b:\n" for depth in range(1, 900)), "nested deeper than 64 levels"),
        ("a: &a [*a]", "alias to an unknown or unfinished anchor"),
        ("a: !!python/object/apply:os.system [id]", "custom tags are not allowed"),
        ("a: !evil x", "custom tags are not allowed"),
        ("[" + "x," * 250_000 + "]", "more than 200000 nodes"),
        ("? [a]\n: b", "a list cannot be a key"),
    ],
    ids=["bomb", "aliases", "flow", "block", "self", "python", "tag", "wide", "key"],
)
def test_B10_a_bomb_is_refused_fast_and_briefly(tmp_path: Path, content: str, why: str) -> None:
    path = write(tmp_path / "config", content)
    started_s = time.monotonic()
    with pytest.raises(SettingsError) as caught:
        target_of(path)
    assert time.monotonic() - started_s < 5  # 0.5 s is the promise; a shared machine gets more before the test fails
    assert why in caught.value.why
    assert len(caught.value.why) <= 300


def test_B11_the_first_of_equal_names_wins_and_is_said(tmp_path: Path) -> None:
    first = write(tmp_path / "one", document())
    second = write(tmp_path / "two", document(cluster={"server": "https://evil.example"}, **{"current-context": "other"}))
    files = f"{tmp_path}/missing{os.pathsep}{first}{os.pathsep}{second}"
    kubeconfig = load_kubeconfig(Settings(), {"KUBECONFIG": files})
    target = kubeconfig.target()
    assert (target.context, target.server) == ("x", SERVER)
    assert [warning for warning in target.warnings if 'clusters[0]: "c" is there already' in warning]
    assert kubeconfig.paths == (tmp_path / "missing", first, second)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_B11_kubectl_merges_the_same_way(tmp_path: Path) -> None:
    first = write(tmp_path / "one", document(**{"current-context": None}))
    second = write(tmp_path / "two", document(cluster={"server": "https://two.example"}, **{"current-context": "x"}))
    third = write(tmp_path / "three", document(**{"current-context": "other"}))
    environ = {"KUBECONFIG": os.pathsep.join(map(str, (tmp_path / "none", first, second, third))), "HOME": str(tmp_path)}
    command = ["kubectl", "config", "view", "--minify", "-o", "json"]
    theirs = json.loads(subprocess.run(command, env=os.environ | environ, capture_output=True, check=True, timeout=60).stdout)
    ours = find_target(Settings(), environ)
    assert (ours.context, ours.server) == (theirs["current-context"], theirs["clusters"][0]["cluster"]["server"])


def test_B11_the_first_of_equal_keys_wins_and_is_said(tmp_path: Path) -> None:
    text = yaml.safe_dump(document()).replace(f"server: {SERVER}", f"server: {SERVER}\n    server: https://evil.example")
    target = target_of(write(tmp_path / "config", text))
    assert target.server == SERVER
    assert 'duplicate key "server", the first one wins' in target.warnings[0]


def test_B12_a_file_that_others_can_read_gets_the_chmod_line(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document())
    path.chmod(0o644)
    assert target_of(path).warnings == (f"{path} can be read by others: chmod 600 {path}",)


def test_B12_two_thousand_contexts_are_listed_fast(tmp_path: Path) -> None:
    names = [f"x{number}" for number in range(2000)]
    path = write(
        tmp_path / "config",
        document(
            contexts=[{"name": name, "context": {"cluster": name, "user": name}} for name in names],
            clusters=[{"name": name, "cluster": {"server": SERVER}} for name in names],
            users=[{"name": name, "user": {"token": "t"}} for name in names],
        ),
    )
    started_s = time.monotonic()
    kubeconfig = load_kubeconfig(Settings(kubeconfig=str(path)), {})
    assert [info.name for info in kubeconfig.contexts()] == names
    assert kubeconfig.contexts()[7].server == SERVER
    assert time.monotonic() - started_s < 5
    assert kubeconfig.target("x1999").login.kind == "token"


def test_B13_switched_off_verification_is_refused_until_reading_is_allowed(tmp_path: Path) -> None:
    content = document(cluster={"insecure-skip-tls-verify": True})
    error = refusal(tmp_path, content, TrustError)
    assert "--allow-insecure-read" in error.next
    target = target_of(tmp_path / "config", allow_insecure_read=True)
    assert target.insecure
    assert "TLS verification is off for this context: reading only" in target.warnings


def test_B15_an_unknown_context_is_one_line_with_the_choices(tmp_path: Path) -> None:
    error = refusal(tmp_path, document(), context="prod\x1b[2J")
    assert (error.exit_code, error.what) == (2, 'no context named "prod\\x1b[2J"')
    assert "\n" not in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)
KEYS = (
    "clusters",
    "users",
    "contexts",
    "current-context",
    "cluster",
    "user",
    "context",
    "name",
    "server",
    "exec",
    "env",
    "token",
    "args",
)
HOSTILE = st.recursive(
    JSON, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | st.lists(inner, max_size=3), max_size=4), max_leaves=30
)


@given(node=HOSTILE)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_R13_whatever_the_shape_the_answer_is_a_target_or_an_error_of_ours(tmp_path: Path, node: object) -> None:
    root = document(**node) if isinstance(node, dict) and not {"cluster", "user", "context"} & set(node) else node
    try:
        kubeconfig = load_kubeconfig(Settings(kubeconfig=str(write(tmp_path / "config", root))), {})
        kubeconfig.contexts()
        kubeconfig.target()
    except ZtuiError:
        pass


@given(raw=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_R13_whatever_the_bytes_they_parse_or_are_refused(raw: bytes) -> None:
    try:
        parse_yaml(raw)
    except FileError as error:
        assert len(str(error)) <= 300
