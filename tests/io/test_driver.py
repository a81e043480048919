"""The drivers: every machine, the same on blocking code, asyncio and trio."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from attrs import define

import lash_io.aio
import lash_io.blocking
from lash_io.cancel import CancelToken
from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Failed, HeadReceived, ToolReturned
from lash_proto.machine import Done
from lash_proto.messages import ToolCallPart
from tests.io.loopback import PATIENCE, Server, until_hung_up
from tests.io.machines import OneCall, Toy
from tests.io.worlds import WORLDS, FakeClock, run_all

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def add(effect: RunTool) -> int:
    arguments = effect.call.arguments
    return int(arguments["a"]) + int(arguments["b"])


async def add_async(effect: RunTool) -> int:
    await anyio.lowlevel.checkpoint()
    return add(effect)


def approve(effect: AskHost) -> str:
    return f"{effect.name} {effect.value}: no"


def stream(clock: Any) -> Any:
    return lambda twin: twin.transports.StreamTransport(clock=clock)


def toy_outcome(answers: dict[int, Any], now: float) -> list[tuple[list[Any], Any]]:
    events = ["begin", *(("ended", id) for id in answers), "again", "drop"]
    return [(events, (answers, now))]


@pytest.mark.parametrize("tool", [add, add_async])
def test_a_machine_with_several_effects_in_flight(world: str, tool: Any) -> None:
    if world == "blocking" and tool is add_async:
        pytest.skip("blocking code awaits nothing")
    clock = FakeClock(patience=0.1)
    with Server([HELLO]) as one, Server([HELLO]) as two, Server([until_hung_up]) as three:
        outcome = run_all(
            world, stream(clock), [Toy((one.url, two.url, three.url))], clock=clock, run_tool=tool, ask_host=approve
        )
        assert three.hung_up.wait(PATIENCE) or not three.requests
    assert outcome == toy_outcome({1: b"hello", 2: b"hello", 3: 3, 4: "approve rm -rf: no"}, 1065.0)


def test_an_exception_in_a_tool_is_news_for_the_machine(world: str) -> None:
    def broken(effect: RunTool) -> None:
        raise ZeroDivisionError("key sk-0123456789abcdef0123")

    clock = FakeClock(patience=0.1)
    with Server([HELLO]) as one, Server([HELLO]) as two, Server([until_hung_up]) as three:
        outcome = run_all(
            world, stream(clock), [Toy((one.url, two.url, three.url))], clock=clock, run_tool=broken, ask_host=approve
        )
    answers = {1: b"hello", 2: b"hello", 3: "ZeroDivisionError: key ***", 4: "approve rm -rf: no"}
    assert outcome == toy_outcome(answers, 1065.0)


def test_a_token_ends_effects_that_overlap(world: str) -> None:
    token = CancelToken()

    def cancel(effect: RunTool) -> None:
        token.cancel()

    with Server([until_hung_up]) as one, Server([until_hung_up]) as two:
        outcome = run_all(
            world,
            lambda twin: twin.transports.StreamTransport(),
            [Toy((one.url, two.url, ""))],
            cancel=token,
            run_tool=cancel,
            ask_host=approve,
        )
        assert outcome == [(["begin"], "cancelled")]


class Stuck:
    """Waits for nothing and is not done."""

    wake_at = None

    def start(self, now: float) -> list[Any]:
        return []

    def receive(self, happening: Any, now: float) -> list[Any]:
        raise AssertionError("nothing happened")


def test_a_machine_that_waits_for_nothing_is_a_mistake(world: str) -> None:
    with pytest.raises(LocalProtocolError, match="Stuck is not done"):
        run_all(world, no_calls, [Stuck()])


def test_an_effect_that_nobody_performs_is_a_mistake(world: str) -> None:
    with pytest.raises(LocalProtocolError, match="nothing here performs AskHost"):
        run_all(world, no_calls, [Asker()])


class Asker(Stuck):
    """Asks the host."""

    def start(self, now: float) -> list[Any]:
        return [AskHost(1, "approve")]


class Sleeper:
    """Wants to be woken in an hour."""

    wake_at: float | None = None

    def start(self, now: float) -> list[Any]:
        self.wake_at = now + 3600
        return ["asleep"]

    def receive(self, happening: Any, now: float) -> list[Any]:
        return [Done((type(happening).__name__, now))]


def test_a_machine_with_nothing_in_flight_is_woken_at_its_time(world: str) -> None:
    assert run_all(world, no_calls, [Sleeper()], clock=FakeClock()) == [(["asleep"], ("Woke", 4600.0))]


def test_a_token_ends_a_wait_with_nothing_in_flight(world: str) -> None:
    token = CancelToken()
    timer = threading.Timer(0.02, token.cancel)
    timer.start()
    ((events, (news, _)),) = run_all(world, no_calls, [Sleeper()], cancel=token)
    timer.join()
    assert (events, news) == (["asleep"], "Cancelled")


def no_calls(twin: Any) -> Any:
    """A transport for machines that make no call."""
    return twin.transports.StreamTransport()


class Fragile:
    """A flight that an interrupt breaks, as a socket's end breaks whoever reads from it."""

    bounded = False

    def __init__(self, id: int, token: CancelToken) -> None:
        self.id = id
        self.token = token
        self.broken = threading.Event()

    def receive(self, until: float | None) -> Failed:
        threading.Thread(target=self.token.cancel).start()
        self.broken.wait(PATIENCE)
        return Failed(self.id, "truncated", "broken")

    def interrupt(self) -> None:
        self.broken.set()

    def close(self) -> None:
        pass


