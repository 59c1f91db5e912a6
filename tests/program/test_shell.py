"""The shell's face: what is printed, and where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.program.terminal import ROOT, environment
from ztui.demo.server import DemoThread

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "everyone-is-admin"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
}


def test_watch_prints_a_line_for_each_verdict_that_changes(tmp_path: Path) -> None:
    with DemoThread(churn=False) as cluster:
        config = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        arguments = [sys.executable, "-m", "ztui", "--kubeconfig", config, "check", "--watch", "-o", "json", "--row", "P1.RBAC"]
        with subprocess.Popen(
            arguments, cwd=ROOT, env=environment(tmp_path), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            try:
                assert "Phase 0 of 4" in running.stderr.readline()
                cluster.objects.put(ROLE)
                change = json.loads(running.stdout.readline())
            finally:
                running.kill()
    assert change["check"].startswith("ZT1-RBAC")
    assert set(change) == {"time", "check", "was", "status", "reason"}


def test_the_schema_of_the_settings_is_printed(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "ztui", "info", "--schema"]
    found = subprocess.run(run, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=True)
    properties = json.loads(found.stdout)["$defs"]["Settings"]["properties"]
    assert {"keymap", "owner_keys", "read_only"} <= set(properties)


def test_questions_about_policy_are_answered_on_the_shell(tmp_path: Path) -> None:
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ztui", *words, "--kubeconfig", config]
        return subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False)

    with DemoThread(churn=False) as cluster:
        config = str(cluster.write_kubeconfig(tmp_path / "kubeconfig"))
        denied = ask("can-reach", "shop/web", "payments/api:8080", "-o", "json")
        unknown = ask("can-reach", "shop/web", "payments/nothing")
        listed = ask("admission", "legacy")
        climbed = ask("ladder", "shop", "-o", "json")
    (port,) = json.loads(denied.stdout)["ports"]
    assert (denied.returncode, port["answer"], port["egress"]["by"]) == (0, "DENIED", "networkpolicy/shop/allow-dns")
    assert unknown.returncode == 2
    assert "nothing that runs in payments is called nothing" in unknown.stderr
    assert listed.returncode == 0
    assert "legacy/legacy-forever" in listed.stdout
    stages = {item["control"]: item["stage"] for item in json.loads(climbed.stdout)["standings"]}
    assert climbed.returncode == 0
    assert (stages["network"], stages["mutual TLS"], stages["admission policies"]) == ("enforced", "enforced", "nothing")


def test_a_blast_radius_and_a_bundle_on_the_shell(tmp_path: Path) -> None:
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ztui", *words]
        return subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False)

    with DemoThread(churn=False) as cluster:
        connected = ("--kubeconfig", str(cluster.write_kubeconfig(tmp_path / "kubeconfig")))
        page = ask("blast", "shop/web", *connected)
        data = ask("blast", "deployment/shop/web", "-o", "json", *connected)
        unknown = ask("blast", "shop/nothing", *connected)
        written = ask("bundle", "shop/web", *connected)
        nothing = ask("bundle", *connected)
    path = written.stdout.splitlines()[0]
    shown = ask("bundle", "--show", path)
    text = ask("bundle", "--show", path, "--page", "blast.txt")
    refused = ask("bundle", "--show", str(tmp_path / "kubeconfig"))
    assert page.stdout.startswith("Blast radius of deployment/shop/web\n")
    assert json.loads(data.stdout)["schema"] == "ztui.blast"
    assert (unknown.returncode, nothing.returncode) == (2, 2)
    assert "nothing in shop is called nothing" in unknown.stderr
    assert written.returncode == 0, written.stderr
    assert path.startswith(str(tmp_path / "state"))
    assert "journal   record 1" in written.stdout
    assert shown.returncode == 0, shown.stderr
    assert "all files are what was captured" in shown.stdout
    assert text.stdout.startswith("Blast radius of deployment/shop/web\n")
    assert (refused.returncode, "no bundle that may be read" in refused.stderr) == (3, True)
