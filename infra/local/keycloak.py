"""Keycloak of an instance: the shared built files, a home of its own, the realm imported at its first start.

What the realm is joined to (infra/keycloak/federation.py) is compared at each start; where the settings changed, they
are brought in by an administrator that Keycloak's own tool makes for the moment.

The bootstrap administrator exists only until the realm stands: then a disabled account without rights takes its place
(an empty master realm would offer to make an administrator to whoever opens the page) and it is deleted. `kc.sh
bootstrap-admin` makes a new one when an operator needs it (docs/runbook.md).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.keycloak.federation import Administrator, Federation, apply
from infra.keycloak.realm import render
from infra.local import machine
from infra.local.processes import Processes
from infra.local.report import CannotContinueError, until
from infra.local.tls import TlsFiles

_BOOTSTRAP, _HELPER = "bootstrap", "heyi-joining"
_MEMORY = (
    "-Xms64m",
    "-Xmx320m",
    "-XX:MetaspaceSize=96M",
    "-XX:MaxMetaspaceSize=192m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
)
_FORK_JOIN = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
_OPENS = ("java.util", "java.util.concurrent", "java.security", "java.lang")


class Keycloak:
    """The sign-in server of one instance, its home in `home`."""

    def __init__(
        self,
        processes: Processes,
        home: Path,
        *,
        port: int,
        database_url: str,
        database_password: str,
        bootstrap_password: str,
        tls: TlsFiles | None = None,
        trusted: str = "",
    ) -> None:
        """`trusted`: a file with the authority of the company's directory or provider."""
        self.processes = processes
        self.home = home
        self.port = port
        self.tls = tls
        self.trusted = trusted
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.issuer = f"{self.url}/realms/heyi"
        self.database_url = database_url
        self.database_password = database_password
        self.bootstrap_password = bootstrap_password

    def start(self, profile: str, values: Mapping[str, str]) -> None:
        """Start the server and wait until the realm answers; the first time, import it and seal the master realm."""
        sealed = self.home / "sealed"
        if self.processes.pid("keycloak") is None:
            self._lay_out_home()
            realm = self.home / "data" / "import" / "heyi-realm.json"
            if not sealed.exists():
                realm.parent.mkdir(parents=True, exist_ok=True)
                realm.touch(mode=0o600)
                realm.write_text(json.dumps(render(profile, values), ensure_ascii=False), "utf-8")
            self.processes.start(
                "keycloak",
                self._command(first=not sealed.exists()),
                env=self._env(first=not sealed.exists()),
                cwd=self.home,
            )
        until(self.answers, seconds=300, every=0.25, otherwise=lambda: self._trouble("Keycloak does not answer"))
        if not sealed.exists():
            self._take_bootstrap_administrator_away()
            shutil.rmtree(self.home / "data" / "import", ignore_errors=True)
            sealed.touch()

    def join(self, federation: Federation) -> bool:
        """Join the realm to the company's directory and provider, where that is not done; whether it was to do."""
        note = self.home / "joined"
        wanted = federation.digest(self.bootstrap_password)
        if wanted == (note.read_text() if note.exists() else ""):
            return False
        with self.administrator() as admin:
            apply(admin, federation)
        note.touch(mode=0o600)
        note.write_text(wanted)
        return True

    @contextlib.contextmanager
    def administrator(self) -> Iterator[Administrator]:
        """A service account with all rights, made by Keycloak's own tool in its database and gone at the end."""
        client, secret = f"{_HELPER}-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        tool = [str(self.home / "bin" / "kc.sh"), "bootstrap-admin", "service", "--optimized", "--no-prompt"]
        env = {
            **os.environ,
            **self.tool_env(),
            "HEYI_SECRET": secret,
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx256m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }
        machine.run(
            [*tool, f"--client-id={client}", "--client-secret:env=HEYI_SECRET"],
            env=env,
            saying="Keycloak's own tool could not make an administrator for the moment",
        )
        admin = Administrator(self.url, client, secret, context=self.tls.context() if self.tls else None)
        try:
            yield admin
        finally:
            admin.leave()

    def healthy(self) -> bool:
        return self.processes.pid("keycloak") is not None and self.answers()

    def stop(self) -> bool:
        return self.processes.stop("keycloak")

    def answers(self) -> bool:
        """Ask for the realm's description; its issuer names our port, so a stranger is told from ours."""
        if self.processes.pid("keycloak") is None:
            raise CannotContinueError(self._trouble("Keycloak ended"))
        try:
            with self._open(f"{self.issuer}/.well-known/openid-configuration", seconds=5) as answer:
                issuer = json.load(answer)["issuer"]
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False
        if issuer != self.issuer:
            raise CannotContinueError(f"Another Keycloak answers at port {self.port} ({issuer}).")
        return True

    def tool_env(self) -> dict[str, str]:
        """Return what Keycloak's own tool (kc.sh) needs to work on this instance's database."""
        return {
            "HEYI_KEYCLOAK_HOME": str(self.home),
            "JAVA": str(machine.java()),
            "KC_DB_URL": self.database_url,
            "KC_DB_USERNAME": "keycloak",
            "KC_DB_PASSWORD": self.database_password,
            "KC_CACHE": "local",
        }

    def _lay_out_home(self) -> None:
        """Make the home: Keycloak's own files are links to the shared ones, themes are links to the repository's."""
        files = machine.keycloak_files()
        (self.home / "data").mkdir(parents=True, exist_ok=True)
        links = {"lib": files / "lib", "providers": files / "providers", "conf": files / "conf", "bin": files / "bin"}
        for name, target in {**links, "themes": machine.ROOT / "infra" / "keycloak" / "themes"}.items():
            link = self.home / name
            if not link.is_symlink() or link.readlink() != target:
                link.unlink(missing_ok=True)
                link.symlink_to(target)

    def _command(self, *, first: bool) -> list[str]:
        flags = [*_MEMORY, *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS)]
        properties = {
            "kc.home.dir": self.home,
            "jboss.server.config.dir": self.home / "conf",
            "java.util.logging.manager": "org.jboss.logmanager.LogManager",
            "java.util.concurrent.ForkJoinPool.common.threadFactory": _FORK_JOIN,
            "picocli.disable.closures": "true",
            "file.encoding": "UTF-8",
            "user.language": "en",
            "java.security.egd": "file:/dev/urandom",
            "java.net.preferIPv4Stack": "true",
        }
        options = [
            f"--hostname={self.url}",
            "--http-host=127.0.0.1",
            "--cache=local",
            *self._listener(),
        ]
        options += [
            f"--db-url={self.database_url}",
            "--db-username=keycloak",
            "--db-pool-initial-size=2",
            "--db-pool-max-size=20",
            "--log-level=warn,org.keycloak.services:info",
            # the rest of the cores stays with the suite, and with those who have typed theirs already
            f"--spi-password-hashing--argon2--cpu-cores={max(1, (os.cpu_count() or 1) // 2)}",
        ]
        return [
            str(machine.java()),
            *flags,
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-cp",
            str(self.home / "lib" / "quarkus-run.jar"),
            "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
            "start",
            "--optimized",
            *options,
            *(["--import-realm"] if first else []),
        ]

    def _listener(self) -> list[str]:
        """One door; and whom to trust, with TLS also when the gateway is told of a sign-out."""
        authorities = [str(self.tls.authority)] if self.tls else []
        authorities += [self.trusted] if self.trusted else []
        trust = [f"--truststore-paths={','.join(authorities)}"] if authorities else []
        if self.tls is None:
            return ["--http-enabled=true", f"--http-port={self.port}", *trust]
        return [
            "--http-enabled=false",
            f"--https-port={self.port}",
            f"--https-certificate-file={self.tls.certificate('keycloak')}",
            f"--https-certificate-key-file={self.tls.key('keycloak')}",
            *trust,
        ]

    def _env(self, *, first: bool) -> dict[str, str]:
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "KC_DB_PASSWORD": self.database_password}
        bootstrap = {"KC_BOOTSTRAP_ADMIN_USERNAME": _BOOTSTRAP, "KC_BOOTSTRAP_ADMIN_PASSWORD": self.bootstrap_password}
        return env | bootstrap if first else env

    def _take_bootstrap_administrator_away(self) -> None:
        login = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": _BOOTSTRAP,
            "password": self.bootstrap_password,
        }
        form = urllib.parse.urlencode(login).encode()
        try:
            with self._open(f"{self.url}/realms/master/protocol/openid-connect/token", form) as answer:
                token = json.load(answer)["access_token"]
        except urllib.error.HTTPError as refusal:
            if refusal.code in (400, 401):  # an earlier start got this far and was interrupted before it could note it
                return
            raise
        users = f"{self.url}/admin/realms/master/users"
        if not self._admin("GET", f"{users}?username=nobody&exact=true", token):
            self._admin("POST", users, token, {"username": "nobody", "enabled": False})
        for user in self._admin("GET", f"{users}?username={_BOOTSTRAP}&exact=true", token):
            self._admin("DELETE", f"{users}/{user['id']}", token)

    def _admin(self, method: str, url: str, token: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            url, data, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, method=method
        )
        with self._open(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _open(self, what: str | urllib.request.Request, form: bytes | None = None, *, seconds: float = 30) -> Any:
        context = self.tls.context() if self.tls else None
        return urllib.request.urlopen(what, form, timeout=seconds, context=context)

    def _trouble(self, what: str) -> str:
        return f"{what} (port {self.port}). Its last words:\n{self.processes.last_words('keycloak')}"
