"""The runner's promises: no stranger is taken for its process, steps wait in the right order, choices are kept."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.local import check, instance, machine, postgres
from infra.local.processes import Processes, living_in
from infra.local.report import CannotContinueError, Step, run_side_by_side, until

WAITING = [sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()"]


@pytest.fixture
def processes(tmp_path):
    processes = Processes(tmp_path)
    yield processes
    processes.kill("one")


def start(processes, tmp_path, command=WAITING):
    pid = processes.start("one", command, env=dict(os.environ), cwd=tmp_path)
    until(lambda: processes.log("one").stat().st_size > 0, seconds=20, otherwise=lambda: "it did not start")
    return pid


def test_a_process_is_known_until_it_is_stopped(processes, tmp_path):
    pid = start(processes, tmp_path)

    assert processes.pid("one") == pid
    assert living_in(tmp_path) == [pid]
    assert processes.stop("one")
    assert processes.pid("one") is None
    assert not processes.stop("one")


def test_a_killed_process_is_not_taken_for_running(processes, tmp_path):
    os.kill(start(processes, tmp_path), signal.SIGKILL)

    until(lambda: processes.pid("one") is None, seconds=5, otherwise=lambda: "still taken for running")


def test_a_process_whose_first_thread_has_ended_runs_until_the_last_one_does(processes, tmp_path):
    begun = "threading.Thread(target=signal.sigwait, args=[[signal.SIGUSR1]]).start(); print('ready', flush=True)"
    first_ends = f"import ctypes, signal, threading; {begun}; ctypes.CDLL(None).pthread_exit(None)"
    pid = start(processes, tmp_path, [sys.executable, "-c", first_ends])
    state = Path(f"/proc/{pid}/stat")
    until(lambda: " Z " in state.read_text(), seconds=5, otherwise=lambda: "its first thread goes on")

    assert processes.pid("one") == pid
    processes.kill("one")
    assert processes.pid("one") is None


def test_a_stranger_with_the_same_number_is_not_ours_and_is_never_signalled(processes, tmp_path):
    with subprocess.Popen(WAITING, stdout=subprocess.PIPE) as stranger:
        processes.run.mkdir()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        record = {"pid": stranger.pid, "began": 1, "boot": boot, "command": "postgres"}
        (processes.run / "one.json").write_text(json.dumps(record))

        assert processes.pid("one") is None
        assert not processes.stop("one")
        processes.kill("one")
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_ignores_the_request_is_ended_after_the_grace(processes, tmp_path):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    start(processes, tmp_path, [sys.executable, "-c", f"{deaf}; signal.pause()"])

    assert processes.stop("one", grace_seconds=0.3)
    assert living_in(tmp_path) == []


def test_steps_run_side_by_side_and_after_what_they_wait_for():
    order, meeting = [], threading.Barrier(2, timeout=10)
    steps = {
        "last": Step(lambda: order.append("last"), "left", "right"),
        "left": Step(lambda: (meeting.wait(), order.append("left"))[1]),
        "right": Step(lambda: (meeting.wait(), order.append("right"))[1]),
    }

    run_side_by_side(steps)

    assert order[-1] == "last"
    assert set(order) == {"left", "right", "last"}


def test_the_first_failure_is_told_and_what_waits_for_it_does_not_run():
    ran = []

    def fail():
        raise CannotContinueError("no room")

    with pytest.raises(CannotContinueError, match="no room"):
        run_side_by_side({"first": Step(fail), "second": Step(lambda: ran.append(1), "first")})
    assert ran == []


@pytest.fixture
def scratch(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "HOME", tmp_path)
    return instance.Instance("scratch")


def test_ports_and_secrets_are_chosen_once_and_kept(scratch):
    assert instance.Instance("scratch").env() == scratch.env()
    assert instance.Instance("other").env() != scratch.env()
    assert (scratch.folder / "instance.json").stat().st_mode & 0o077 == 0


def test_the_environment_names_everything_for_every_service(scratch):
    env = scratch.env()

    for owner in instance.OWNERS:
        for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "LISTEN", "NATS_URL", "CLIENT_SECRET"):
            assert env[f"HEYI_{owner.upper()}_{name}"]
    assert env["HEYI_ISSUER"].endswith("/realms/heyi")
    assert len(set(scratch.facts["ports"].values())) == len(scratch.facts["ports"])


def test_no_process_learns_an_owner_s_password_or_another_s_secret(scratch):
    seen = scratch._process_env(leave_out=tuple(f"HEYI_{s.upper()}_" for s in instance.SERVICES))

    assert not any("_OWNER_" in name or name.startswith("HEYI_RECONCILER_") for name in seen)
    assert not any(name.startswith("HEYI_IDENTITY_") for name in seen)
    assert seen["HEYI_GATEWAY_CLIENT_SECRET"]


def test_the_reconciler_learns_the_read_only_roles_and_its_own_account_alone(scratch):
    seen = {name for name in scratch._reconciler_env() if name.startswith("HEYI_")}

    assert seen == {
        "HEYI_INSTANCE",
        "HEYI_ISSUER",
        "HEYI_TARGETS",
        "HEYI_RECONCILER_CLIENT_SECRET",
        # whether each file that a row names is there
        "HEYI_DOCUMENTS_STORE",
        *(f"HEYI_{service.upper()}_RO_DATABASE_URL" for service in instance.SERVICES),
    }


def test_a_secret_that_a_later_release_needs_is_added_to_those_that_are_kept(scratch):
    before = scratch.facts["secrets"]
    file = scratch.folder / "instance.json"
    file.write_text(
        json.dumps(
            {
                **scratch.facts,
                "secrets": {k: v for k, v in before.items() if k != "client_reconciler"},
                "ports": {k: v for k, v in scratch.facts["ports"].items() if k != "documents"},
            }
        )
    )

    facts = instance.Instance("scratch").facts
    after = facts["secrets"]
    assert facts["ports"].keys() == scratch.facts["ports"].keys()
    assert len(set(facts["ports"].values())) == len(facts["ports"])

    assert after["client_reconciler"]
    assert {**after, "client_reconciler": ""} == {**before, "client_reconciler": ""}
    assert instance.Instance("scratch").facts["secrets"] == after


def test_an_instance_that_began_empty_has_a_password_of_its_own_and_stays_without_the_demo(scratch):
    own = instance.Instance("own", company="empty")

    assert own.empty
    assert own.first_password not in (
        scratch.first_password,
        instance.Instance("other", company="empty").first_password,
    )
    assert len(own.first_password) >= 12
    assert instance.Instance("own").first_password == own.first_password
    assert "HEYI_EGRESS_ALLOW" not in own.env()
    with pytest.raises(CannotContinueError, match="not mixed into"):
        own.demo()
    assert not scratch.empty
    assert scratch.first_password == instance.DEMO_PASSWORD


@pytest.mark.parametrize(("first", "later"), [("empty", "demo"), ("demo", "empty"), (None, "empty")])
def test_what_an_instance_holds_is_chosen_once(scratch, first, later):
    assert instance.Instance("own", company=first).facts
    with pytest.raises(CannotContinueError, match="make reset"):
        _ = instance.Instance("own", company=later).facts


def test_a_port_taken_before_the_first_start_is_given_up_for_another(scratch):
    with socket.create_server(("127.0.0.1", scratch.facts["ports"]["gateway"])) as stranger:
        scratch._refuse_taken_ports()

        assert scratch.facts["ports"]["gateway"] != stranger.getsockname()[1]


def test_a_port_taken_later_stops_the_start_and_is_named(scratch):
    (scratch.folder / "postgres").mkdir(parents=True)
    scratch.facts["data"] = str(scratch.folder)
    port = scratch.facts["ports"]["keycloak"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotContinueError, match=f"{port} \\(keycloak\\)"):
        scratch._refuse_taken_ports()


def test_a_folder_that_postgres_cannot_pass_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)

    blocking = postgres.blocking_parent(closed / "inner")

    assert blocking in (closed, *closed.parents)
    assert blocking.stat().st_mode & 0o001 == 0


def test_the_last_screen_says_which_tests_failed_and_why(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    suite = tmp_path / "test_sample.py"
    suite.write_text(
        "def test_fine():\n    pass\n\n\n"
        "def test_sum():\n    assert 1 + 1 == 3\n\n\n"
        "def test_without(nothing_of_this_name):\n    pass\n"
    )
    report = f"--junitxml={tmp_path / 'unit.xml'}"
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, report, suite],
                   cwd=tmp_path, capture_output=True)  # fmt: skip

    told = check._why("unit", "e2e")

    assert "test_sum" in told
    assert "assert (1 + 1) == 3" in told
    assert "test_without" in told
    assert "fixture 'nothing_of_this_name' not found" in told
    assert "e2e: ended before it could report" in told
    assert "test_fine" not in told


@pytest.mark.parametrize("lines", [5, check.LAST_LINES + 100])
def test_of_many_failures_the_first_are_told_with_their_end_and_the_others_by_name(tmp_path, monkeypatch, lines):
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    text = "\n".join(f"line {number}" for number in range(lines))
    number = check.TOLD + 3
    cases = "".join(
        f'<testcase file="test_a.py" name="test_{n}"><failure message="m">{text}</failure></testcase>'
        for n in range(number)
    )
    (tmp_path / "unit.xml").write_text(f'<testsuites><testsuite tests="{number}">{cases}</testsuite></testsuites>')

    told = check._why("unit")

    assert [line.split(": ")[1] for line in told.splitlines() if line.startswith("FAILED")] == [
        f"test_{n}" for n in range(number)
    ]
    assert told.count(f"line {lines - 1}\n") == check.TOLD
    assert told.count("\n    line ") == check.TOLD * min(lines, check.LAST_LINES)
