"""The people who act in the demo; each signs in when first needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from infra.local.demo.door import Door
from infra.local.demo.records import PASSWORD

ADMINISTRATOR = "admin"


@dataclass
class Cast:
    """Everybody's session at one gateway."""

    address: str
    authority: str = ""
    _doors: dict[str, Door] = field(default_factory=dict)
    _signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def door(self, username: str = ADMINISTRATOR) -> Door:
        """A person's session."""
        async with self._signing_in:
            if username not in self._doors:
                door = Door(self.address, self.authority)
                self._doors[username] = door
                await door.sign_in(username, PASSWORD)
        return self._doors[username]

    async def leave(self) -> None:
        """Close every connection; the sessions end by themselves."""
        for door in self._doors.values():
            await door.close()
