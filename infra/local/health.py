"""Wait until gRPC servers say SERVING: `python -m infra.local.health SECONDS ADDRESS...`; ends with 1 when one does
not in time.
"""

from __future__ import annotations

import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def serving(address: str, *, until: float) -> bool:
    """Ask one server until it serves or the time is up."""
    with grpc.insecure_channel(address) as channel:
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
    sys.exit(0 if all(serving(address, until=deadline) for address in sys.argv[2:]) else 1)
