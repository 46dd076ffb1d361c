"""A company with a directory (LDAP) and a sign-in provider of its own, and a hand at Keycloak's console.

The directory is Debian's slapd, the provider a second realm of the same Keycloak. Both are taken out at the end, so
that no other story meets them.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe import violations
from playwright.async_api import expect
from test_api_cutoff import EMPLOYEES

from chassis.testing import eventually
from conftest import PHONE
from infra.keycloak.federation import BROKER, Administrator, Federation, apply, read
from infra.local import machine
from infra.local.demo.records import id_of
from infra.local.instance import DEMO_PASSWORD, Instance

FINDINGS, DOCUMENT = "/v1/identity/account-findings", "identity.account_finding"
SUFFIX, LDAP_PASSWORD = "dc=heyi,dc=example", "Of-the-directory-1"
PARTNER = "partner"
CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
database mdb
suffix "{suffix}"
directory {folder}
"""
HEAD = f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: heyi\ndc: heyi\n"


def entry(username: str, name: str) -> str:
    return (
        f"dn: uid={username},{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {username}\ncn: {name}\nsn: {name}\n"
        f"mail: {username}@heyi.example\nuserPassword: {LDAP_PASSWORD}\n"
    )


@contextmanager
def directory(folder: Path, *entries: str) -> Iterator[str]:
    """A directory server with these entries; its address."""
    conf, people = folder / "slapd.conf", folder / "people.ldif"
    conf.write_text(CONF.format(folder=folder, suffix=SUFFIX))
    people.write_text("\n".join([HEAD, *entries]), "utf-8")
    subprocess.run([machine.SLAPD, "-T", "add", "-f", conf, "-l", people], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"ldap://127.0.0.1:{probe.getsockname()[1]}"
    server = subprocess.Popen([machine.SLAPD, "-f", conf, "-h", url, "-d", "0"])
    try:
        yield url
    finally:
        server.terminate()
        server.wait(10)


def partner_realm(instance: Instance, usernames: list[str]) -> dict[str, Any]:
    """A provider as a company may have one already."""
    secret = {"type": "password", "value": DEMO_PASSWORD}
    client = {
        "clientId": "heyi", "secret": "partner-secret", "standardFlowEnabled": True, "publicClient": False,
        "redirectUris": [f"{instance.keycloak.issuer}/broker/{BROKER}/endpoint"],
    }  # fmt: skip
    person = {"enabled": True, "firstName": "P", "lastName": "P", "credentials": [secret]}
    users = [{**person, "username": name, "email": f"{name}@partner.example"} for name in usernames]
    return {"realm": PARTNER, "enabled": True, "clients": [client], "users": users}


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex[:6]


@pytest.fixture
async def keeper(instance: Instance, tmp_path: Path, tag: str) -> AsyncIterator[Administrator]:
    """Somebody with all rights at Keycloak, who has joined the realm to directory and provider."""
    partners = [f"partner{tag}", f"unknown{tag}"]
    with (
        directory(tmp_path, entry(f"inldap{tag}", "陆目录"), entry(f"nobody{tag}", "吴此人")) as url,
        instance.keycloak.administrator() as keeper,
    ):
        keeper.of("").ask("POST", "", partner_realm(instance, partners))
        settings = read({
            "HEYI_LDAP_URL": url, "HEYI_LDAP_BASE": SUFFIX,
            "HEYI_BROKER_ISSUER": f"{instance.keycloak.url}/realms/{PARTNER}", "HEYI_BROKER_CLIENT_ID": "heyi",
            "HEYI_BROKER_SECRET": "partner-secret", "HEYI_BROKER_NAME": "合作企业",
        })  # fmt: skip
        try:
            for _ in range(2):  # again changes nothing
                apply(keeper, settings)
            yield keeper
        finally:
            apply(keeper, Federation())
            keeper.of(PARTNER).ask("DELETE", "")


async def hired(admin: Any, username: str, **more: Any) -> dict[str, Any]:
    shop = await admin.get(f"/v1/identity/departments/{id_of('identity.department', 'SH11')}")
    place = {"department_id": shop["id"], "home_company_id": shop["companyId"]}
    words = {"code": username[:20].upper(), "name": f"新人{username[-6:]}", "username": username, **more}
    made: dict[str, Any] = await admin.call("POST", EMPLOYEES, {**words, **place})

    await eventually(partial(in_step, admin, made["id"]), seconds=30)
    return made


async def in_step(admin: Any, employee_id: str) -> None:
    assert (await admin.get(f"{EMPLOYEES}/{employee_id}"))["accountState"] in ("IN_STEP", "DIFFERS")


async def found(admin: Any, state: str = "OPEN", **about: str) -> dict[str, Any]:
    """The one finding about somebody, once it is there."""
    words = " AND ".join(f'{name} = "{value}"' for name, value in {"state": state, **about}.items())

    async def there() -> dict[str, Any]:
        rows = (await admin.get(FINDINGS, filter=words))["accountFindings"]
        assert len(rows) == 1, rows
        return dict(rows[0])

    return await eventually(there, seconds=60)


def account(keeper: Administrator, username: str) -> dict[str, Any]:
    """Found by its name once nobody writes it: a list that is read beside a write leaves an older picture behind."""
    (one,) = keeper.ask("GET", f"/users?username={username}&exact=true")
    return dict(one)


async def by_partner(window: Any, username: str, locale: str = "zh-CN") -> Any:
    """A window that went to the provider's page and signed in there."""
    one = await window(None, locale=locale)
    one.expected |= {401, 403, 409}
    await one.go("/")
    await one.page.get_by_role("link", name="合作企业").click()
    await one.page.wait_for_url(f"**/realms/{PARTNER}/**")
    await one.page.fill("#username", username)
    await one.page.fill("#password", DEMO_PASSWORD)
    await one.page.click("#kc-login")
    return one


async def test_people_sign_in_as_their_company_does_and_no_change_of_others_is_lost(
    keeper: Administrator, window: Any, door: Any, tag: str
) -> None:
    admin = await door("administrator")
    people = await admin.get(EMPLOYEES, page_size=1, summarize=True)
    in_directory = await hired(admin, f"inldap{tag}")
    partner = await hired(admin, f"partner{tag}", initial_password=DEMO_PASSWORD, keep_password=True)

    # the directory's password, on the account that was there for the employee
    own = await window(None)
    await own.sign_in(in_directory["username"], LDAP_PASSWORD)
    await expect(own.screen.heading(own.screen.t("portal.greeting", name=in_directory["name"]))).to_be_visible()
    linked = account(keeper, in_directory["username"])
    assert linked["attributes"]["employee_id"] == [in_directory["id"]]

    # the provider's, twice at once and once more: one employee, one account, one link
    windows = await asyncio.gather(*(by_partner(window, partner["username"]) for _ in range(2)))
    for one in (*windows, await by_partner(window, partner["username"])):
        greeting = one.screen.heading(one.screen.t("portal.greeting", name=partner["name"]))
        # the one that came second in the same moment is asked to come again
        await expect(greeting.or_(one.page.get_by_text("刚刚在另一个窗口中"))).to_be_visible()
    await expect(greeting).to_be_visible()
    links = keeper.ask("GET", f"/users/{account(keeper, partner['username'])['id']}/federated-identity")
    assert [link["identityProvider"] for link in links] == [BROKER]
    now = await admin.get(EMPLOYEES, page_size=1, summarize=True)
    assert now["totalSize"] == people["totalSize"] + 2

    # who is no employee is told so, by name
    for locale, sentence in (("zh-CN", "合一中没有这个登录名的员工"), ("en", "nobody in Heyi has that sign-in name")):
        stranger = await by_partner(window, f"unknown{tag}", locale)
        await expect(stranger.page.get_by_text(sentence)).to_be_visible()
        await stranger.picture("directory-unknown")
    entered = await window(None)
    entered.expected |= {401, 403}
    await entered.go("/")
    await expect(entered.page.locator("#username")).to_be_visible()
    await entered.picture("directory-login")
    await entered.page.fill("#username", f"nobody{tag}")
    await entered.page.fill("#password", LDAP_PASSWORD)
    await entered.page.click("#kc-login")
    await expect(entered.screen.heading(entered.screen.t("closed.title"))).to_be_visible()

    # a hand at the console: seen with who it was, kept, and taken over
    there = account(keeper, partner["username"])
    keeper.ask("PUT", f"/users/{there['id']}", {**there, "firstName": "改过的名字", "lastName": ""})
    finding = await found(admin, employee_id=partner["id"])
    assert (finding["kind"], finding["heyiValue"], finding["keycloakValue"]) == ("NAME", partner["name"], "改过的名字")
    assert "127.0.0.1" in finding["changedBy"]
    keeping = await window("administrator")
    await keeping.go(f"/identity/account-findings/{finding['id']}")
    adopt = keeping.screen.action(DOCUMENT, "adopt")
    await expect(keeping.screen.button(adopt)).to_be_visible()
    await keeping.picture("finding")
    assert await violations(keeping.page) == []
    await keeping.screen.button(adopt).click()
    await keeping.screen.dialog().get_by_role("button", name=adopt).click()
    await expect(keeping.page.get_by_text(keeping.screen.state(DOCUMENT, "ADOPTED")).first).to_be_visible()
    assert (await admin.get(f"{EMPLOYEES}/{partner['id']}"))["name"] == "改过的名字"

    # a leaver whom the console lets in again is out within ten seconds, and it is shown
    await admin.call("POST", f"{EMPLOYEES}/{partner['id']}:disable", {"reason": "left"})

    async def closed() -> None:
        assert keeper.ask("GET", f"/users/{there['id']}")["enabled"] is False

    # Keycloak's sign-out of everywhere writes the account too, and the later of two that overlap would win; and who
    # reads an account beside a write leaves an older picture of it
    await eventually(partial(in_step, admin, partner["id"]), seconds=30)
    await closed()
    keeper.ask("PUT", f"/users/{there['id']}", {**keeper.ask("GET", f"/users/{there['id']}"), "enabled": True})
    assert (await found(admin, "OVERRULED", employee_id=partner["id"]))["kind"] == "ENABLED"
    await closed()

    # an entry of the directory that is nobody yet becomes an employee by one act, and comes in
    nobody = await found(admin, username=f"nobody{tag}")
    phone = await window("administrator", locale="en", size=PHONE, dark=True)
    await phone.go("/identity/account-findings")
    await expect(phone.page.get_by_text(f"nobody{tag}").first).to_be_visible()
    await phone.picture("findings")
    assert await violations(phone.page) == []
    place = {"department_id": in_directory["departmentId"], "home_company_id": in_directory["homeCompanyId"]}
    await admin.call("POST", f"{FINDINGS}/{nobody['id']}:hire", {"code": f"N{tag}".upper(), **place})

    (made,) = (await admin.get(EMPLOYEES, filter=f'username = "nobody{tag}"'))["employees"]
    await eventually(partial(in_step, admin, made["id"]), seconds=30)
    assert keeper.ask("GET", f"/users/{nobody['keycloakId']}")["attributes"].get("employee_id")
    await entered.context.clear_cookies()
    await entered.sign_in(f"nobody{tag}", LDAP_PASSWORD)
    await expect(entered.screen.heading(entered.screen.t("portal.greeting", name="吴此人"))).to_be_visible()
