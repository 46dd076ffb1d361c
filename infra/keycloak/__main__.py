"""Print the realm of a profile as JSON: `python -m infra.keycloak production`, values from HEYI_REALM_<NAME> in the
environment.
"""

import json
import os
import sys

from infra.keycloak.realm import PROFILES, VALUES, render

if len(sys.argv) != 2 or sys.argv[1] not in PROFILES:
    sys.exit(
        f"usage: python -m infra.keycloak {'|'.join(PROFILES)}\n"
        f"values: {', '.join(f'HEYI_REALM_{value.upper()}' for value in VALUES)}"
    )
try:
    realm = render(sys.argv[1], {name: os.environ.get(f"HEYI_REALM_{name.upper()}", "") for name in VALUES})
except ValueError as error:
    sys.exit(str(error))
print(json.dumps(realm, ensure_ascii=False, indent=2))
