from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from keycloak import KeycloakAdmin

from chassis.testing import Bench, service_fixtures
from identity.employee.model import Account
from identity.keycloak import Realm
from identity.keycloak_step import KeycloakStep
from identity.tests import factories as make
from identity.tests.factories import PASSWORD, settle_in
from identity.tests.keycloak_bench import KeycloakBench

globals().update(service_fixtures("identity"))


@pytest.fixture
async def house(service: Bench) -> Any:
    """The service with the test organisation's companies, departments, posts and people in its tables."""
    await settle_in(service)
    return service


@pytest.fixture
async def admin(house: Bench) -> Any:
    return house.as_("admin")


# several workers share the server: each makes and removes accounts of its own
OURS = f"t-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-"


@pytest.fixture(scope="session")
def keycloak() -> KeycloakBench:
    return KeycloakBench.find()


@pytest.fixture
async def realm(keycloak: KeycloakBench) -> AsyncIterator[Realm]:
    made = keycloak.realm()
    yield made
    await made.close()


@pytest.fixture
async def accounts(keycloak: KeycloakBench) -> AsyncIterator[KeycloakAdmin]:
    """Keycloak's users; those of a test are removed after it."""
    admin = keycloak.admin()
    yield admin
    for user in await admin.a_get_users({"search": OURS, "first": 0, "max": 500}):
        if user["username"].startswith(OURS):
            await admin.a_delete_user(user["id"])
    await admin.connection.aclose()


@pytest.fixture
def step(house: Bench, realm: Realm) -> KeycloakStep:
    return KeycloakStep(house.runtime, realm)


@pytest.fixture
async def hire(house: Bench, admin: Any) -> Any:
    """A new employee, whose account nobody made yet."""
    # the administrator's own account belongs to the realm file
    async with house.runtime.sessions() as session, session.begin():
        await session.execute(sa.update(Account).values(due_at=house.clock.now().replace(year=2099)))

    async def hired(**changes: Any) -> Any:
        username = f"{OURS}{uuid.uuid4().hex[:12]}"
        return await admin.CreateEmployee(
            employee=make.employee(username=username, initial_password=PASSWORD, keep_password=True, **changes)
        )

    return hired
