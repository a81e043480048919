"""Interrupts that come in the moment in which what they are to end has ended by itself."""

from __future__ import annotations

import anyio
import pytest

from lash_io.aio.transports.stream import StreamTransport
from lash_proto.effects import CallHttp
from lash_proto.happenings import Connected


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_that_comes_as_the_request_gets_out_is_heard(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    class Connection:
        def send_at_once(self, data: bytes) -> bool:
            return False

        async def send(self, data: bytes) -> None:
            sent.append(data)
            flight.interrupt()  # from the loop, before the task that sent goes on

        async def read(self, until: float | None) -> bytes | None:
            raise AssertionError("it waits for an answer that nobody wants any more")

        def close(self) -> None:
            pass

    async def connect(*_: object) -> Connection:
        return Connection()

    monkeypatch.setattr("lash_io.aio.transports.stream.connect", connect)
    flight = StreamTransport().open(CallHttp(1, "POST", "http://x.test/", (), b"{}"))

    async def main() -> None:
        assert await flight.receive(None) == Connected(1)
        assert await flight.receive(None) is None
        assert len(sent) == 1

    anyio.run(main, backend=backend)
