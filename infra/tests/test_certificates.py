"""The certificates of an instance: what they say, who may read the keys, and when they are made anew."""

import datetime

import pytest
from cryptography import x509

from infra.local import certificates, instance, machine
from infra.local.report import CannotContinueError

NOW = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)


def days(number):
    return NOW + datetime.timedelta(days=number)


def read(file):
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_a_certificate_says_which_part_it_is_and_keys_are_private(tmp_path):
    folder = tmp_path / "tls"
    assert certificates.prepare(folder, ["identity", "nats"], NOW) == ["ca", "identity", "nats"]
    names = read(folder / "identity.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["identity.heyi.internal", "localhost"]
    read(folder / "identity.pem").verify_directly_issued_by(read(folder / "ca.pem"))
    assert [file.name for file in folder.iterdir() if file.stat().st_mode & 0o077] == []
    assert folder.stat().st_mode & 0o077 == 0


def test_what_is_near_its_end_is_made_anew_and_nothing_else(tmp_path):
    certificates.prepare(tmp_path, ["identity"], NOW)
    first = (tmp_path / "identity.pem").read_bytes()
    assert certificates.prepare(tmp_path, ["identity"], days(59)) == []
    assert (tmp_path / "identity.pem").read_bytes() == first
    assert certificates.prepare(tmp_path, ["identity", "nats"], days(61)) == ["identity", "nats"]
    read(tmp_path / "identity.pem").verify_directly_issued_by(read(tmp_path / "ca.pem"))


def test_an_authority_near_its_end_takes_all_with_it(tmp_path):
    certificates.prepare(tmp_path, ["identity"], NOW)
    late = days(certificates.AUTHORITY_DAYS - certificates.PART_DAYS + 1)
    assert certificates.prepare(tmp_path, ["identity"], late) == ["ca", "identity"]
    read(tmp_path / "identity.pem").verify_directly_issued_by(read(tmp_path / "ca.pem"))


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "HOME", tmp_path)

    def make(said):
        monkeypatch.setenv("HEYI_TLS", said)
        return instance.Instance("scratch")

    return make


def test_whether_the_parts_speak_tls_is_chosen_once_and_kept(made):
    env = made("on").env()
    assert env["HEYI_ISSUER"].startswith("https://")
    assert env["HEYI_GATEWAY_PUBLIC_URL"].startswith("https://")
    assert all("sslmode=verify-full" in value for name, value in env.items() if name.endswith("DATABASE_URL"))
    assert made("").env() == env
    with pytest.raises(CannotContinueError, match="set up with TLS"):
        made("off").env()


def test_without_the_word_everything_is_as_it_was(made):
    env = made("").env()
    assert not [name for name in env if "_TLS_" in name]
    assert not [value for value in env.values() if "sslmode" in value or value.startswith("https://")]
    with pytest.raises(CannotContinueError, match="set up without TLS"):
        made("on").env()


def test_another_word_is_refused(made):
    with pytest.raises(CannotContinueError, match="on or off, not 'yes'"):
        made("yes").env()
