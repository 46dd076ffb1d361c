"""Suppliers: master data with a duplicate check, states, and bank accounts that only an audited look shows."""

from __future__ import annotations

import sqlalchemy as sa

from chassis import mapping
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.procurement.v1 import suppliers_pb2 as pb
from procurement.supplier import rules
from procurement.supplier.model import Supplier, SupplierBankAccountLook

MOST_LOOK_ALIKES = 20


class Suppliers:
    """heyi.procurement.v1.Suppliers"""

    async def CreateSupplier(self, request: pb.CreateSupplierRequest, call: Call) -> Supplier:
        _read_account_numbers(request.supplier, {})
        supplier = await call.create(Supplier, request.supplier)
        await _identify(supplier, call)
        call.next_number(supplier, attribute="code")
        return call.announce(pb.SupplierCreated, supplier)

    async def GetSupplier(self, request: pb.GetSupplierRequest, call: Call) -> Supplier:
        return await call.load(Supplier, request.id)

    async def ListSuppliers(self, request: pb.ListSuppliersRequest, call: Call) -> pb.ListSuppliersResponse:
        return await call.page(Supplier, request)  # type: ignore[no-any-return]

    async def BatchGetSuppliers(self, request: pb.BatchGetSuppliersRequest, call: Call) -> pb.BatchGetSuppliersResponse:
        return await call.batch(Supplier, request)  # type: ignore[no-any-return]

    async def UpdateSupplier(self, request: pb.UpdateSupplierRequest, call: Call) -> Supplier:
        supplier = await call.load(Supplier, request.supplier.id, etag=request.supplier.etag)
        advance(supplier, "update")
        _read_account_numbers(request.supplier, {str(a.id): a.account_number for a in supplier.bank_accounts})
        call.update(supplier, request.supplier, request.update_mask)
        await _identify(supplier, call)
        return call.announce(pb.SupplierUpdated, supplier)

    async def QualifySupplier(self, request: pb.QualifySupplierRequest, call: Call) -> Supplier:
        return await _move(request, call, "qualify", hold_reason="")

    async def SuspendSupplier(self, request: pb.SuspendSupplierRequest, call: Call) -> Supplier:
        return await _move(request, call, "suspend", hold_reason=request.reason)

    async def BlockSupplier(self, request: pb.BlockSupplierRequest, call: Call) -> Supplier:
        return await _move(request, call, "block", hold_reason=request.reason)

    async def ReinstateSupplier(self, request: pb.ReinstateSupplierRequest, call: Call) -> Supplier:
        return await _move(request, call, "reinstate", hold_reason="")

    async def FindDuplicateSuppliers(
        self, request: pb.FindDuplicateSuppliersRequest, call: Call
    ) -> pb.FindDuplicateSuppliersResponse:
        core, phone = rules.name_core(request.name), rules.phone_key(request.phone)
        alike = []
        if core:
            alike += [Supplier.name_core.contains(core, autoescape=True), sa.func.strpos(core, Supplier.name_core) > 0]
        if request.credit_code:
            alike.append(Supplier.credit_code == request.credit_code.strip().upper())
        if phone:
            alike.append(Supplier.phone_key == phone)
        statement = (
            sa.select(Supplier).where(sa.or_(sa.false(), *alike)).order_by(Supplier.code).limit(MOST_LOOK_ALIKES)
        )
        if request.except_id:
            statement = statement.where(sa.cast(Supplier.id, sa.Text) != request.except_id)
        found = await call.db.scalars(statement.order_by(Supplier.code).limit(MOST_LOOK_ALIKES))
        return pb.FindDuplicateSuppliersResponse(suppliers=[call.reply(row, parts=False) for row in found])

    async def RevealBankAccountsSupplier(
        self, request: pb.RevealBankAccountsSupplierRequest, call: Call
    ) -> pb.RevealBankAccountsSupplierResponse:
        supplier = await call.load(Supplier, request.id, etag=request.etag)
        advance(supplier, "reveal_bank_accounts")
        look = SupplierBankAccountLook(
            supplier_id=supplier.id, employee_id=call.actor.person, at=call.now(), purpose=request.purpose
        )
        call.db.add(look)
        accounts = [
            pb.SupplierBankAccount(
                id=str(account.id),
                bank_name=account.bank_name,
                account_name=account.account_name,
                account_number=account.account_number,
                preferred=account.preferred,
            )
            for account in supplier.bank_accounts
        ]
        return pb.RevealBankAccountsSupplierResponse(bank_accounts=accounts)


async def _move(request: object, call: Call, action: str, *, hold_reason: str) -> Supplier:
    supplier = await call.load(Supplier, request.id, etag=request.etag)  # type: ignore[attr-defined]
    advance(supplier, action)
    supplier.hold_reason = hold_reason
    return call.announce(pb.SupplierUpdated, supplier)


async def _identify(supplier: Supplier, call: Call) -> None:
    """Check the credit code and refuse a company that is there already: its name or its code is another record's."""
    code = rules.credit_code_of(supplier.credit_code)
    if code is None:
        raise Refused("SUPPLIER_CREDIT_CODE", "credit_code", value=supplier.credit_code)
    supplier.credit_code, supplier.phone_key = code, rules.phone_key(supplier.phone)
    supplier.name_key, supplier.name_core = rules.name_key(supplier.name), rules.name_core(supplier.name)
    twin = sa.select(Supplier.code, Supplier.name, Supplier.credit_code).where(
        sa.or_(Supplier.credit_code == code, Supplier.name_key == supplier.name_key), Supplier.id != supplier.id
    )
    if (found := (await call.db.execute(twin.limit(1))).first()) is not None:
        field = "credit_code" if found.credit_code == code else "name"
        raise Refused("SUPPLIER_DUPLICATE", field, code=found.code, name=found.name)


def _read_account_numbers(supplier: pb.Supplier, stored: dict[str, str]) -> None:
    """Bring account numbers into the shape they are kept in; one sent back masked keeps the number that is stored."""
    for index, account in enumerate(supplier.bank_accounts):
        path = f"bank_accounts[{index}].account_number"
        if rules.is_masked(account.account_number):
            kept = stored.get(account.id)
            if kept is None or mapping.masked(kept) != account.account_number:
                raise Refused("FIELD_FORMAT", path, value=account.account_number, expected="the full number")
            account.account_number = kept
        elif account.account_number:
            number = rules.account_number_of(account.account_number)
            if number is None:
                masked = mapping.masked(account.account_number)
                raise Refused("FIELD_FORMAT", path, value=masked, expected="6-34 digits or letters")
            account.account_number = number
