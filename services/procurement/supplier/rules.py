"""What may happen to a supplier, and when two records mean the same company.

A supplier is found before it is asked for: the exact name or credit code of another one is refused, whatever merely
looks alike is listed. Bank account numbers never leave in clear except by the audited look.
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.cn import uscc

STATES = ("CANDIDATE", "QUALIFIED", "SUSPENDED", "BLOCKED")
TRANSITIONS: dict[tuple[str, str], str] = {
    **{(state, action): state for state in STATES for action in ("update", "reveal_bank_accounts")},
    ("CANDIDATE", "qualify"): "QUALIFIED",
    ("QUALIFIED", "suspend"): "SUSPENDED",
    ("SUSPENDED", "reinstate"): "QUALIFIED",
    ("CANDIDATE", "block"): "BLOCKED",
    ("QUALIFIED", "block"): "BLOCKED",
    ("SUSPENDED", "block"): "BLOCKED",
    # who was blocked has to be qualified anew
    ("BLOCKED", "reinstate"): "CANDIDATE",
}
# What says only which legal form a company has, longest first.
LEGAL_FORMS = sorted(
    [
        "股份有限责任公司", "有限责任公司", "股份有限公司", "集团有限公司", "有限公司", "股份公司",
        "总公司", "分公司", "集团", "公司", "普通合伙", "有限合伙", "合伙企业", "个人独资企业",
        "coltd", "companylimited", "limited", "ltd", "incorporated", "inc", "corporation", "corp", "gmbh", "llc", "plc",
    ],
    key=len,
    reverse=True,
)  # fmt: skip
NOT_A_WORD = re.compile(r"[\W_]+")
ACCOUNT_NUMBER = re.compile(r"[0-9A-Z]{6,34}", re.ASCII)
MASK = "****"


def name_key(name: str) -> str:
    """A name as it is compared exactly: full and half width, case, spaces and punctuation do not matter."""
    return NOT_A_WORD.sub("", unicodedata.normalize("NFKC", name).casefold())


def name_core(name: str) -> str:
    """A name without its legal form: what two spellings of one company have in common."""
    core = name_key(name)
    shorter = True
    while shorter:
        shorter = False
        for form in LEGAL_FORMS:
            if core.endswith(form) and len(core) > len(form):
                core, shorter = core[: -len(form)], True
                break
    return core


def phone_key(phone: str) -> str:
    """The digits of a phone number, without the country's prefix."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", phone))
    return digits.removeprefix("0086").removeprefix("86") if len(digits) > 11 else digits


def credit_code_of(value: str) -> str | None:
    """The credit code as it is kept, or None where it is none: 18 characters, the last one a check character."""
    code = unicodedata.normalize("NFKC", value).strip().upper()
    return code if uscc.is_valid(code) else None


def account_number_of(value: str) -> str | None:
    """An account number as it is kept, without spaces and dashes; None where it is none."""
    number = re.sub(r"[ \-]", "", unicodedata.normalize("NFKC", value)).upper()
    return number if ACCOUNT_NUMBER.fullmatch(number) else None


def is_masked(value: str) -> bool:
    """Whether somebody sent back what a reply shows instead of the number."""
    return value.startswith(MASK)
