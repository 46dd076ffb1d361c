"""Questions to a service of several processes go to all of them in turn."""

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis.clients import CHANNEL_OPTIONS
from chassis.tls import channel

UP, DOWN = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def test_every_address_of_a_name_is_asked():
    servers, ports = [], []
    for status in (UP, DOWN):
        servicer = health.aio.HealthServicer()
        await servicer.set("", health_pb2.HealthCheckResponse(status=status).status)
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        servers.append(server)
    address = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with channel("identity", address, CHANNEL_OPTIONS, None) as both:
        asked = health_pb2_grpc.HealthStub(both)
        request = health_pb2.HealthCheckRequest()
        # the second connection may stand a moment after the first
        answers = {(await asked.Check(request, timeout=5, wait_for_ready=True)).status for _ in range(200)}

    assert answers == {UP, DOWN}
    for server in servers:
        await server.stop(None)
