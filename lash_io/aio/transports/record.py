"""Any other transport, with what came written down."""

from __future__ import annotations

from pathlib import Path

from lash_proto.effects import CallHttp

from ...fixtures import Recorder, Recording
from ...flights import News
from ..driver import Flight, Transport

__all__ = ["RecordTransport"]


class RecordTransport:
    """Performs calls by `inner` and writes each response into a folder of `directory`; ReplayTransport reads them.

    Calls that get a credential are performed and leave no trace.
    """

    def __init__(self, inner: Transport, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._inner = inner
        self._recorder = Recorder(self.directory)

    def open(self, call: CallHttp) -> Flight:
        """The call's flight, overheard unless the call is not `recordable`."""
        flight = self._inner.open(call)
        return RecordFlight(flight, Recording(call, self._recorder)) if call.recordable else flight

    async def close(self) -> None:
        """Close the transport within."""
        await self._inner.close()


class RecordFlight:
    """A flight, overheard. One that is dropped is written as far as it came."""

    def __init__(self, inner: Flight, recording: Recording) -> None:
        self._inner = inner
        self._recording = recording
        self.bounded = inner.bounded

    async def receive(self, until: float | None) -> News | None:
        """What the flight within gives."""
        happening = await self._inner.receive(until)
        self._recording.hear(happening)
        return happening

    def interrupt(self) -> None:
        """Interrupt the flight within."""
        self._inner.interrupt()

    def close(self) -> None:
        """Drop the flight within, at once."""
        self._inner.close()
        self._recording.write(complete=False)
