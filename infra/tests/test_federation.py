"""What a realm is joined to: settings that are safe or refused by name, and no secret in sight."""

import pytest

from infra.keycloak.federation import Federation, component, provider, read

LDAP = {
    "HEYI_LDAP_URL": "ldaps://ldap.example.com",
    "HEYI_LDAP_BASE": "ou=people,dc=example,dc=com",
    "HEYI_LDAP_BIND_DN": "cn=reader,dc=example,dc=com",
    "HEYI_LDAP_BIND_PASSWORD": "bind-secret",
}
BROKER = {
    "HEYI_BROKER_ISSUER": "https://sso.example.com/",
    "HEYI_BROKER_CLIENT_ID": "heyi",
    "HEYI_BROKER_SECRET": "broker-secret",
    "HEYI_BROKER_NAME": "企业微信",
}


def test_without_settings_the_realm_is_joined_to_nothing():
    assert read({}) == Federation()
    assert Federation().digest("key") == ""


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"HEYI_LDAP_URL": "ldap://ldap.example.com"}, "HEYI_LDAP_URL"),
        ({"HEYI_LDAP_URL": "http://ldap.example.com"}, "HEYI_LDAP_URL"),
        ({"HEYI_LDAP_BASE": ""}, "HEYI_LDAP_BASE"),
        ({"HEYI_LDAP_BIND_PASSWORD": ""}, "HEYI_LDAP_BIND_PASSWORD"),
        ({"HEYI_LDAP_VENDOR": "novell"}, "HEYI_LDAP_VENDOR"),
        ({"HEYI_BROKER_ISSUER": "http://sso.example.com"}, "HEYI_BROKER_ISSUER"),
        ({"HEYI_BROKER_SECRET": ""}, "HEYI_BROKER_SECRET"),
    ],
)
def test_what_is_missing_or_not_safe_is_refused_by_name(changed, named):
    with pytest.raises(ValueError, match=named) as caught:
        read(LDAP | BROKER | changed)
    assert "secret" not in str(caught.value).replace(named.lower(), "")


def test_start_tls_and_this_machine_need_no_ldaps():
    assert read(LDAP | {"HEYI_LDAP_URL": "ldap://ldap.example.com", "HEYI_LDAP_START_TLS": "on"}).directory.start_tls
    assert read(LDAP | {"HEYI_LDAP_URL": "ldap://127.0.0.1:3389"}).directory


def test_the_directory_is_never_written_and_nobody_is_made_at_a_first_sign_in():
    found = read(LDAP | BROKER)
    config = component(found.directory, "realm")["config"]

    assert (config["editMode"], config["syncRegistrations"]) == (["UNSYNCED"], ["false"])
    assert config["usernameLDAPAttribute"] == ["uid"]
    made = provider(found.broker, {"issuer": "https://sso.example.com"})
    assert made["firstBrokerLoginFlowAlias"] == "heyi first broker login"
    assert (made["trustEmail"], made["config"]["validateSignature"]) == (False, "true")


def test_active_directory_has_names_of_its_own():
    assert read(LDAP | {"HEYI_LDAP_VENDOR": "ad"}).directory.username == "sAMAccountName"
    assert read(LDAP | {"HEYI_LDAP_USERNAME": "employeeNumber"}).directory.username == "employeeNumber"


def test_secrets_show_in_no_log_and_a_new_one_is_noticed():
    found, other = read(LDAP | BROKER), read(LDAP | BROKER | {"HEYI_BROKER_SECRET": "another"})

    assert "-secret" not in repr(found)
    assert found.digest("key") != other.digest("key")
    assert found.digest("key") == read(LDAP | BROKER).digest("key")
