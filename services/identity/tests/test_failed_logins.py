"""Failed sign-ins as the operator's page shows them."""

import datetime

from identity.failed_logins import grouped

AT = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)


def event(minute: int, username: str, error: str = "invalid_user_credentials", ip: str = "10.0.0.7") -> dict:
    at = AT + datetime.timedelta(minutes=minute)
    return {"time": at.timestamp() * 1000, "ipAddress": ip, "error": error, "details": {"username": username}}


def test_failures_of_one_person_from_one_place_are_one_row_the_latest_first():
    rows = grouped([event(1, "li.na"), event(5, "Li.Na"), event(9, "wang", ip="10.0.0.8")], {"li.na", "wang"})
    assert [(row.username, row.ip_address, row.count) for row in rows] == [
        ("wang", "10.0.0.8", 1),
        ("li.na", "10.0.0.7", 2),
    ]
    assert rows[1].last_time.ToDatetime(datetime.UTC) == AT + datetime.timedelta(minutes=5)


def test_a_name_that_is_nobody_s_may_be_a_password_and_is_not_shown():
    [row] = grouped([event(1, "Heyi-own-2027", "user_not_found"), event(2, "other", "user_not_found")], {"li.na"})
    assert (row.username, row.count) == ("", 2)


def test_an_event_without_a_name_counts_too():
    [row] = grouped([{"time": AT.timestamp() * 1000, "error": "expired_code"}], set())
    assert (row.username, row.reason, row.count) == ("", "expired_code", 1)
