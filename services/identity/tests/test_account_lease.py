"""An account that one process works on is left alone by the others, until the lease has run out. Needs no Keycloak."""

from __future__ import annotations

from typing import Any

from chassis.testing import Bench
from identity.keycloak import Realm
from identity.keycloak_step import LEASE, KeycloakStep
from identity.tests import factories as make


async def test_what_one_has_claimed_nobody_else_claims_before_the_lease_ends(house: Bench, admin: Any) -> None:
    await admin.CreateEmployee(employee=make.employee(username="leased"))
    realm = Realm("http://127.0.0.1:1", "none", client="none", secret="", connections=1)
    try:
        one, other = (KeycloakStep(house.runtime, realm) for _ in range(2))
        claimed = {job.wanted.employee_id for job in await one.claim()}
        assert claimed
        assert await other.claim() == []
        house.clock.advance(seconds=LEASE.total_seconds() + 1)
        assert {job.wanted.employee_id for job in await other.claim()} == claimed
    finally:
        await realm.close()
