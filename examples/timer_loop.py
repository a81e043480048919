"""A model call inside a loop that somebody else runs and that only offers timers, as toolkits for windows do.

`TimerLoop` stands for it: `after(milliseconds, function)` is tkinter's name for what Qt calls `QTimer.singleShot` and
GLib `timeout_add`. Nothing here waits: each tick looks whether the socket has something, feeds the machine, and asks to
be called again. The window stays alive, and closing it drops the call.
"""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from lash_proto import Abort, CallHttp, Cancelled, Connected, Done, Failed, Http1Exchange, LlmRequest, TextDelta, Woke
from lash_proto.providers import anthropic

TICK = 5  # milliseconds


_START = time.time() - time.monotonic()


def now() -> float:
    """Seconds since the epoch, by a clock that never runs backwards."""
    return _START + time.monotonic()


class TimerLoop:
    """As little of a toolkit's loop as shows the point."""

    def __init__(self) -> None:
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def after(self, milliseconds: float, function: Callable[[], object]) -> None:
        """Call a function later."""
        heapq.heappush(self._timers, (time.monotonic() + milliseconds / 1000, next(self._order), function))

    def run(self) -> None:
        """Until nobody wants to be called any more."""
        while self._timers:
            due, _, function = heapq.heappop(self._timers)
            time.sleep(max(0.0, due - time.monotonic()))
            function()


class Ticking:
    """A machine under way in a loop of timers. `show` gets its events, `finished` its result."""

    def __init__(
        self, loop: TimerLoop, machine: Any, show: Callable[[Any], object], finished: Callable[[Any], object]
    ) -> None:
        self._loop = loop
        self._machine = machine
        self._show = show
        self._finished = finished
        self._socket: socket.socket | None = None
        self._http: Http1Exchange | None = None
        self._to_send = b""
        self._done = False
        self._carry_out(machine.start(now()))
        self._tick()

    def cancel(self) -> None:
        """The window was closed."""
        self._feed(Cancelled())

    def _tick(self) -> None:
        if self._done:
            return
        for happening in self._look():
            self._feed(happening)
        wake_at = self._machine.wake_at
        if wake_at is not None and now() >= wake_at and not self._done:
            self._feed(Woke())
        self._loop.after(TICK, self._tick)

    def _look(self) -> list[Any]:
        """What happened since the last tick, without waiting for more."""
        if self._socket is None or self._http is None:
            return []
        try:
            if self._to_send:
                if not select.select([], [self._socket], [], 0)[1]:
                    return []
                self._to_send = self._to_send[self._socket.send(self._to_send) :]
                return [] if self._to_send else [Connected(self._http.call.id)]
            happenings = list(self._http.receive(self._socket.recv(65536)))
        except (BlockingIOError, InterruptedError):
            return []
        except OSError as error:
            happenings = [Failed(self._http.call.id, "connection", str(error))]
        if any(isinstance(happening, Failed) for happening in happenings) or self._http.ended:
            self._drop()
        return happenings

    def _feed(self, happening: Any) -> None:
        if not self._done:
            self._carry_out(self._machine.receive(happening, now()))

    def _carry_out(self, outputs: list[Any]) -> None:
        for output in outputs:
            match output:
                case CallHttp():
                    self._http = Http1Exchange(output)
                    self._to_send = self._http.to_send()
                    # A name would be looked up while the window waits: toolkits have resolvers of their own.
                    self._socket = socket.socket(socket.AF_INET6 if ":" in self._http.origin.host else socket.AF_INET)
                    self._socket.setblocking(False)
                    self._socket.connect_ex((self._http.origin.host, self._http.origin.port))
                case Abort():
                    self._drop()
                case Done(result=result):
                    self._done = True
                    self._drop()
                    self._finished(result)
                case event:
                    self._show(event)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def main(base_url: str, prompt: str) -> None:
    """Stream an answer while a clock ticks beside it."""
    loop = TimerLoop()
    machine = anthropic("a key", base_url=base_url).exchange(LlmRequest(prompt), "claude-opus-5")
    Ticking(
        loop,
        machine,
        lambda event: print(event.text, end="", flush=True) if isinstance(event, TextDelta) else None,
        lambda response: print(f"\n({response.stop_reason})"),
    )
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
