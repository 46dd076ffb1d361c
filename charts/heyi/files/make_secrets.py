"""python make_secrets.py SECRETS.JSON [FOLDER]: make the Secrets that are missing, or keys that are missing in them: as
they are in FOLDER (out of a backup), else new. What is there stays as it is.
"""

import base64
import json
import os
import secrets
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("SERVICE_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
BEFORE = Path(sys.argv[2]) if len(sys.argv) > 2 else None
MADE = {
    "password": lambda: "h" + secrets.token_hex(24),
    # to be typed once by a person
    "phrase": lambda: "-".join(secrets.token_hex(2) for _ in range(5)),
    "keyring": lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


def ask(method, path, body=None):
    """The cluster's API: the answer, or None where there is no such thing."""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": kind}
    url = os.environ["API"] + f"/api/v1/namespaces/{os.environ['NAMESPACE']}/secrets{path}"
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    trusted = ssl.create_default_context(cafile=ACCOUNT / "ca.crt") if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=20, context=trusted) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404 and method == "GET":
            return None
        raise SystemExit(f"{method} {path or '/'}: {error.code} {error.read().decode()[:300]}") from None


def value(name, key, kind):
    """Of one key: as it was, or new. A kind beginning with `=` is the value itself."""
    before = BEFORE / name / key if BEFORE else None
    if before and before.exists():
        return before.read_text()
    return kind[1:] if kind.startswith("=") else MADE[kind]()


def see_to(name, wanted, labels):
    """One Secret: its missing keys are made."""
    found = ask("GET", f"/{name}")
    missing = [key for key in wanted if key not in ((found or {}).get("data") or {})]
    values = {key: value(name, key, wanted[key]) for key in missing}
    if found is None:
        metadata = {"name": name, "labels": labels}
        ask("POST", "", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})
    elif missing:
        ask("PATCH", f"/{name}", {"stringData": values})
    print(f"{name}: {'made ' + ', '.join(missing) if missing else 'is complete'}", flush=True)


spec = json.loads(Path(sys.argv[1]).read_text())
for name, wanted in spec["secrets"].items():
    see_to(name, wanted, spec["labels"])
