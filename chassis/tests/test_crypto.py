"""Sealed columns: what is stored, what opens it, what happens when somebody touches it."""

import base64
import os

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from chassis.crypto import Encrypted, Keyring, SealBroken, use_keyring

OLD, NEW, INDEX = (os.urandom(32) for _ in range(3))
PLACE = ("supplier_bank_account", "account_number")
ACCOUNT = "6222 0212 3456 7890"


def keyring(**keys: bytes) -> Keyring:
    return Keyring(keys)


@given(st.text())
def test_what_is_sealed_opens_again(plain):
    ring = keyring(k1=OLD)
    assert ring.decrypt(ring.encrypt(plain, *PLACE), *PLACE) == plain


def test_nothing_of_the_value_shows_and_no_two_seals_are_alike():
    ring = keyring(k1=OLD)
    first, second = ring.encrypt(ACCOUNT, *PLACE), ring.encrypt(ACCOUNT, *PLACE)
    assert first != second
    assert ACCOUNT.encode() not in first


def test_every_changed_byte_is_noticed():
    ring = keyring(k1=OLD)
    sealed = ring.encrypt(ACCOUNT, *PLACE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            ring.decrypt(bytes(changed), *PLACE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01\x02k1", b"plain text that was never sealed" * 4])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(SealBroken):
        keyring(k1=OLD).decrypt(sealed, *PLACE)


@pytest.mark.parametrize(
    "place", [("employee", "account_number"), ("supplier_bank_account", "name"), (*PLACE, "row 2")]
)
def test_a_value_moved_elsewhere_does_not_open(place):
    ring = keyring(k1=OLD)
    with pytest.raises(SealBroken):
        ring.decrypt(ring.encrypt(ACCOUNT, *PLACE), *place)


def test_after_rotation_only_the_new_key_is_needed():
    old, both, new = keyring(k1=OLD), keyring(k2=NEW, k1=OLD), keyring(k2=NEW)
    sealed = old.encrypt(ACCOUNT, *PLACE)
    assert both.decrypt(sealed, *PLACE) == ACCOUNT
    with pytest.raises(SealBroken, match="lacks key 'k1'"):
        new.decrypt(sealed, *PLACE)
    rewrapped = both.rewrap(sealed, *PLACE)
    assert rewrapped.startswith(both.prefix())
    assert not sealed.startswith(both.prefix())
    assert new.decrypt(rewrapped, *PLACE) == ACCOUNT
    with pytest.raises(SealBroken):
        old.decrypt(rewrapped, *PLACE)
    assert rewrapped[-len(ACCOUNT) - 28 :] == sealed[-len(ACCOUNT) - 28 :]  # the value itself was not touched


def test_a_value_under_another_key_of_the_same_name_does_not_open():
    with pytest.raises(SealBroken, match="does not open"):
        keyring(k1=NEW).decrypt(keyring(k1=OLD).encrypt(ACCOUNT, *PLACE), *PLACE)


def test_a_blind_index_is_the_same_for_the_same_text_and_outlives_rotation():
    before, after = keyring(k1=OLD, index=INDEX), keyring(k2=NEW, k1=OLD, index=INDEX)
    assert before.blind_index(ACCOUNT) == after.blind_index(ACCOUNT) != before.blind_index(ACCOUNT + " ")
    with pytest.raises(ValueError, match="index"):
        keyring(k1=OLD).blind_index(ACCOUNT)


def test_keys_are_read_from_text():
    encoded = base64.b64encode(NEW).decode(), base64.b64encode(OLD).decode()
    ring = Keyring.parse(f"k2:{encoded[0]}, k1:{encoded[1]}")
    assert ring.current == "k2"
    assert ring.decrypt(keyring(k1=OLD).encrypt(ACCOUNT, *PLACE), *PLACE) == ACCOUNT


@pytest.mark.parametrize(
    "text", ["", "k1", "k1:", "k1:AAAA", "k1:!!!!", "K1:" + "A" * 43 + "=", "index:" + "A" * 43 + "="]
)
def test_keys_that_cannot_be_used_are_refused(text):
    with pytest.raises(ValueError, match="key"):
        Keyring.parse(text)


def test_a_column_holds_ciphertext_under_its_engine_s_keys():
    table = sa.Table(
        "account", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("number", Encrypted(*PLACE))
    )
    engine = sa.create_engine("sqlite://")
    table.metadata.create_all(engine)
    with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="no keys"):
        connection.execute(sa.insert(table), {"id": 1, "number": ACCOUNT})
    use_keyring(engine, keyring(k1=OLD))
    with engine.begin() as connection:
        connection.execute(sa.insert(table), [{"id": 1, "number": ACCOUNT}, {"id": 2, "number": None}])
        stored = connection.execute(sa.text("SELECT number FROM account ORDER BY id")).scalars().all()
        assert connection.execute(sa.select(table.c.number).order_by(table.c.id)).scalars().all() == [ACCOUNT, None]
    assert ACCOUNT.encode() not in stored[0]
    assert stored[1] is None
