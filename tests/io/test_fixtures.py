"""Recording and replaying, and the faux transport: calls without a network, or beside one."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from lash_io.cancel import CancelToken
from lash_io.fixtures import Fixture, load
from lash_proto.effects import CallHttp
from lash_proto.failures import LocalProtocolError
from lash_proto.faux import Answer
from lash_proto.values import Secret
from tests.io.loopback import Server, close
from tests.io.machines import OneCall
from tests.io.worlds import WORLDS, FakeClock, run_all

KEY = "sk-live-0123456789abcdef0123456789"
HELLO = Fixture(200, (("content-type", "text/plain"),), b"hello")
CUT = Fixture(200, (), b"hel", complete=False)
BUSY = Fixture(529, (), b"busy")


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@define
class WithSecrets(OneCall):
    """A call with a key in each place where one might stand."""

    def start(self, now: float) -> list[Any]:
        headers = (("authorization", Secret(f"Bearer {KEY}")), ("x-team", Secret("hunter2")))
        return [CallHttp(1, "POST", f"{self.url}/v1/x?key=abc&alt=sse", headers, self.body, recordable=True)]


def calls(count: int) -> list[OneCall]:
    return [OneCall("http://example.invalid") for _ in range(count)]


# --- replay ----------------------------------------------------------------------------------------------------------


def test_replay_gives_what_was_recorded(world: str) -> None:
    outcomes = run_all(world, lambda twin: twin.ReplayTransport([HELLO, CUT, BUSY]), calls(3))
    assert outcomes == [
        (["connected", 200], b"hello"),
        (["connected", 200], "truncated"),
        (["connected", 529], b"busy"),
    ]


def test_one_fixture_alone_answers_every_call(world: str) -> None:
    outcomes = run_all(world, lambda twin: twin.ReplayTransport(HELLO), calls(3))
    assert [result for _, result in outcomes] == [b"hello"] * 3


def test_a_call_that_was_not_recorded_is_a_mistake(world: str) -> None:
    with pytest.raises(LocalProtocolError, match="this is call 3, and 2 responses were recorded"):
        run_all(world, lambda twin: twin.ReplayTransport([HELLO, HELLO]), calls(3))


@pytest.mark.parametrize("cuts", [1, 2, 5, 100])
def test_cuts_do_not_change_the_body(world: str, cuts: int) -> None:
    ((_, result),) = run_all(world, lambda twin: twin.ReplayTransport(HELLO, cuts=cuts), calls(1))
    assert result == b"hello"


def test_a_folder_that_holds_no_fixture_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(LocalProtocolError, match="missing is no recorded response"):
        load(tmp_path / "missing")


# --- record ----------------------------------------------------------------------------------------------------------

SCRIPT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: session=1\r\nX-Request-Id: req-1\r\n"
    b"OpenAI-Organization: acme\r\nOpenAI-Project: proj_1\r\nX-Echo: "
    + KEY.encode()
    + b"\r\nContent-Length: 46\r\n\r\n"
    b"data: " + KEY.encode() + b" \xff\r\n\r\n"
)


def record(world: str, folder: Path, scripts: list[Any], machines: list[Any]) -> Any:
    with Server(*scripts) as server:
        for machine in machines:
            machine.url = server.url
        return run_all(world, lambda twin: twin.RecordTransport(twin.StreamTransport(), folder), machines)


def test_what_was_recorded_is_replayed_the_same(world: str, tmp_path: Path) -> None:
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    busy = b"HTTP/1.1 529 Busy\r\nContent-Length: 4\r\n\r\nbusy"
    came = record(world, tmp_path, [[sized], [busy], [sized[:-2], close]], calls(3))
    assert came[2] == (["connected", 200], "truncated")
    assert run_all(world, lambda twin: twin.ReplayTransport(tmp_path), calls(3)) == came


def test_a_recording_holds_no_secret(world: str, tmp_path: Path) -> None:
    body = json.dumps({"prompt": f"my key is {KEY}, my team's is hunter2"}).encode()
    record(world, tmp_path, [[SCRIPT]], [WithSecrets("", body=body)])
    (folder,) = tmp_path.iterdir()
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(written) == ["meta.json", "request.json", "response.body"]
    assert not any(secret in data for data in written.values() for secret in (KEY.encode(), b"hunter2", b"session=1"))
    assert written["response.body"] == b"data: *** \xff\r\n\r\n"
    assert json.loads(written["request.json"]) == {"prompt": "my key is ***, my team's is ***"}
    meta = json.loads(written["meta.json"])
    assert meta["headers"] == {
        "content-type": "text/event-stream",
        "x-request-id": "req-1",
        "x-echo": "***",
    }
    assert (meta["url_path"], meta["status"], meta["streaming"], meta["complete"]) == (
        "/v1/x?key=***&alt=sse",
        200,
        True,
        True,
    )


@define
class WithPlainSecrets(OneCall):
    """A call with keys that nobody called secret: in the query, and in a header that the caller set himself."""

    def start(self, now: float) -> list[Any]:
        headers = (("X-API-Key", "local-key"),)
        return [CallHttp(1, "POST", f"{self.url}/?key=pl%2Bn%2Fkey", headers, self.body, recordable=True)]


def test_a_recording_hides_keys_that_nobody_called_secret(world: str, tmp_path: Path) -> None:
    echo = b"HTTP/1.1 401 No\r\nContent-Length: 49\r\n\r\nno such key: pl+n/key, pl%2Bn%2Fkey or local-key."
    record(world, tmp_path, [[echo]], [WithPlainSecrets("", body=b"is it local-key?")])
    (folder,) = tmp_path.iterdir()
    assert (folder / "response.body").read_bytes() == b"no such key: ***, *** or ***."
    assert (folder / "request.json").read_bytes() == b"is it ***?"
    assert json.loads((folder / "meta.json").read_text())["url_path"] == "/?key=***"


def test_a_call_that_is_dropped_is_recorded_as_far_as_it_came(world: str, tmp_path: Path) -> None:
    token, began = CancelToken(), threading.Event()

    def cancel(peer: Any) -> None:
        began.wait(10)
        token.cancel()

    with Server([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", cancel]) as server:
        run_all(
            world,
            lambda twin: twin.RecordTransport(twin.StreamTransport(), tmp_path),
            [OneCall(server.url, began=began)],
            cancel=token,
        )
    assert [(fixture.body, fixture.complete) for fixture in load(tmp_path)] == [(b"hel", False)]


def test_recordings_are_numbered_after_those_that_are_there(world: str, tmp_path: Path) -> None:
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    for _ in range(2):
        record(world, tmp_path, [[sized]], calls(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001", "0002"]


# --- faux ------------------------------------------------------------------------------------------------------------


@define
class Parrot:
    """Answers with what it was asked."""

    asked: list[Any] = field(factory=list)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        self.asked.append((method, path, list(headers), body))
        return Answer(201, (("content-type", "text/plain"),), (body[:2], body[2:]), (1, 1))


def test_the_faux_transport_asks_its_provider(world: str) -> None:
    parrot = Parrot()
    call = WithSecrets("http://faux.invalid", body=b"hello")
    assert run_all(world, lambda twin: twin.FauxTransport(parrot), [call]) == [(["connected", 201], b"hello")]
    assert parrot.asked == [
        ("POST", "/v1/x?key=abc&alt=sse", [("authorization", f"Bearer {KEY}"), ("x-team", "hunter2")], b"hello")
    ]


def test_pace_is_by_the_clock_and_a_deadline_beats_it(world: str) -> None:
    for deadline, result, now in ((30.0, b"hello", 1020.0), (15.0, "too late", 1015.0)):
        clock = FakeClock()
        call = OneCall("http://faux.invalid", deadline=deadline, body=b"hello")
        ((_, found),) = run_all(
            world,
            lambda twin: twin.FauxTransport(Parrot(), tokens_per_second=0.1, clock=clock),  # noqa: B023 - called in this round
            [call],
            clock=clock,
        )
        assert (found, clock.now()) == (result, now)


def test_a_token_ends_a_pause(world: str) -> None:
    token, began = CancelToken(), threading.Event()

    def cancel() -> None:
        began.wait(10)
        token.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()

    class Slow(Parrot):
        def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
            began.set()
            return super().answer(method, path, headers, body)

    call = OneCall("http://faux.invalid", body=b"hello")
    ((_, result),) = run_all(
        world, lambda twin: twin.FauxTransport(Slow(), tokens_per_second=0.001), [call], cancel=token
    )
    thread.join()
    assert result == "cancelled"
