"""The realm as files: both profiles keep the promises that sign-in rests on."""

import json

import pytest

from infra.keycloak.realm import FOLDER, PROFILES, VALUES, render

VALUE = {name: f"the-{name}" for name in VALUES}


@pytest.fixture(params=PROFILES)
def realm(request):
    return render(request.param, VALUE)


def by_name(realm, client):
    return next(c for c in realm["clients"] if c["clientId"] == client)


def test_every_value_is_filled_in(realm):
    assert "{{" not in json.dumps(realm).replace("${", "")


def test_a_missing_value_is_named():
    with pytest.raises(ValueError, match="identity_secret"):
        render("local", VALUE | {"identity_secret": ""})


def test_the_gateway_signs_people_in_by_code_and_s256_only_at_its_exact_address(realm):
    gateway = by_name(realm, "heyi-gateway")

    assert gateway["redirectUris"] == ["the-gateway_url/auth/callback"]
    assert gateway["attributes"]["pkce.code.challenge.method"] == "S256"
    assert gateway["attributes"]["backchannel.logout.url"] == "the-gateway_backchannel_url/auth/backchannel-logout"
    assert gateway["standardFlowEnabled"]
    assert not gateway["publicClient"]
    assert not gateway["serviceAccountsEnabled"]


def test_no_client_takes_passwords_or_the_implicit_flow_or_all_roles(realm):
    for client in realm["clients"]:
        assert not client["directAccessGrantsEnabled"], client["clientId"]
        assert not client.get("implicitFlowEnabled"), client["clientId"]
        assert not client.get("fullScopeAllowed"), client["clientId"]


def test_every_token_of_ours_carries_audience_and_employee(realm):
    for client in realm["clients"]:
        if client["clientId"].startswith("heyi-"):
            mappers = {mapper["name"]: mapper["config"] for mapper in client["protocolMappers"]}
            assert mappers["audience"]["included.custom.audience"] == "heyi-services"
            assert mappers["employee_id"]["claim.name"] == "employee_id"


def test_only_identity_may_touch_people_and_it_may_nothing_else(realm):
    allowed = ["view-users", "query-users", "manage-users", "view-events"]
    assert realm["clientScopeMappings"] == {"realm-management": [{"client": "heyi-identity", "roles": allowed}]}
    rights = {user["username"]: user.get("clientRoles", {}) for user in realm["users"]}
    assert rights == {"service-account-heyi-identity": {"realm-management": allowed}, "admin": {}}


def test_tokens_live_two_minutes_and_guessing_is_stopped(realm):
    assert realm["accessTokenLifespan"] == 120
    assert realm["defaultSignatureAlgorithm"] == "PS256"
    assert (realm["revokeRefreshToken"], realm["refreshTokenMaxReuse"]) == (True, 0)
    assert (realm["bruteForceProtected"], realm["failureFactor"]) == (True, 5)
    assert realm["passwordPolicy"].startswith("length(12)")
    assert not realm["registrationAllowed"]


def test_people_are_never_asked_for_names_or_mail_and_cannot_change_who_they_are(realm):
    (component,) = realm["components"]["org.keycloak.userprofile.UserProfileProvider"]
    attributes = {a["name"]: a for a in json.loads(component["config"]["kc.user.profile.config"][0])["attributes"]}

    assert not any("required" in attribute for attribute in attributes.values())
    assert attributes["employee_id"]["permissions"] == {"view": ["admin"], "edit": ["admin"]}
    asked = {action["alias"] for action in realm["requiredActions"] if action["enabled"]}
    assert asked == {"CONFIGURE_TOTP", "UPDATE_PASSWORD", "update_user_locale"}


def test_an_administrator_who_begins_empty_changes_the_password_at_the_first_sign_in():
    (administrator,) = (user for user in render("empty", VALUE)["users"] if user["username"] == "admin")

    assert administrator["requiredActions"] == ["UPDATE_PASSWORD"]


def test_production_wants_encryption_and_a_second_factor_where_one_machine_does_not():
    local, production = (render(profile, VALUE) for profile in ("local", "production"))

    assert (local["sslRequired"], production["sslRequired"]) == ("external", "all")
    people = {profile["attributes"]["heyi.profile"]: profile["users"][-1] for profile in (local, production)}
    assert "requiredActions" not in people["local"]
    assert people["production"]["requiredActions"] == ["UPDATE_PASSWORD", "CONFIGURE_TOTP"]


def test_the_sign_in_pages_say_the_same_in_both_languages():
    folder = FOLDER / "themes" / "heyi" / "login" / "messages"
    own = {"username", "password"}  # Keycloak's English words are ours too
    zh, en = (
        {line.split("=")[0] for line in (folder / name).read_text("utf-8").splitlines() if "=" in line}
        for name in ("messages_zh_CN.properties", "messages_en.properties")
    )
    assert zh - own == en
