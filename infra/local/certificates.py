"""The private authority of an instance and one certificate for each part: `python -m infra.local.certificates FOLDER
PART...` makes what is missing or near its end.

A part's certificate bears the name that the suite knows it by (`chassis.tls.name_of`) and, because everything runs on
one machine, its loopback addresses. Keys are readable by their owner alone, the authority's too: it is not bound to
these names (gRPC's TLS library knows no constraint on addresses), so it is nobody's to trust but this instance's.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chassis.tls import name_of

AUTHORITY_DAYS = 3 * 365
# renewed when less than a third is left, at any start of a part
PART_DAYS, PART_DAYS_LEFT = 90, 30
LOOPBACK = ipaddress.ip_address("127.0.0.1")
_USAGES = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")


def prepare(folder: Path, parts: Sequence[str], now: datetime.datetime) -> list[str]:
    """Make the authority and the parts' certificates where they are missing or end soon; returns what was made.

    An authority that ends before the next certificates would takes all of them with it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    if _ends_within(folder / "ca.pem", PART_DAYS, now):
        for old in folder.glob("*.pem"):
            old.unlink()
        _make_authority(folder, now)
        made.append("ca")
    for part in parts:
        if _ends_within(folder / f"{part}.pem", PART_DAYS_LEFT, now):
            _make_part(folder, part, now)
            made.append(part)
    return made


def _ends_within(file: Path, days: int, now: datetime.datetime) -> bool:
    """Whether a certificate is missing, or has ended by then."""
    if not file.exists():
        return True
    ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    return ends < now + datetime.timedelta(days=days)


def _make_authority(folder: Path, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Heyi, the parts of one instance")])
    builder = (
        _certificate(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write(folder / "ca.key.pem", _as_pem(key))
    _write(folder / "ca.pem", builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _make_part(folder: Path, part: str, now: datetime.datetime) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signing = serialization.load_pem_private_key((folder / "ca.key.pem").read_bytes(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name_of(part))])
    names = [x509.DNSName(name_of(part)), x509.DNSName("localhost"), x509.IPAddress(LOOPBACK)]
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _certificate(name, authority.subject, key.public_key(), now, PART_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    _write(folder / f"{part}.key.pem", _as_pem(key))
    _write(folder / f"{part}.pem", builder.sign(signing, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    """What both sorts have; valid from an hour ago, because clocks differ."""
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(hours=1),
        not_valid_after=now + datetime.timedelta(days=days),
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    names = (*_USAGES, "decipher_only", "digital_signature", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(**{name: name in allowed for name in names})


def _as_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and never readable by others."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(content)
    draft.replace(file)


if __name__ == "__main__":
    for what in prepare(Path(sys.argv[1]), sys.argv[2:], datetime.datetime.now(datetime.UTC)):
        print(what)
