"""Tryton plays a requisition of ten lines -> approved -> purchase. Runs in the peers' environment, not in the suite's.

In its own process, without HTTP, one committed transaction for each click, as its server's dispatcher does it: a call
that asks for a lock is begun again with it, and what it put off is run after the commit.
"""

import datetime
import os
import time
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

DSN = urlsplit(os.environ["PEER_DSN"])
DATABASE = DSN.path[1:]
os.environ["TRYTOND_DATABASE_URI"] = urlunsplit(DSN._replace(path="/"))

from line import answer  # noqa: E402  (trytond reads its settings when it is imported)
from trytond import __version__  # noqa: E402
from trytond.pool import Pool  # noqa: E402
from trytond.transaction import Transaction, TransactionError  # noqa: E402
from trytond.worker import run_task  # noqa: E402

LINES = 10


class Tryton:
    """The administrator at work in the prepared database."""

    def __init__(self):
        Pool.start()
        Pool(DATABASE).init()
        with Transaction().start(DATABASE, 0):
            (admin,) = Pool().get("res.user").search([("login", "=", "admin")])
            self.user = admin.id
        with Transaction().start(DATABASE, self.user):
            self.context = Pool().get("res.user").get_preferences(True)

    def click(self, act):
        """One committed transaction."""
        extras = {}
        while True:
            with Transaction().start(DATABASE, self.user, context=self.context, **extras) as transaction:
                try:
                    result = act()
                    transaction.commit()
                except TransactionError as error:
                    transaction.rollback()
                    transaction.tasks.clear()
                    error.fix(extras)
                    continue
            while transaction.tasks:
                run_task(DATABASE, transaction.tasks.pop())
            return result

    def cycle(self):
        """Milliseconds of one requisition's way."""
        began = time.perf_counter()
        number = self.click(self._create)
        self.click(lambda: _requisition().wait([_requisition()(number)]))
        self.click(lambda: _requisition().approve([_requisition()(number)]))
        self.click(lambda: self._to_purchase(number))
        took = (time.perf_counter() - began) * 1e3
        self.click(lambda: _check(number))
        return took

    def _create(self):
        get = Pool().get
        (employee,) = get("company.employee").search([], limit=1)
        (warehouse,) = get("stock.location").search([("type", "=", "warehouse")], limit=1)
        (supplier,) = get("party.party").search([("name", "=", "Supplier")], limit=1)
        today = datetime.datetime.now(datetime.UTC).date()
        company, line = get("company.company")(self.context["company"]), get("purchase.requisition.line")
        requisition = get("purchase.requisition")(
            employee=employee, warehouse=warehouse, supply_date=today, currency=company.currency
        )
        products = get("product.product").search([("template.name", "like", "bought %")], limit=LINES)
        requisition.lines = [
            line(product=p, quantity=2, unit=p.default_uom, supplier=supplier, unit_price=Decimal(10)) for p in products
        ]
        requisition.save()
        return requisition.id

    def _to_purchase(self, number):
        """The wizard that a purchaser starts on the requests that the approval made."""
        ids = [request.id for request in _requests(number)]
        wizard = Pool().get("purchase.request.create_purchase", type="wizard")
        session, _, _ = wizard.create()
        with Transaction().set_context(active_model="purchase.request", active_ids=ids, active_id=ids[0]):
            wizard.execute(session, {}, "start")


def _requisition():
    return Pool().get("purchase.requisition")


def _requests(number):
    """The requests that the approval made, one for each line."""
    of = ("origin.requisition", "=", number, "purchase.requisition.line")
    return Pool().get("purchase.request").search([of])


def _check(number):
    ordered = {request.purchase_line.id for request in _requests(number) if request.purchase_line}
    if len(ordered) != LINES:
        raise RuntimeError(f"requisition {number}: {len(ordered)} of {LINES} lines stand in a purchase")


def main():
    """Play as many cycles as asked for."""
    tryton = Tryton()
    answer(
        lambda cycles=0, version=False: (
            {"version": f"Tryton {__version__}"} if version else {"samples": [tryton.cycle() for _ in range(cycles)]}
        )
    )


if __name__ == "__main__":
    main()
