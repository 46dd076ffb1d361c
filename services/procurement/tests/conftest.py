"""Fixtures of procurement's tests."""

from typing import Any

import pytest

from chassis.testing import service_fixtures
from procurement.tests.factories import Shop

globals().update(service_fixtures("procurement"))


@pytest.fixture
async def shop(service: Any) -> Shop:
    """Items, suppliers and terms to work with."""
    return await Shop(service).stock()
