"""Logins while they live: programs that misbehave, tokens that end, files that change under us."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.sources.small_api import CANARY, SmallApi, kubeconfig, small_api, versions
from ztui.clock import ManualClock
from ztui.errors import LoginError
from ztui.settings import Settings
from ztui.sources.approvals import ApprovalError, approve
from ztui.sources.credentials import Credentials
from ztui.sources.http import Http
from ztui.sources.target import Target, find_target

V1 = "client.authentication.k8s.io/v1"
SERVER = "https://127.0.0.1:6443"


def shim(folder: Path, body: str) -> Path:
    """An executable Python script; ``runs`` beside it grows by one line with each start."""
    path = folder / "login-shim"
    path.write_text(
        f"#!{sys.executable} -IS\nimport json, os, sys, time\n"
        f"with open({str(folder / 'runs')!r}, 'a') as runs: runs.write(str(os.getpid()) + chr(10))\n"
        f"run = len(open({str(folder / 'runs')!r}).readlines())\n"
        "def give(**status):\n"
        f"    print(json.dumps(dict(kind='ExecCredential', apiVersion={V1!r}, status=status)))\n{body}\n"
    )
    path.chmod(0o755)
    return path


def runs(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "runs").read_text().splitlines()] if (folder / "runs").exists() else []


def exec_user(command: str, **parts: Any) -> dict[str, object]:
    return {"exec": {"apiVersion": V1, "command": command, "interactiveMode": "Never", **parts}}


def target_of(folder: Path, user: dict[str, object], *, server: str = SERVER, **settings: Any) -> Target:
    path = kubeconfig(folder / "config", server, user=user)
    return find_target(
        Settings(kubeconfig=str(path), **({"exec_policy": "allow-list", "exec_allow": (str(folder / "login-shim"),)} | settings)),
        {"XDG_STATE_HOME": str(folder / "state")},
    )


def program(folder: Path, body: str, clock: ManualClock, **parts: Any) -> Credentials:
    return Credentials(target_of(folder, exec_user(str(shim(folder, body)), **parts)), clock)


async def failure(credentials: Credentials) -> LoginError:
    with pytest.raises(LoginError) as caught:
        await credentials.headers()
    return caught.value


async def test_a_program_logs_in_and_is_not_asked_again(tmp_path: Path, clock: ManualClock) -> None:
    credentials = program(tmp_path, "give(token='first')", clock)
    assert await credentials.headers() == {"Authorization": "Bearer first"}
    assert await credentials.headers() == {"Authorization": "Bearer first"}
    assert len(runs(tmp_path)) == 1
    assert repr(credentials) == "<hidden>"


async def test_D07_one_run_at_a_time_for_twenty_requests(tmp_path: Path, clock: ManualClock) -> None:
    credentials = program(tmp_path, "give(token='first')", clock)
    await asyncio.gather(*(credentials.headers() for _ in range(20)))
    assert len(runs(tmp_path)) == 1


async def test_D07_stdin_is_closed_and_it_is_told_so(tmp_path: Path, clock: ManualClock) -> None:
    body = "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']['interactive']\n"
    body += "give(token='t%d%s' % (len(sys.stdin.read()), asked))"
    assert await program(tmp_path, body, clock).headers() == {"Authorization": "Bearer t0False"}


async def test_D07_it_is_renewed_sixty_seconds_before_its_end_judged_with_skew(tmp_path: Path, clock: ManualClock) -> None:
    end = (clock.now() + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    later = (clock.now() + timedelta(hours=2)).isoformat()
    credentials = program(tmp_path, f"give(token='t%d' % run, expirationTimestamp={end!r} if run == 1 else {later!r})", clock)
    await credentials.headers()
    await clock.advance(500)
    assert await credentials.headers() == {"Authorization": "Bearer t1"}
    credentials.skew_s = 60
    assert await credentials.headers() == {"Authorization": "Bearer t2"}
    assert credentials.expires_at is not None


async def test_D07_the_cluster_is_told_where_it_is_asked_for(tmp_path: Path, clock: ManualClock) -> None:
    body = "give(token=json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']['cluster']['server'].replace(':', '_'))"
    assert await program(tmp_path, body, clock, provideClusterInfo=True).headers() == {
        "Authorization": "Bearer https_//127.0.0.1_6443"
    }


async def test_D07_its_environment_is_clean_and_has_what_the_kubeconfig_gives(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", CANARY)
    body = f"assert {CANARY!r} not in str(os.environ) + str(sys.argv)\ngive(token=os.environ['WHO'] + sys.argv[1])"
    credentials = program(tmp_path, body, clock, env=[{"name": "WHO", "value": "ana"}], args=["; echo hi"])
    assert (await failure(credentials)).why.startswith("gave a token that holds characters")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('{')", "gave no credential: not JSON"),
        ("print('[]')", "gave no credential: Expected object, got array"),
        ("print('[' * 100000)", "gave no credential"),
        ("pass", "gave no credential: not JSON"),
        ('sys.stdout.buffer.write(b\'{"kind": "\\xff"}\')', "gave no credential"),
        ("give()", "gave neither a token nor a certificate"),
        ("give(token='')", "gave neither a token nor a certificate"),
        ("give(token='a\\r\\nX-Evil: 1')", "gave a token that holds characters that no token has"),
        ("give(token=7)", "gave no credential: Expected str | null, got int"),
        ("give(token='t', expirationTimestamp='2020-01-01T00:00:00Z')", "gave a credential that ended at 2020-01-01 00:00Z"),
        ("give(token='t', expirationTimestamp='soon')", "gave an expiry that is no date"),
        ("give(clientCertificateData='x')", "gave a certificate without its key"),
        (
            "print(json.dumps(dict(apiVersion='client.authentication.k8s.io/v1beta1', status=dict(token='t'))))",
            "answered as client.auth",
        ),
        ("sys.stderr.write('x' * 1048576 + '\\nlast \\x1b[31mword\\n'); sys.exit(3)", "ended with code 3: last \\x1b[31mword"),
        ("sys.stdout.write('x' * 3000000)", "printed more than 1024 KiB"),
        ("os.kill(os.getpid(), 9)", "ended with code -9"),
    ],
)
async def test_F35_a_program_that_fails_is_named_with_its_reason(tmp_path: Path, clock: ManualClock, body: str, why: str) -> None:
    error = await failure(program(tmp_path, body, clock))
    assert error.what == "login program login-shim failed"
    assert error.where == "user u"
    assert error.why.startswith(why)


async def test_F35_what_it_prints_never_becomes_text(tmp_path: Path, clock: ManualClock) -> None:
    body = f"give(token={CANARY!r})\nsys.stderr.write('token={CANARY}\\n')\nsys.exit(1)"
    error = await failure(program(tmp_path, body, clock))
    assert CANARY not in f"{error} {error!r} {error.__context__!r} {error.__cause__!r}"
    assert "ended with code 1" in error.why


@pytest.mark.parametrize(
    ("command", "why"), [("no-such-program-here", "is not installed"), ("./login-shim", "is not an executable file")]
)
async def test_F35_a_program_that_is_not_there(tmp_path: Path, clock: ManualClock, command: str, why: str) -> None:
    (tmp_path / "login-shim").write_text("not executable")
    error = await failure(Credentials(target_of(tmp_path, exec_user(command, installHint="get it from us")), clock))
    assert why in error.why


async def test_F34_a_program_that_hangs_ends_with_its_whole_group_after_thirty_seconds(
    tmp_path: Path, clock: ManualClock
) -> None:
    body = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    with open(sys.argv[1], 'a') as runs: runs.write(str(os.getpid()))
time.sleep(600)"""
    credentials = program(tmp_path, body, clock, args=[str(tmp_path / "child")])
    asking = asyncio.create_task(failure(credentials))
    await until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
    started_s = credentials.waiting_since
    assert started_s == clock.monotonic()
    await clock.advance(29)
    assert alive(runs(tmp_path)[0])
    await clock.advance(1)
    assert (await asking).why == "gave no answer in 30 s"
    assert credentials.waiting_since is None
    pids = (runs(tmp_path)[0], int((tmp_path / "child").read_text()))
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_F34_cancelling_ends_the_program(tmp_path: Path, clock: ManualClock) -> None:
    credentials = program(tmp_path, "time.sleep(600)", clock)
    asking = asyncio.create_task(credentials.headers())
    await until(lambda: bool(runs(tmp_path)))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not alive(runs(tmp_path)[0])


