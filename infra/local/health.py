"""Wait until services say SERVING: `python -m infra.local.health SECONDS NAME=ADDRESS...`; ends with 1 when one does
not in time. Asks over TLS where the environment names the runner's certificate.
"""

from __future__ import annotations

import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.settings import Environment
from chassis.tls import Tls, named


def opened(service: str, address: str, tls: Tls | None) -> grpc.Channel:
    """A channel to one service."""
    if tls is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, tls.channel_credentials(), options=[named(service)])


def serving(service: str, address: str, tls: Tls | None, *, until: float) -> bool:
    """Ask one server until it serves or the time is up."""
    with opened(service, address, tls) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=2)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return True
            except grpc.RpcError as refusal:
                if refusal.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
            if time.monotonic() > until:
                return False
            time.sleep(0.1)


if __name__ == "__main__":
    deadline = time.monotonic() + float(sys.argv[1])
    environment = Environment()
    certificates = environment.tls("runner")
    environment.check()
    asked = [word.partition("=") for word in sys.argv[2:]]
    sys.exit(0 if all(serving(name, address, certificates, until=deadline) for name, _, address in asked) else 1)
