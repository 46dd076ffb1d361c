"""Fixtures of approval's tests: `service`, `as_`, and `office`: an administrator who publishes flows, and documents."""

from typing import Any

import pytest

from approval.tests.factories import Office
from chassis.testing import service_fixtures

globals().update(service_fixtures("approval"))


@pytest.fixture
async def office(service: Any) -> Office:
    return Office(service)