async def test_F34_one_that_wants_the_terminal_does_not_get_it(tmp_path: Path, clock: ManualClock) -> None:
    error = await failure(program(tmp_path, "give(token='t')", clock, interactiveMode="Always"))
    assert "wants the terminal" in error.why
    assert not runs(tmp_path)


async def test_B08_no_program_runs_that_nobody_approved_and_a_change_asks_again(tmp_path: Path, clock: ManualClock) -> None:
    path = str(shim(tmp_path, "give(token='t')"))
    for policy, allow in (("deny", (path,)), ("ask", ()), ("allow-list", ("login-shim",))):
        target = target_of(tmp_path, exec_user(path), exec_policy=policy, exec_allow=allow)
        error = await failure(Credentials(target, clock))
        assert error.what == "login program login-shim may not run"
        assert f"policy {policy}" in error.why
    assert not runs(tmp_path)
    target = target_of(tmp_path, exec_user(path), exec_policy="ask")
    first = await failure(Credentials(target, clock))
    assert isinstance(first, ApprovalError)
    assert (first.card.path, first.card.args, len(first.card.sha256)) == (path, (), 64)
    approve(first.card, target.exec_policy)
    assert await Credentials(target, clock).headers() == {"Authorization": "Bearer t"}
    shim(tmp_path, "give(token='other')")
    second = await failure(Credentials(target, clock))
    assert isinstance(second, ApprovalError)
    assert second.card.key != first.card.key


