"""The fictional group as documents: read from data/, with ids that are the same on every machine and in every run.

Nothing here talks to anybody. Names, addresses and codes are invented: credit codes have right check characters over an
organisation code (HEY...) that no register gives out, telephone numbers are 5550 numbers, mail ends in `.example`.
"""

from __future__ import annotations

import csv
import datetime
import functools
import uuid
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import yaml

from approval.form_definition import templates

DATA = Path(__file__).parent / "data"
NAMESPACE = uuid.UUID("6d0c3c1e-5b0f-5f0a-9c3e-0a1de0000001")
CURRENCY, TIME_ZONE = "CNY", "Asia/Shanghai"
PASSWORD = "Heyi-demo-2026"  # noqa: S105  (every demo person's, printed by the runner)
PRICES_SINCE = "2026-01-01"
# A supplier's price against the planned one, by its place among those who offer the item; the first is preferred.
PRICE_LEVELS = (Decimal("0.98"), Decimal("1.03"), Decimal("1.07"))
# Cheap things come in boxes: (planned price below, quantity from which, part of the price).
BREAKS = (
    (Decimal(5), (("200", "0.97"), ("1000", "0.93"))),
    (Decimal(100), (("50", "0.97"), ("200", "0.94"))),
    (Decimal(2000), (("10", "0.98"),)),
)


@dataclass(frozen=True)
class Record:
    """One document to be made: its type, stable id, fields, and the company that the call is about."""

    document: str
    key: str
    fields: Mapping[str, Any]
    company: str = ""

    @property
    def id(self) -> str:
        return id_of(self.document, self.key)


def id_of(document: str, key: str) -> str:
    """The id of a document of the demo company."""
    return str(uuid.uuid5(NAMESPACE, f"{document}/{key}"))


def reference(document: str, key: str) -> str:
    """The id that a field holds; empty for nothing."""
    return id_of(document, key) if key else ""


@functools.cache
def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@functools.cache
def tables(name: str) -> Any:
    """A YAML file."""
    return yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))


def companies() -> list[Record]:
    return [
        Record("identity.company", row["code"], {**row, "base_currency": CURRENCY, "time_zone": TIME_ZONE})
        for row in rows("companies")
    ]


def calendar() -> list[Record]:
    """The days off and the make-up days of 2026, as the General Office of the State Council announced them on
    4 November 2025 (国务院办公厅关于2026年部分节假日安排的通知): facts, and the whole group's.
    """
    return [
        Record(
            "identity.calendar_day",
            row["date"],
            {"calendar_date": row["date"], "kind": row["kind"], "name": row["name"]},
        )
        for row in rows("calendar")
    ]


def numbers() -> list[Record]:
    """How suppliers are numbered in the whole group."""
    return [
        Record(
            "identity.number_format", "procurement.supplier",
            {"document_type": "procurement.supplier", "pattern": "SUP-{000000}"},
        )
    ]  # fmt: skip


def posts() -> list[Record]:
    return [Record("identity.post", row["code"], {**row, "level": int(row["level"])}) for row in rows("posts")]


def departments() -> list[Record]:
    """Departments without their heads, who are made after them; parents first."""
    return [
        Record(
            "identity.department",
            row["code"],
            {
                "code": row["code"],
                "name": row["name"],
                "parent_id": reference("identity.department", row["parent"]),
                "sort_order": number,
            },
            company=row["company"],
        )
        for number, row in enumerate(rows("departments"), 1)
    ]


def heads() -> dict[str, str]:
    """Id of the head of each department, by the department's code."""
    return {row["code"]: id_of("identity.employee", row["head"]) for row in rows("departments")}


def employees() -> list[Record]:
    company_of = {row["code"]: row["company"] for row in rows("departments")}
    return [
        Record(
            "identity.employee",
            row["username"],
            {
                "code": row["code"],
                "name": row["name"],
                "username": row["username"],
                "email": f"{row['username']}@heyi.example",
                "phone": f"021-5550{number:04d}",
                "home_company_id": id_of("identity.company", company_of[row["department"]]),
                "department_id": id_of("identity.department", row["department"]),
                "post_id": id_of("identity.post", row["post"]),
                "hire_date": row["hire_date"],
                "locale": "zh-CN",
                "initial_password": PASSWORD,
                "keep_password": True,
            },
            company=company_of[row["department"]],
        )
        for number, row in enumerate(rows("employees"), 2001)
    ]


def roles() -> list[Record]:
    return [Record("identity.role", code, {"code": code, **role}) for code, role in tables("rights")["roles"].items()]


def duties(built_in: Mapping[str, str]) -> list[Record]:
    """Pairs of separated duties. `built_in` as of `grants`."""
    known = _role_ids(built_in)
    return [
        Record(
            "identity.duty_conflict",
            pair["code"],
            {
                **{name: pair[name] for name in ("code", "name", "reason", "severity")},
                "keeper_id": id_of("identity.employee", pair["keeper"]),
                **{f"{side}_duty": pair[side]["duty"] for side in ("first", "second")},
                **{f"{side}_permissions": pair[side].get("permissions", []) for side in ("first", "second")},
                **{f"{side}_role_ids": [known[r] for r in pair[side].get("roles", [])] for side in ("first", "second")},
            },
        )
        for pair in tables("rights")["duties"]
    ]