def test_what_an_interrupt_breaks_is_told_after_the_cancel() -> None:
    token = CancelToken()
    table: Any = {CallHttp: lambda call: Fragile(call.id, token)}
    with lash_io.blocking.Run[Any](OneCall("http://127.0.0.1"), table, cancel=token) as run:
        assert run.finish() == "cancelled"


class Ready:
    """A flight whose news is all there."""

    def __init__(self, id: int, bounded: bool) -> None:
        self.bounded = bounded
        self.closed = threading.Event()
        self._news = [HeadReceived(id, 200, ()), BodyReceived(id, b"hel"), BodyReceived(id, b"lo"), BodyEnded(id)]

    def receive(self, until: float | None) -> Any:
        return self._news.pop(0)

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()


class AsyncReady(Ready):
    async def receive(self, until: float | None) -> Any:
        return super().receive(until)


@pytest.mark.parametrize("bounded", [True, False])
def test_who_stays_away_longer_than_a_deadline_finds_what_came_meanwhile(world: str, bounded: bool) -> None:
    clock = FakeClock()
    machine = OneCall("http://127.0.0.1", deadline=5.0)
    if world == "blocking":
        flight = Ready(1, bounded)
        with lash_io.blocking.Run[Any](machine, {CallHttp: lambda call: flight}, clock=clock) as run:
            for _ in run:
                assert bounded or flight.closed.wait(PATIENCE)
                clock.time += 60.0
        assert run.result == b"hello"
        return

    async def main() -> None:
        async with lash_io.aio.Run[Any](machine, {CallHttp: lambda call: AsyncReady(1, bounded)}, clock=clock) as run:
            async for _ in run:
                await anyio.wait_all_tasks_blocked()
                clock.time += 60.0
        assert run.result == b"hello"

    anyio.run(main, backend=world)


def test_a_run_is_asked_for_its_result_too_early() -> None:
    run = lash_io.blocking.Run[Any](OneCall("http://127.0.0.1"), {})
    with pytest.raises(LocalProtocolError, match="OneCall is not done yet"):
        _ = run.result


def test_overlapping_effects_need_the_block(world: str) -> None:
    if world == "blocking":
        pytest.skip("threads need no group")

    async def main() -> None:
        driver = lash_io.aio.driver
        transport = lash_io.aio.StreamTransport()
        run: Any = driver.Run(
            Toy(("http://faux.invalid", "http://faux.invalid", "")),
            driver.performers(transport, run_tool=add, ask_host=approve),
        )
        with pytest.raises(LocalProtocolError, match="enter the Run with `async with`"):
            await run.finish()

    anyio.run(main, backend=world)


@define
class OneTool:
    """A tool, with a deadline or without."""

    deadline: float | None = None
    wake_at: float | None = None

    def start(self, now: float) -> list[Any]:
        if self.deadline is not None:
            self.wake_at = now + self.deadline
        return [RunTool(1, ToolCallPart("call-1", "add"))]

    def receive(self, happening: Any, now: float) -> list[Any]:
        match happening:
            case ToolReturned(output=output):
                return [Done(output)]
            case _:
                return [Abort(1), Done((type(happening).__name__, now))]


def test_one_effect_alone_stays_in_the_callers_thread_or_task(world: str) -> None:
    if world == "blocking":
        here: Any = threading.current_thread()
        assert run_all(world, no_calls, [OneTool()], run_tool=lambda effect: threading.current_thread()) == [([], here)]
        return

    async def tool(effect: RunTool) -> Any:
        return anyio.get_current_task()

    async def main() -> None:
        async with lash_io.aio.Run[Any](OneTool(), lash_io.aio.performers(run_tool=tool)) as run:
            assert await run.finish() == anyio.get_current_task()

    anyio.run(main, backend=world)


def test_a_deadline_ends_the_wait_for_a_tool(world: str) -> None:
    over = threading.Event()

    async def patient(effect: RunTool) -> None:
        await anyio.sleep_forever()

    tool = patient if world != "blocking" else lambda effect: over.wait(PATIENCE)
    outcome = run_all(world, no_calls, [OneTool(deadline=7)], clock=FakeClock(patience=0.02), run_tool=tool)
    over.set()
    assert outcome == [([], ("Woke", 1007.0))]


def test_a_token_ends_the_wait_for_a_tool(world: str) -> None:
    token, over = CancelToken(), threading.Event()

    async def patient(effect: RunTool) -> None:
        token.cancel()
        await anyio.sleep_forever()

    def stubborn(effect: RunTool) -> None:
        token.cancel()
        over.wait(PATIENCE)

    ((_, (news, _)),) = run_all(
        world, no_calls, [OneTool()], cancel=token, run_tool=stubborn if world == "blocking" else patient
    )
    over.set()
    assert news == "Cancelled"


def test_a_tool_that_is_not_async_runs_in_a_thread_beside_the_loop() -> None:
    async def main() -> None:
        table = lash_io.aio.performers(run_tool=lambda effect: threading.get_ident())
        async with lash_io.aio.Run[Any](OneTool(), table) as run:
            assert await run.finish() != threading.get_ident()

    anyio.run(main)
