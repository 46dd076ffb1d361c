"""Settings come from the environment, once."""

import pytest

from chassis.settings import MigrationSettings, ServiceSettings, SettingsMissing, SharedSettings

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


def test_no_secret_shows_in_a_repr():
    assert "hush" not in repr(ServiceSettings.read("procurement", ["KEYS"], variables=SERVICE))


def test_migration_needs_the_owner():
    with pytest.raises(SettingsMissing, match="HEYI_PROCUREMENT_OWNER_DATABASE_URL"):
        MigrationSettings.read("procurement", variables=SERVICE)
