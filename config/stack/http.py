"""The one HTTP question that the supervisor asks its children: do you answer 200?"""

from __future__ import annotations

import asyncio
import contextlib

from config.stack.ports import LOOPBACK


async def answers_200(port: int, path: str, host: str, timeout: float = 2.0) -> bool:
    """Say whether GET `path` on a loopback port gives 200 within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return status.split()[1:2] == [b"200"]
