from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import Bench, service_fixtures
from identity.tests.factories import settle_in

globals().update(service_fixtures("identity"))


@pytest.fixture
async def house(service: Bench) -> Any:
    """The service with the test organisation's companies, departments, posts and people in its tables."""
    await settle_in(service)
    return service


@pytest.fixture
async def admin(house: Bench) -> Any:
    return house.as_("admin")
