"""Settings come from the environment, once."""

import datetime
import re

import pytest

from chassis.settings import MigrationSettings, ServiceSettings, SettingsMissing, SharedSettings
from infra.local import certificates

SHARED = {
    "HEYI_INSTANCE": "test",
    "HEYI_ISSUER": "http://127.0.0.1:1/realms/heyi",
    "HEYI_AUDIENCE": "heyi-services",
    "HEYI_TARGETS": "identity=127.0.0.1:1, approval=127.0.0.1:2",
}
SERVICE = SHARED | {
    "HEYI_PROCUREMENT_DATABASE_URL": "postgresql://procurement_app:hush@127.0.0.1/procurement",
    "HEYI_PROCUREMENT_LISTEN": "127.0.0.1:3",
    "HEYI_PROCUREMENT_NATS_URL": "nats://procurement:hush@127.0.0.1",
    "HEYI_PROCUREMENT_CLIENT_SECRET": "hush",
    "HEYI_PROCUREMENT_KEYS": "k1:hush",
}


def test_a_service_reads_its_own_variables():
    settings = ServiceSettings.read("procurement", ["KEYS"], variables=SERVICE)
    assert settings.listen == "127.0.0.1:3"
    assert settings.extras == {"KEYS": settings.keys} == {"KEYS": "k1:hush"}
    assert settings.shared.targets == {"identity": "127.0.0.1:1", "approval": "127.0.0.1:2"}
    assert (settings.shared.otlp_endpoint, settings.shared.log_level) == ("", "info")


def test_one_message_names_everything_that_is_missing():
    with pytest.raises(SettingsMissing) as missing:
        ServiceSettings.read("identity", ["KEYCLOAK_URL"], variables={"HEYI_INSTANCE": "test", "HEYI_ISSUER": " "})
    assert missing.value.problems == [
        "HEYI_AUDIENCE",
        "HEYI_IDENTITY_CLIENT_SECRET",
        "HEYI_IDENTITY_DATABASE_URL",
        "HEYI_IDENTITY_KEYCLOAK_URL",
        "HEYI_IDENTITY_LISTEN",
        "HEYI_IDENTITY_NATS_URL",
        "HEYI_ISSUER",
        "HEYI_TARGETS",
    ]
    assert "HEYI_TARGETS" in str(missing.value)


@pytest.mark.parametrize("targets", ["identity", "identity=", "=1", "identity=1,,approval=2"])
def test_targets_are_names_with_addresses(targets):
    with pytest.raises(SettingsMissing, match="HEYI_TARGETS"):
        SharedSettings.read(SHARED | {"HEYI_TARGETS": targets})


def test_a_probe_has_a_port_and_a_drain_its_seconds():
    assert (SharedSettings.read(SHARED).probe_port, SharedSettings.read(SHARED).drain_seconds) == (0, 0)
    told = SharedSettings.read(SHARED | {"HEYI_PROBE_PORT": "8081", "HEYI_DRAIN_SECONDS": "7.5"})
    assert (told.probe_port, told.drain_seconds) == (8081, 7.5)


@pytest.mark.parametrize("port", ["-1", "65536", "x", "٣"])
def test_a_port_is_a_number(port):
    with pytest.raises(SettingsMissing, match="HEYI_PROBE_PORT"):
        SharedSettings.read(SHARED | {"HEYI_PROBE_PORT": port})


def test_no_secret_shows_in_a_repr():
    assert "hush" not in repr(ServiceSettings.read("procurement", ["KEYS"], variables=SERVICE))


def test_migration_needs_the_owner():
    with pytest.raises(SettingsMissing, match="HEYI_PROCUREMENT_OWNER_DATABASE_URL"):
        MigrationSettings.read("procurement", variables=SERVICE)


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory):
    """The service's variables where TLS is on, with real certificates."""
    folder = tmp_path_factory.mktemp("tls")
    certificates.prepare(folder, ["procurement", "inventory"], datetime.datetime.now(datetime.UTC))
    return SERVICE | {
        "HEYI_ISSUER": "https://127.0.0.1:1/realms/heyi",
        "HEYI_PROCUREMENT_DATABASE_URL": f"postgresql://p:hush@127.0.0.1/p?sslmode=verify-full&sslrootcert={folder}/ca.pem",
        "HEYI_TLS_CA": f"{folder}/ca.pem",
        "HEYI_PROCUREMENT_TLS_CERT": f"{folder}/procurement.pem",
        "HEYI_PROCUREMENT_TLS_KEY": f"{folder}/procurement.key.pem",
    }