def _role_ids(built_in: Mapping[str, str]) -> dict[str, str]:
    return {role.key: role.id for role in roles()} | dict(built_in)


def grants(built_in: Mapping[str, str]) -> list[Record]:
    """Who holds which role. `built_in`: code -> id of the roles that come with the product."""
    known = _role_ids(built_in)
    return [
        Record(
            "identity.grant",
            f"{person}/{grant['role']}/{grant.get('company', '')}",
            {
                "employee_id": id_of("identity.employee", person),
                "role_id": known[grant["role"]],
                "grant_company_id": reference("identity.company", grant.get("company", "")),
                "scope": grant["reach"],
            },
        )
        for grant in tables("rights")["grants"]
        for person in grant["people"]
    ]


def day_in(days: int) -> str:
    """A business day so many days from today."""
    today = datetime.datetime.now(zoneinfo.ZoneInfo(TIME_ZONE)).date()
    return (today + datetime.timedelta(days=days)).isoformat()


def delegations() -> list[Record]:
    """Turns that another decides for a while."""
    return [
        Record(
            "identity.delegation",
            f"{one['from']}/{one['to']}",
            {
                "delegator_id": id_of("identity.employee", one["from"]),
                "delegate_id": id_of("identity.employee", one["to"]),
                "from_date": day_in(0),
                "until_date": day_in(one["days"]),
                "document_types": one["documents"],
                "limit_amount": one["limit"],
                "currency": CURRENCY,
                "reason": one["reason"],
            },
            company=one["company"],
        )
        for one in tables("rights")["delegations"]
    ]


def placements() -> list[Record]:
    """Posts that people hold beside their principal one."""
    return [
        Record(
            "identity.placement",
            f"{one['person']}/{one['department']}",
            {
                "employee_id": id_of("identity.employee", one["person"]),
                "department_id": id_of("identity.department", one["department"]),
                "post_id": id_of("identity.post", one["post"]),
                "kind": one["kind"],
                "from_date": day_in(0),
                "reason": one["reason"],
            },
            company=one["company"],
        )
        for one in tables("organisation")["placements"]
    ]


def headships() -> list[Record]:
    """Who will stand in for a head."""
    return [
        Record(
            "identity.headship",
            f"{one['department']}/{one['person']}",
            {
                "department_id": id_of("identity.department", one["department"]),
                "employee_id": id_of("identity.employee", one["person"]),
                "kind": one["kind"],
                "from_date": day_in(one["from"]),
                "until_date": day_in(one["from"] + one["days"]),
                "reason": one["reason"],
            },
            company=one["company"],
        )
        for one in tables("organisation")["headships"]
    ]


NAMED = {
    "employee_id": "employee",
    "reports_to_id": "employee",
    "department_id": "department",
    "parent_id": "department",
}


def reorganisations() -> list[Record]:
    """Changes of the organisation that wait for their day."""
    return [
        Record(
            "identity.reorganisation",
            one["title"],
            {
                "title": one["title"],
                "effective_date": day_in(one["days"]),
                "reason": one["reason"],
                "lines": [
                    {
                        field: id_of(f"identity.{NAMED[field]}", value) if field in NAMED else value
                        for field, value in line.items()
                    }
                    for line in one["lines"]
                ],
            },
            company=one["company"],
        )
        for one in tables("organisation")["reorganisations"]
    ]


def limits() -> list[Record]:
    return [
        Record(
            "approval.authority_limit",
            f"{company['code']}/{limit['post']}/{limit['document_type']}",
            {
                "post_id": id_of("identity.post", limit["post"]),
                "document_type": limit["document_type"],
                "limit_amount": limit["amount"],
                "currency": CURRENCY,
            },
            company=company["code"],
        )
        for company in rows("companies")
        for limit in tables("rights")["limits"]
    ]


def forms() -> list[Record]:
    """The product's own forms, taken over by those companies that have flows for them."""
    return [
        Record("approval.form_definition", f"{company}/{form['code']}", form, company=company)
        for form in templates.drafts("zh-CN")
        for company in _companies_of(form["code"])
    ]


def _companies_of(form: str) -> list[str]:
    return next(flow["companies"] for flow in tables("flows") if flow.get("condition") == f"facts.form == '{form}'")


def flows() -> list[Record]:
    return [
        Record(
            "approval.flow_definition",
            f"{company}/{flow['code']}",
            {name: value for name, value in flow.items() if name != "companies"}
            | {"business_owner_id": id_of("identity.employee", tables("rights")["flow_owner"])},
            company=company,
        )
        for flow in tables("flows")
        for company in flow["companies"]
    ]


def units() -> list[Record]:
    return [Record("inventory.unit", row["code"], {**row, "decimals": int(row["decimals"])}) for row in rows("units")]