async def test_B08_a_file_of_approvals_that_others_can_write_approves_nothing(tmp_path: Path, clock: ManualClock) -> None:
    target = target_of(tmp_path, exec_user(str(shim(tmp_path, "give(token='t')"))), exec_policy="ask")
    first = await failure(Credentials(target, clock))
    assert isinstance(first, ApprovalError)
    approve(first.card, target.exec_policy)
    file = tmp_path / "state" / "ztui" / "approved-programs.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o666)
    assert isinstance(await failure(Credentials(target, clock)), ApprovalError)


async def test_F34_in_the_foreground_it_has_the_terminal_and_no_limit(tmp_path: Path, clock: ManualClock) -> None:
    body = "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']['interactive']\ngive(token='t%s' % asked)"
    credentials = program(tmp_path, body, clock, interactiveMode="Always")
    await credentials.log_in_here()
    assert await credentials.headers() == {"Authorization": "Bearer tTrue"}
    assert clock.waiting == 0


async def test_F16_a_failing_program_is_run_once_in_thirty_seconds(tmp_path: Path, clock: ManualClock) -> None:
    credentials = program(tmp_path, "sys.exit(1)", clock)
    for _ in range(10):
        await failure(credentials)
    assert len(runs(tmp_path)) == 1
    await clock.advance(30)
    await failure(credentials)
    assert len(runs(tmp_path)) == 2


@asynccontextmanager
async def http_with(folder: Path, clock: ManualClock, api: SmallApi, user: dict[str, object]) -> AsyncIterator[Http]:
    path = kubeconfig(folder / "config", api.server, ca_pem=api.ca_pem, user=user)
    settings = Settings(kubeconfig=str(path), exec_policy="allow-list", exec_allow=(str(folder / "login-shim"),))
    http = Http(find_target(settings, {}), clock, timeout_s=5)
    try:
        yield http
    finally:
        await http.close()


def only(token: str) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        return await versions(request)

    return handler


async def test_F16_R07_a_401_renews_the_login_once_for_all_requests(tmp_path: Path, clock: ManualClock) -> None:
    user = exec_user(str(shim(tmp_path, "give(token='t%d' % run)")))
    async with small_api(only("t2")) as api, http_with(tmp_path, clock, api, user) as http:
        answers = await asyncio.gather(*(http.request("GET", "/api") for _ in range(8)))
        assert [answer.status for answer in answers] == [200] * 8
        assert len(runs(tmp_path)) == 2


async def test_F16_a_login_that_stays_refused_makes_no_storm(tmp_path: Path, clock: ManualClock) -> None:
    user = exec_user(str(shim(tmp_path, "give(token='t%d' % run)")))
    async with small_api(only("never")) as api, http_with(tmp_path, clock, api, user) as http:
        for _ in range(10):
            with pytest.raises(LoginError, match=r"credentials expired .*run the login program of user u"):
                await http.request("GET", "/api")
        assert len(runs(tmp_path)) == 2
        assert len(api.seen) == 11
        await clock.advance(31)
        with pytest.raises(LoginError):
            await http.request("GET", "/api")
        assert len(runs(tmp_path)) == 3


