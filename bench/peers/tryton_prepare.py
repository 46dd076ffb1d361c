"""Makes the database in which Tryton is measured. Runs in the peers' environment, not in the suite's."""

import os
import subprocess
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import psycopg

DSN = urlsplit(os.environ["PEER_DSN"])
DATABASE = DSN.path[1:]
os.environ["TRYTOND_DATABASE_URI"] = urlunsplit(DSN._replace(path="/"))

PRODUCTS = 50


def prepare():
    """Company, accounts, supplier, employee and products, through its own client library, in an empty database."""
    _empty()
    password = os.path.join(os.environ["HOME"], "tryton.password")
    with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(os.urandom(16).hex())
    admin = ["trytond-admin", "-d", DATABASE, "--email", "admin@peer.example", "--activate-dependencies"]
    env = {**os.environ, "TRYTONPASSFILE": password}
    subprocess.run([*admin, "-u", "ir", "res", "purchase_requisition"], env=env, check=True)

    from proteus import Model, config
    from trytond.modules.account.tests.tools import create_chart, get_accounts
    from trytond.modules.company.tests.tools import create_company, get_company

    config.set_trytond(DATABASE)
    create_company()
    create_chart(get_company())
    expense = get_accounts(get_company())["expense"]
    category = Model.get("product.category")(name="bought", accounting=True, account_expense=expense)
    category.save()
    party = Model.get("party.party")(name="Supplier")
    party.save()
    Model.get("company.employee")(party=party, company=get_company()).save()
    (unit,) = Model.get("product.uom").find([("name", "=", "Unit")])
    for number in range(PRODUCTS):
        template = Model.get("product.template")(
            name=f"bought {number}",
            default_uom=unit,
            type="goods",
            list_price=Decimal(20),
            purchasable=True,
            account_category=category,
        )
        template.products[0].cost_price = Decimal(8)
        template.save()


def _empty():
    """Throw away what an earlier preparation left, whole or half."""
    with psycopg.connect(os.environ["PEER_DSN"], autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


if __name__ == "__main__":
    prepare()
