"""The runner of one machine: `python3 -m infra.local up|down|status|logs|reset|demo|env|start|stop [part]`, INSTANCE
in the environment.

Needs nothing but Python's standard library, because it also makes the environment that everything else runs in.
"""

from __future__ import annotations

import argparse
import os
import sys

from infra.local.instance import COMPANIES, DEMO_PASSWORD, Instance
from infra.local.report import CannotContinueError


def main() -> int:
    """Do what the command line says; a missing thing ends with its plain words and 1."""
    instance = Instance(os.environ.get("INSTANCE", "up"))
    parser = argparse.ArgumentParser(prog="python3 -m infra.local", description="Run the whole suite on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start everything that is not running")
    up.add_argument("--infra", action="store_true", help="only PostgreSQL, NATS and Keycloak")
    up.add_argument("--company", choices=COMPANIES, help="what it holds from its first start (demo)")
    up.add_argument("--no-demo", action="store_true", help="without the fictional company")
    for verb, text in {
        "down": "stop everything, the data stays",
        "status": "what runs, where, and whether it is healthy",
        "reset": "stop everything and throw the data away",
        "demo": "fill in the fictional company",
    }.items():
        verbs.add_parser(verb, help=text)
    env = verbs.add_parser("env", help="print the configuration as `export` lines")
    env.add_argument("--keycloak", action="store_true", help="for kc.sh: its home and its database")
    logs = verbs.add_parser("logs", help="the last lines of the logs; follows them on a terminal")
    logs.add_argument("part", nargs="?", choices=instance.parts)
    for verb in ("start", "stop", "kill"):
        verbs.add_parser(verb, help=f"{verb} one part").add_argument("part", choices=instance.parts)
    chosen = parser.parse_args()
    if chosen.verb == "up":
        instance = Instance(instance.name, company=chosen.company)
    try:
        match chosen.verb:
            case "up":
                instance.up(demo=not chosen.no_demo, only_infrastructure=chosen.infra)
                _welcome(instance, only_infrastructure=chosen.infra)
            case "down":
                instance.down()
                instance.report.line("Everything is stopped; the data stays. `make up` starts it again.")
            case "status":
                return _status(instance)
            case "reset":
                _reset(instance)
            case "demo":
                instance.demo()
            case "env":
                chosen_env = instance.keycloak.tool_env() if chosen.keycloak else instance.env()
                print("\n".join(f"export {name}='{value}'" for name, value in chosen_env.items()))
            case "logs":
                _logs(instance, [chosen.part] if chosen.part else instance.parts)
            case "start" | "stop" | "kill":
                getattr(instance, chosen.verb)(chosen.part)
                instance.report.line(f"{chosen.part}: {'running' if instance.pid(chosen.part) else 'not running'}")
    except CannotContinueError as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    return 0


def _welcome(instance: Instance, *, only_infrastructure: bool) -> None:
    instance.report.line("Everything is running.")
    if only_infrastructure:
        print(
            f"\n  PostgreSQL, NATS and Keycloak ({instance.keycloak.url}) are there; "
            "`python3 -m infra.local env` prints how to reach them."
        )
        return
    print(f"\n  合一 Heyi   {instance.url}\n")
    if instance.empty:
        print("    admin           系统管理员  the administrator of a suite that holds nothing yet")
        print(f"\n  First password: {instance.first_password}  (to be changed at the first sign-in; it ends there)")
        print(f"  The other verbs reach it with INSTANCE={instance.name}: make status | make logs | make down\n")
        return
    logins = instance.logins() or [{"username": "admin", "name": "管理员", "post": "Administrator", "what": ""}]
    for login in logins:
        about = " — ".join(word for word in (login["post"], login.get("what")) if word)
        print(f"    {login['username']:<16}{login['name']}  {about}")
    print(f"\n  Password of all of them: {DEMO_PASSWORD}\n  make status | make logs | make down\n")


def _status(instance: Instance) -> int:
    if not (instance.folder / "instance.json").exists():
        print(f"The instance {instance.name!r} was never started. `make up` starts it.")
        return 1
    print(f"{'part':<12}{'state':<14}{'pid':>8}{'memory MiB':>12}  ports")
    ports, all_well = instance.facts["ports"], True
    for part in instance.parts:
        pid = instance.pid(part)
        state = "stopped" if pid is None else "healthy" if instance.healthy(part) else "not ready"
        memory = instance.processes.memory_mib(pid) if pid else None
        listens = {name: port for name, port in ports.items() if name in instance.hosts.get(part, (part,))}
        print(
            f"{part:<12}{state:<14}{pid or '':>8}{f'{memory:.0f}' if memory is not None else '':>12}  "
            f"{', '.join(str(p) if n == part else f'{n} {p}' for n, p in listens.items())}"
        )
        all_well &= state == "healthy"
    print(f"\nAddress: {instance.url}\nData:    {instance.facts['data']}\nLogs:    {instance.processes.logs}")
    return 0 if all_well else 1


def _reset(instance: Instance) -> None:
    if sys.stdin.isatty() and os.environ.get("YES") != "1":
        print(f"This throws away all data of the instance {instance.name!r} ({instance.folder}).")
        if input("Type its name to go on: ").strip() != instance.name:
            raise CannotContinueError("Nothing was changed.")
    instance.reset()
    instance.report.line(f"The data of the instance {instance.name!r} is gone. `make up` begins anew.")


def _logs(instance: Instance, parts: list[str]) -> None:
    files = [str(log) for part in parts if (log := instance.processes.log(part)).exists()]
    if not files:
        raise CannotContinueError("There are no logs yet.")
    follow = ["-F"] if sys.stdout.isatty() else []
    os.execvp("tail", ["tail", "-n", "40", *follow, *files])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
