"""`python -m infra.keycloak production` prints the realm of a profile as JSON, values from HEYI_REALM_<NAME> in the
environment. `python -m infra.keycloak join` joins a running realm to the company's directory and sign-in provider
(federation.py has the settings), as the service account that HEYI_REALM_ADMIN_CLIENT and HEYI_REALM_ADMIN_SECRET name,
at the Keycloak of HEYI_REALM_ADMIN_URL.
"""

import json
import os
import sys

from infra.keycloak.federation import Administrator, apply, read
from infra.keycloak.realm import PROFILES, VALUES, render


def join() -> None:
    names = ("HEYI_REALM_ADMIN_URL", "HEYI_REALM_ADMIN_CLIENT", "HEYI_REALM_ADMIN_SECRET")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ValueError(f"The realm cannot be joined without: {', '.join(missing)}")
    url, client, secret = (os.environ[name] for name in names)
    apply(Administrator(url, client, secret), read(os.environ))


if len(sys.argv) != 2 or sys.argv[1] not in (*PROFILES, "join"):
    sys.exit(
        f"usage: python -m infra.keycloak {'|'.join((*PROFILES, 'join'))}\n"
        f"values: {', '.join(f'HEYI_REALM_{value.upper()}' for value in VALUES)}"
    )
try:
    if sys.argv[1] == "join":
        join()
        sys.exit()
    realm = render(sys.argv[1], {name: os.environ.get(f"HEYI_REALM_{name.upper()}", "") for name in VALUES})
except ValueError as error:
    sys.exit(str(error))
print(json.dumps(realm, ensure_ascii=False, indent=2))