def test_certificates_are_read_at_start(over_tls):
    assert ServiceSettings.read("procurement", variables=SERVICE).tls is None
    tls = ServiceSettings.read("procurement", variables=over_tls).tls
    assert str(tls.key) == over_tls["HEYI_PROCUREMENT_TLS_KEY"]


@pytest.mark.parametrize("name", ["HEYI_TLS_CA", "HEYI_PROCUREMENT_TLS_CERT", "HEYI_PROCUREMENT_TLS_KEY"])
def test_certificates_are_all_there_or_none(over_tls, name):
    with pytest.raises(SettingsMissing) as missing:
        ServiceSettings.read("procurement", variables=over_tls | {name: ""})
    assert [problem.split()[0] for problem in missing.value.problems] == [name]
    assert "TLS needs it beside" in missing.value.problems[0]


@pytest.mark.parametrize("name", ["HEYI_TLS_CA", "HEYI_PROCUREMENT_TLS_CERT", "HEYI_PROCUREMENT_TLS_KEY"])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(over_tls, tmp_path, name):
    with pytest.raises(SettingsMissing, match=re.escape(f"{name} ({tmp_path}: Is a directory)")):
        ServiceSettings.read("procurement", variables=over_tls | {name: str(tmp_path)})
    with pytest.raises(SettingsMissing, match=re.escape(f"{name} ({tmp_path}/none: No such file or directory)")):
        ServiceSettings.read("procurement", variables=over_tls | {name: f"{tmp_path}/none"})


def test_a_key_of_another_certificate_is_refused(over_tls):
    other = over_tls["HEYI_PROCUREMENT_TLS_KEY"].replace("procurement", "inventory")
    with pytest.raises(SettingsMissing, match="belong together"):
        ServiceSettings.read("procurement", variables=over_tls | {"HEYI_PROCUREMENT_TLS_KEY": other})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEYI_ISSUER", "http://127.0.0.1:1/realms/heyi"),
        ("HEYI_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("HEYI_OTLP_ENDPOINT", "127.0.0.1:4317"),
        ("HEYI_PROCUREMENT_KEYCLOAK_URL", "http://127.0.0.1:1"),
        ("HEYI_PROCUREMENT_DATABASE_URL", "postgresql://p:hush@127.0.0.1/p"),
        ("HEYI_PROCUREMENT_DATABASE_URL", "postgresql://p:hush@127.0.0.1/p?sslmode=require"),
    ],
)
def test_with_certificates_no_address_is_asked_in_clear(over_tls, name, value):
    variables = over_tls | {"HEYI_PROCUREMENT_KEYCLOAK_URL": "https://127.0.0.1:1", name: value}
    with pytest.raises(SettingsMissing, match=f"{name} .*, as TLS is on") as missing:
        ServiceSettings.read("procurement", ["KEYCLOAK_URL"], variables=variables)
    assert "hush" not in str(missing.value)


def test_migration_speaks_tls_too(over_tls):
    owner = over_tls["HEYI_PROCUREMENT_DATABASE_URL"]
    settings = MigrationSettings.read(
        "procurement", variables=over_tls | {"HEYI_PROCUREMENT_OWNER_DATABASE_URL": owner}
    )
    assert settings.tls is not None
    plain = {"HEYI_PROCUREMENT_OWNER_DATABASE_URL": "postgresql://p:hush@127.0.0.1/p"}
    with pytest.raises(SettingsMissing, match="HEYI_PROCUREMENT_OWNER_DATABASE_URL"):
        MigrationSettings.read("procurement", variables=over_tls | plain)
