#!/usr/bin/env python3
"""Debian's Firefox as Playwright wants it: started by this program, which passes on what both say (WebDriver BiDi).

Playwright emulates light and dark in every window by a command that the ESR does not know yet, and gives up when it is
refused. Here that one command is answered in the browser's stead; everything else is passed on as it is. It dies with
the first ESR that knows the command.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys

import websockets.asyncio.client as client
import websockets.asyncio.server as server

UNKNOWN = "emulation.setMediaFeaturesOverride"
ANNOUNCED = "WebDriver BiDi listening on "


async def main() -> int:
    """Run the browser until it ends; its exit code."""
    browser = await asyncio.create_subprocess_exec(
        os.environ["HEYI_FIREFOX"], *sys.argv[1:], stderr=asyncio.subprocess.PIPE
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, browser.terminate)
    assert browser.stderr is not None
    async with contextlib.AsyncExitStack() as stack:
        async for raw in browser.stderr:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(ANNOUNCED):
                behind = line.removeprefix(ANNOUNCED)
                proxy = await stack.enter_async_context(
                    server.serve(lambda front, there=behind: pass_on(front, there), "127.0.0.1", 0, max_size=None)
                )
                port = next(iter(proxy.sockets)).getsockname()[1]
                line = f"{ANNOUNCED}ws://127.0.0.1:{port}"
            print(line, file=sys.stderr, flush=True)
        return await browser.wait()


async def pass_on(front: server.ServerConnection, behind: str) -> None:
    """Both ways, until one of them ends."""
    assert front.request is not None
    async with client.connect(behind + front.request.path, max_size=None, compression=None, origin=None) as back:

        async def out() -> None:
            async for said in front:
                command = json.loads(said)
                if command["method"] == UNKNOWN:
                    await front.send(json.dumps({"type": "success", "id": command["id"], "result": {}}))
                else:
                    await back.send(said)

        async def home() -> None:
            async for said in back:
                await front.send(said)

        done, rest = await asyncio.wait(
            [asyncio.create_task(out()), asyncio.create_task(home())], return_when=asyncio.FIRST_COMPLETED
        )
        for task in rest:
            task.cancel()
        await asyncio.gather(*done, *rest, return_exceptions=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
