"""The life of an employee: joins, moves, may or may not sign in. Nobody is deleted, and no name is used twice.

A disabled employee is refused everywhere within seconds; the account in Keycloak follows in the background.
"""

from __future__ import annotations

import datetime
import re
import uuid
from typing import TYPE_CHECKING

from chassis import text
from chassis.errors import Refused
from chassis.policy import Reach

if TYPE_CHECKING:
    from identity.employee.model import Account, Employee

TRANSITIONS = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "reset_password"): "ACTIVE",
    ("ACTIVE", "reset_second_factor"): "ACTIVE",
    ("ACTIVE", "unlock"): "ACTIVE",
    ("ACTIVE", "disable"): "DISABLED",
    ("DISABLED", "update"): "DISABLED",
    ("DISABLED", "enable"): "ACTIVE",
}
LOCALES = ("zh-CN", "en")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,59}", re.ASCII)
# Keycloak names the users of service accounts so
RESERVED = "service-account-"
# as the realm's password policy says
SHORTEST_PASSWORD = 12
NO_COMPANY = uuid.UUID(int=0)


def check(employee: Employee) -> None:
    """Refuse a name that nobody can sign in with and a language that nobody speaks; fill what follows from the rest."""
    employee.username = employee.username.lower()
    if not USERNAME.fullmatch(employee.username) or employee.username.startswith(RESERVED):
        raise Refused("FIELD_FORMAT", field="username", value=employee.username, expected="a-z 0-9 . _ -")
    employee.locale = employee.locale or LOCALES[0]
    if employee.locale not in LOCALES:
        raise Refused("FIELD_FORMAT", field="locale", value=employee.locale, expected=", ".join(LOCALES))
    employee.sort_key = text.pinyin(employee.name)


def within(reach: Reach, employee: Employee) -> None:
    """Refuse to keep an employee whom the caller's right does not reach."""
    if not reach.covers(employee.home_company_id or NO_COMPANY, employee.department_id, employee.id):
        raise Refused("EMPLOYEE_OUT_OF_REACH", name=employee.name)


def department(*, company_id: uuid.UUID, home_company_id: uuid.UUID | None, name: str, active: bool) -> None:
    """Refuse a department of another company and one out of use."""
    if company_id != home_company_id:
        raise Refused("EMPLOYEE_DEPARTMENT_COMPANY", field="department_id", department=name)
    in_use(field="department_id", name=name, active=active)


def in_use(*, field: str, name: str, active: bool) -> None:
    """Refuse a place that is out of use."""
    if not active:
        raise Refused("EMPLOYEE_PLACE_INACTIVE", field=field, name=name)


def password(secret: str, *, username: str, field: str) -> None:
    """Refuse what Keycloak would: too short, or the name in it."""
    if len(secret) < SHORTEST_PASSWORD or username in secret.lower():
        raise Refused("EMPLOYEE_PASSWORD_WEAK", field=field, minimum=SHORTEST_PASSWORD)


def own_password(employee: Employee, *, from_directory: bool) -> None:
    """Refuse to set a password that the company's directory keeps."""
    if from_directory:
        raise Refused("EMPLOYEE_PASSWORD_DIRECTORY", name=employee.name)


def disable(employee: Employee, *, by: uuid.UUID | None, administrators_left: int, now: datetime.datetime) -> None:
    """Cut an employee off from this moment on."""
    if employee.id == by:
        raise Refused("EMPLOYEE_SELF_DISABLE")
    if not administrators_left:
        raise Refused("EMPLOYEE_LAST_ADMINISTRATOR", name=employee.name)
    employee.disable_time = now
    cut_off(employee, now=now)


def cut_off(employee: Employee, *, now: datetime.datetime) -> None:
    """Tokens issued before this second are worth nothing. Tokens carry whole seconds, so the cut does too."""
    employee.not_before = now.replace(microsecond=0)


def tell_keycloak(employee: Employee, account: Account, *, now: datetime.datetime) -> None:
    """The account has to follow; whatever went wrong before is tried afresh."""
    account.wanted += 1
    account.failures = 0
    account.due_at = now
    employee.account_state, employee.account_problem = "PENDING", ""
