"""Questions to a service of several processes go to all of them in turn."""

import asyncio

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis.clients import CHANNEL_OPTIONS
from chassis.server import SERVER_OPTIONS
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


async def test_no_call_is_lost_where_a_connection_comes_of_age():
    """Servers end connections after a while, so that callers learn of replicas that came later; callers go on."""
    seen: set[str] = set()

    async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        seen.add(context.peer())
        return request

    of_age = "grpc.max_connection_age_ms"
    options = dict(SERVER_OPTIONS)
    assert options[of_age] <= 60_000
    server = grpc.aio.server(options=list((options | {of_age: 100}).items()))
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("aging", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with channel("identity", f"127.0.0.1:{port}", CHANNEL_OPTIONS, None) as client:
        echo = client.unary_unary("/aging/Echo")
        sent = 0
        while len(seen) < 5:
            answers = await asyncio.gather(*(echo(b"%d" % each, timeout=5) for each in range(50)))
            assert answers == [b"%d" % each for each in range(50)]
            sent += len(answers)

    assert sent >= 250
    await server.stop(None)