async def test_D07_a_certificate_from_a_program_makes_a_new_connection(tmp_path: Path, clock: ManualClock) -> None:
    client = trustme.CA()
    for number in (1, 2):
        leaf = client.issue_cert(f"ana-{number}", common_name=f"ana-{number}")
        pair = {
            "clientCertificateData": leaf.cert_chain_pems[0].bytes().decode(),
            "clientKeyData": leaf.private_key_pem.bytes().decode(),
        }
        (tmp_path / f"pair-{number}").write_text(json.dumps(pair))
    body = f"give(**json.load(open({str(tmp_path / 'pair-')!r} + str(run))))"
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client.configure_trust(context)

    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        subject = dict(pair[0] for pair in request.transport.get_extra_info("peercert")["subject"])["commonName"]
        return web.json_response(subject, status=200 if subject == "ana-2" or request.query.get("any") else 401)

    user = exec_user(str(shim(tmp_path, body)))
    async with small_api(who, ca=ca, context=context) as api, http_with(tmp_path, clock, api, user) as http:
        assert (await http.request("GET", "/api", query={"any": "1"})).body == b'"ana-1"'
        assert (await http.request("GET", "/api")).body == b'"ana-2"'
        assert len(runs(tmp_path)) == 2


async def test_F36_a_new_token_file_is_picked_up_in_five_seconds_and_a_bad_one_is_not(tmp_path: Path, clock: ManualClock) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    credentials = Credentials(target_of(tmp_path, {"tokenFile": "token"}), clock)
    assert await credentials.headers() == {"Authorization": "Bearer one"}
    for content, token in (("", "one"), ("two words", "one"), ("two", "two")):
        file.write_text(content)
        await clock.advance(5)
        assert await credentials.headers() == {"Authorization": f"Bearer {token}"}
        assert (credentials.note is None) == (token == "two")
    file.unlink()
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer two"}
    assert "no such file" in str(credentials.note)
    assert credentials.generation == 1


async def test_F36_a_401_looks_at_the_files_at_once(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "token").write_text("old")
    async with small_api(only("new")) as api, http_with(tmp_path, clock, api, {"tokenFile": "token"}) as http:
        with pytest.raises(LoginError, match=r"renew the token in .*/token"):
            await http.request("GET", "/api")
        (tmp_path / "token").write_text("new")
        assert (await http.request("GET", "/api")).status == 200
        assert api.tokens == ["Bearer old", "Bearer old", "Bearer new"]


async def test_F36_a_kubeconfig_with_a_new_token_is_picked_up_and_a_truncated_one_is_not(
    tmp_path: Path, clock: ManualClock
) -> None:
    credentials = Credentials(target_of(tmp_path, {"token": "one"}), clock)
    (tmp_path / "config").write_text("apiVersion: v1\nclusters: [")
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer one"}
    assert credentials.note is not None
    kubeconfig(tmp_path / "config", SERVER, user={"token": "two"})
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer two"}
    assert credentials.note is None


async def test_F37_another_current_context_or_server_changes_nothing(tmp_path: Path, clock: ManualClock) -> None:
    target = target_of(tmp_path, {"token": "one"})
    credentials = Credentials(target, clock)
    path = tmp_path / "config"
    path.write_text(path.read_text().replace("current-context: test", "current-context: other"))
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer one"}
    assert credentials.note is None
    kubeconfig(path, "https://127.0.0.1:7443", user={"token": CANARY})
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer one"}
    assert "another server" in str(credentials.note)


async def test_the_pods_own_account_is_read_again_when_its_token_turns(tmp_path: Path, clock: ManualClock) -> None:
    from ztui.sources.target import load_kubeconfig  # noqa: PLC0415  beside its only use

    account = tmp_path / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    (account / "namespace").write_text("shop")
    (account / "token").write_text("one")
    environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    target = load_kubeconfig(Settings(), environ, account=account).target()
    assert (target.context, target.server, target.namespace) == ("in-cluster", "https://[fd00::1]", "shop")
    credentials = Credentials(target, clock)
    (account / "token").write_text("two")
    await clock.advance(5)
    assert await credentials.headers() == {"Authorization": "Bearer two"}


@pytest.mark.parametrize(
    ("user", "advice"), [({"token": "sha256~" + "a" * 40}, f"run oc login {SERVER}"), ({}, "log in: this context has no login")]
)
async def test_the_advice_fits_the_login(tmp_path: Path, clock: ManualClock, user: dict[str, object], advice: str) -> None:
    credentials = Credentials(target_of(tmp_path, user), clock)
    assert credentials.advice() == advice


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop and other processes run until it holds; the deadline is only for a broken test."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  it waits for another process, which cannot set an Event
            await asyncio.sleep(0.01)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
