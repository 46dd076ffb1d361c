"""A fault fires once, where it was asked for, and never on a real installation."""

import time

import pytest

from chassis import faults, telemetry
from chassis.clock import Clock
from chassis.settings import SettingsMissing, SharedSettings
from chassis.tests.test_settings import SHARED


@pytest.fixture
def folder(tmp_path):
    faults.arm(str(tmp_path))
    yield tmp_path
    faults.arm("")


def test_nothing_happens_at_a_point_that_nobody_armed(folder):
    faults.arm("")
    (folder / "before_commit").write_text("error")
    faults.point("before_commit")
    assert (folder / "before_commit").exists()


def test_an_armed_point_fires_once(folder):
    (folder / "before_commit").write_text("error")
    faults.point("after_commit")
    with pytest.raises(faults.InjectedError, match="before_commit"):
        faults.point("before_commit")
    faults.point("before_commit")


def test_a_point_can_be_armed_for_one_service(folder):
    (folder / "approval.before_commit").write_text("error")
    with telemetry.acting_as("procurement"):
        faults.point("before_commit")
    with telemetry.acting_as("approval"), pytest.raises(faults.InjectedError):
        faults.point("before_commit")


def test_a_stalled_point_goes_on_later(folder):
    (folder / "before_commit").write_text("stall 0.05")
    began = time.monotonic()
    faults.point("before_commit")
    assert time.monotonic() - began >= 0.05


def test_the_clock_steps_and_steps_back(folder):
    (folder / "clock").write_text("3600")
    ahead = Clock().now()
    (folder / "clock").unlink()
    assert 3500 < (ahead - Clock().now()).total_seconds() <= 3600


def test_a_real_installation_cannot_be_armed():
    armed = SHARED | {"HEYI_FAULTS": "faults"}
    assert SharedSettings.read(armed).faults == "faults"
    with pytest.raises(SettingsMissing, match="HEYI_FAULTS"):
        SharedSettings.read(armed | {"HEYI_ISSUER": "https://sso.example.com/realms/heyi"})