def categories() -> list[Record]:
    """Item categories, parents first."""
    return [
        Record(
            "inventory.item_category",
            row["code"],
            {
                "code": row["code"],
                "name": row["name"],
                "parent_id": reference("inventory.item_category", row["parent"]),
                "sourcing_policy": row["sourcing_policy"],
                "tax_rate": row["tax_rate"],
                "buyer_id": id_of("identity.employee", row["buyer"]),
            },
        )
        for row in rows("categories")
    ]


def items() -> list[Record]:
    return [
        Record(
            "inventory.item",
            row["code"],
            {
                **{name: row[name] for name in ("code", "name", "specification", "kind", "standard_price", "brand")},
                "category_id": id_of("inventory.item_category", row["category"]),
                "base_unit_id": id_of("inventory.unit", row["unit"]),
                "units": [
                    {"unit_id": id_of("inventory.unit", unit), "factor": factor} for unit, factor in other_units(row)
                ],
            },
        )
        for row in rows("items")
    ]


def other_units(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Unit and factor of each further unit: `BOX:500 CTN:5000`."""
    for pair in row["other_units"].split():
        unit, factor = pair.split(":")
        yield unit, factor


def suppliers() -> list[Record]:
    plain = (
        "name",
        "short_name",
        "credit_code",
        "contact_name",
        "phone",
        "email",
        "address",
        "invoice_kind",
        "tax_rate",
    )
    return [
        Record(
            "procurement.supplier",
            row["key"],
            {
                **{name: row[name] for name in plain},
                "currency": CURRENCY,
                "payment_days": int(row["payment_days"]),
                "lead_time_days": int(row["lead_time_days"]),
                "buyer_id": id_of("identity.employee", _buyer_of(row["supplies"])),
                "bank_accounts": [
                    {
                        "bank_name": row["bank_name"],
                        "account_name": row["name"],
                        "account_number": row["bank_account"],
                        "preferred": True,
                    }
                ],
            },
        )
        for row in rows("suppliers")
    ]


def supplier_states() -> dict[str, str]:
    """The state that each supplier shall be in, by its id."""
    return {id_of("procurement.supplier", row["key"]): row["state"] for row in rows("suppliers")}


def supplier_items() -> list[Record]:
    """What each supplier asks for each item of its categories; the first one in the list is preferred."""
    made = []
    for item in rows("items"):
        offering = [s for s in rows("suppliers") if item["category"] in s["supplies"].split(";")]
        for place, supplier in enumerate(offering if item["offered"] == "yes" else ()):
            made.append(_supplier_item(item, supplier, place))
    return made


def _supplier_item(item: Mapping[str, str], supplier: Mapping[str, str], place: int) -> Record:
    planned = Decimal(item["standard_price"])
    price = planned * PRICE_LEVELS[place]
    breaks = next((steps for below, steps in BREAKS if planned < below), ())
    pack = next((factor for unit, factor in other_units(item) if unit in ("BOX", "BAG", "CTN")), "")
    by_weight = item["unit"] == "KG" and item["category"].startswith("10")
    return Record(
        "procurement.supplier_item",
        f"{supplier['key']}/{item['code']}",
        {
            "supplier_id": id_of("procurement.supplier", supplier["key"]),
            "item_id": id_of("inventory.item", item["code"]),
            "supplier_item_code": f"{supplier['key']}-{item['code'].replace('-', '')}",
            "currency": CURRENCY,
            "unit_id": id_of("inventory.unit", item["unit"]),
            "tax_rate": supplier["tax_rate"],
            "preferred": place == 0 and supplier["state"] == "QUALIFIED",
            "lead_time_days": int(supplier["lead_time_days"]),
            "minimum_quantity": pack or ("20" if by_weight else ""),
            "multiple_quantity": pack,
            "prices": [
                {
                    "from_quantity": quantity,
                    "unit_price": _rounded(price * Decimal(part)),
                    "valid_from_date": PRICES_SINCE,
                }
                for quantity, part in (("0", "1"), *breaks)
            ],
        },
    )


def _rounded(price: Decimal) -> str:
    places = Decimal("0.0001") if price < 1 else Decimal("0.01")
    return format(price.quantize(places, ROUND_HALF_UP), "f")


def _buyer_of(supplies: str) -> str:
    first = supplies.split(";")[0]
    return next(row["buyer"] for row in rows("categories") if row["code"] == first)


def logins() -> list[dict[str, str]]:
    """Whom the runner shows at its end."""
    people = {row["username"]: row for row in rows("employees")}
    post_names = {row["code"]: row["name"] for row in rows("posts")}
    shown = [
        {
            "username": login["username"],
            "name": people[login["username"]]["name"],
            "post": post_names[people[login["username"]]["post"]],
            "what": login["what"],
        }
        for login in tables("rights")["logins"]
    ]
    return [
        *shown,
        {"username": "admin", "name": "系统管理员", "post": "管理员", "what": "administrator: 组织、角色、流程"},
    ]
