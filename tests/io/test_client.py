"""The clients, the same under blocking code, asyncio and trio: one scenario, three drivers, equal outcomes (law 9)."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

import lash_io.aio
from lash_io import AsyncClient, CancelToken, Client
from lash_proto import (
    APIConnectionError,
    AttemptReset,
    LlmRequest,
    LocalProtocolError,
    MissingCredential,
    OverloadedError,
    ProviderOptions,
    ResponseEnd,
    StreamTruncatedError,
    TextDelta,
    ToolDefinition,
    UnsupportedRequest,
    UserMessage,
)
from lash_proto.codecs.anthropic_messages.options import AnthropicOptions
from lash_proto.codecs.openai_completions.options import ChatOptions
from lash_proto.faux import Answer, FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.messages import AudioPart
from lash_proto.providers import anthropic, faux
from tests.io.loopback import PATIENCE, Peer, Server, close, until_hung_up
from tests.io.worlds import WORLDS, FakeClock, World, twin

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(text: str) -> Answer:
    """What Anthropic would send, an event a chunk."""
    return FauxProvider([FauxReply(text, piece=1)]).answer(
        "POST", "/v1/messages", (), b'{"model":"m","stream":true,"messages":[]}'
    )


def framed(chunk: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


HELLO = SSE + b"".join(framed(chunk) for chunk in answer("hello").chunks) + b"0\r\n\r\n"
HALF = SSE + b"".join(framed(chunk) for chunk in answer("hello").chunks[:5])


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def aimed(server: Server, **settings: Any) -> Any:
    return anthropic("sk-ant-test", base_url=server.url, **settings)


# --- what comes ------------------------------------------------------------------------------------------------------


def test_complete_gives_the_answer(world: World) -> None:
    async def scenario(client: Any) -> Any:
        reply = await client.complete("Say hi.")
        return reply.text, reply.stop_reason, reply.error

    assert world(scenario, faux(["Hi."]), model="m") == ("Hi.", "stop", None)


def test_a_stream_gives_its_events_and_the_response_last(world: World) -> None:
    async def scenario(client: Any) -> Any:
        async with client.stream("Say hi.") as stream:
            events = [event async for event in stream]
            return events, stream.response

    events, response = world(scenario, faux([FauxReply("Hi.", piece=1)]), model="m")
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hi."
    assert events[-1] == ResponseEnd(response)
    assert [event for event in events if isinstance(event, ResponseEnd)] == [events[-1]]


def test_text_alone(world: World) -> None:
    async def scenario(client: Any) -> Any:
        async with client.stream("Say hi.") as stream:
            return [text async for text in stream.text]

    assert world(scenario, faux([FauxReply("Hi.", piece=1)]), model="m") == ["H", "i", "."]


def test_over_a_socket_the_connection_is_kept(world: World) -> None:
    async def scenario(client: Any) -> Any:
        return [(await client.complete("Say hello.")).text for _ in range(3)]

    with Server([HELLO], [HELLO], [HELLO]) as server:
        assert world(scenario, aimed(server), model="m") == ["hello"] * 3
        assert server.accepted == 1
        assert b"authorization: Bearer sk-ant-test" in server.requests[0]


def test_partial_is_there_at_any_time(world: World) -> None:
    async def scenario(client: Any) -> Any:
        seen = []
        async with client.stream("Say hi.") as stream:
            seen.append(stream.partial.text)
            seen += [stream.partial.text async for event in stream if isinstance(event, TextDelta)]
        return seen, stream.partial == stream.response

    assert world(scenario, faux([FauxReply("Hi.", piece=1)]), model="m") == (["", "H", "Hi", "Hi."], True)


def test_a_faux_provider_speaks_as_fast_as_it_is_told_to(world: World) -> None:
    clock = FakeClock()

    async def scenario(client: Any) -> Any:
        async with client.stream("Say it.") as stream:
            return [(event.text, clock.now() - 1000) async for event in stream if isinstance(event, TextDelta)]

    handle = faux([FauxReply("Good morning, all!", piece=8)], tokens_per_second=4)
    said = world(scenario, handle, model="m", clock=clock)
    assert said == [("Good mor", 0.5), ("ning, al", 1.0), ("l!", 1.25)]


def test_a_faux_provider_in_mid_speech_can_be_stopped(world: World) -> None:
    clock, token = FakeClock(), CancelToken()

    async def scenario(client: Any) -> Any:
        async with client.stream("Say it.", cancel=token) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    token.cancel()
            return stream.response

    response = world(scenario, faux([FauxReply("Hello.", piece=1)], tokens_per_second=2), model="m", clock=clock)
    assert (response.stop_reason, response.text, response.error.kind) == ("aborted", "H", "cancelled")
    assert clock.now() == 1000.5


# --- what is asked ---------------------------------------------------------------------------------------------------


def asked(world: World, prompt: Any, settings: Any = None, **knobs: Any) -> FauxCall:
    async def scenario(client: Any) -> None:
        await client.complete(prompt, **knobs)

    handle = faux()
    world(scenario, handle, model="m", **(settings or {}))
    return handle.provider.calls[0]


def test_keywords_are_fields_of_the_request_and_of_its_options(world: World) -> None:
    tool = ToolDefinition("add", parameters={"type": "object"})
    call = asked(
        world,
        "Hi",
        system="Be brief.",
        tools=[tool],
        temperature=0.5,
        max_output_tokens=7,
        extra_body={"top_k": 3},
        cache_retention="none",
    )
    assert [block["text"] for block in call.body["system"]] == ["Be brief."]
    assert (call.body["temperature"], call.body["max_tokens"]) == (0.5, 7)
    assert (call.body["tools"][0]["name"], call.body["top_k"]) == ("add", 3)


def test_a_keyword_beats_the_request_and_that_beats_the_client(world: World) -> None:
    request = LlmRequest("Hi", temperature=0.1, top_p=0.2, options=ProviderOptions(extra_body={"from": "request"}))
    client = {"options": ProviderOptions(extra_body={"from": "client"}, service_tier="standard_only")}
    call = asked(world, request, client, temperature=0.9)
    assert (call.body["temperature"], call.body["top_p"], call.body["from"]) == (0.9, 0.2, "request")
    assert call.body["service_tier"] == "standard_only"
    said = ProviderOptions(extra_body={"from": "call"}, service_tier="auto")
    call = asked(world, request, client, options=said, service_tier="standard_only")
    assert (call.body["from"], call.body["service_tier"]) == ("call", "standard_only")


def test_a_dialects_own_options_are_keywords(world: World) -> None:
    assert asked(world, "Hi", top_k=5).body["top_k"] == 5
    assert asked(world, "Hi", {"options": AnthropicOptions(top_k=3)}).body["top_k"] == 3
    with pytest.raises(TypeError, match="unknown option 'verbosity': neither LlmRequest nor AnthropicOptions has it"):
        asked(world, "Hi", verbosity="low")


def test_options_of_another_dialect_are_a_mistake(world: World) -> None:
    with pytest.raises(TypeError, match="ChatOptions are options of another dialect; this one takes AnthropicOptions"):
        asked(world, "Hi", options=ChatOptions(verbosity="low"))


@pytest.mark.parametrize("prompt", ["Hi", UserMessage("Hi"), [UserMessage("Hi")], LlmRequest("Hi")])
def test_a_prompt_has_many_forms(world: World, prompt: Any) -> None:
    (message,) = asked(world, prompt).body["messages"]
    assert message["role"] == "user"


def test_the_call_may_name_another_model(world: World) -> None:
    assert asked(world, "Hi", model="other").model == "other"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("temprature", "; did you mean 'temperature'?"),
        ("max_tokens", "; did you mean 'max_output_tokens'?"),
        ("zork", "AnthropicOptions has it"),
    ],
)
def test_an_unknown_keyword_is_a_mistake(world: World, name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"unknown option {name!r}: ") as caught:
        asked(world, "Hi", **{name: 1})
    assert str(caught.value).endswith(meant)


def test_no_model_is_a_mistake(world: World) -> None:
    async def scenario(client: Any) -> None:
        await client.complete("Hi")

    with pytest.raises(TypeError, match="no model"):
        world(scenario, faux())


def test_a_provider_and_a_model_by_name() -> None:
    client = Client("anthropic:claude-opus-5", api_key="k")
    assert (client.provider.kind, client.model) == ("anthropic", "claude-opus-5")
    assert AsyncClient("anthropic", model="claude-opus-5").provider.kind == "anthropic"
    with pytest.raises(TypeError, match="two models"):
        Client("anthropic:claude-opus-5", model="another")


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def sent_key(world: World, handle: Callable[[str], Any], settings: Any = None, **knobs: Any) -> bytes:
    async def scenario(client: Any) -> None:
        await client.complete("Hi", **knobs)

    with Server([HELLO]) as server:
        world(scenario, handle(server.url), model="m", **(settings or {}))
        lines = server.requests[0].split(b"\r\n")
        return next(line for line in lines if line.startswith(b"authorization: ")).removeprefix(
            b"authorization: Bearer "
        )


def test_a_key_given_in_the_call_beats_the_handle_and_that_the_environment(
    world: World, no_keys: pytest.MonkeyPatch
) -> None:
    no_keys.setenv("ANTHROPIC_API_KEY", "environment")
    bare = lambda url: anthropic(base_url=url)  # noqa: E731
    keyed = lambda url: anthropic("handle", base_url=url)  # noqa: E731
    assert sent_key(world, bare) == b"environment"
    assert sent_key(world, keyed) == b"handle"
    assert sent_key(world, keyed, {"api_key": "client"}) == b"client"
    assert sent_key(world, keyed, api_key="call") == b"call"
    no_keys.setenv("ANTHROPIC_OAUTH_TOKEN", "token")
    assert sent_key(world, bare) == b"token"


def test_the_environment_is_read_when_the_client_is_built(world: World, no_keys: pytest.MonkeyPatch) -> None:
    no_keys.setenv("ANTHROPIC_API_KEY", "early")

    async def scenario(client: Any) -> None:
        no_keys.setenv("ANTHROPIC_API_KEY", "late")
        await client.complete("Hi")

    with Server([HELLO]) as server:
        world(scenario, anthropic(base_url=server.url), model="m")
        assert b"early" in server.requests[0]


def test_no_key_is_told_before_any_io(world: World, no_keys: pytest.MonkeyPatch) -> None:
    async def scenario(client: Any) -> None:
        async with client.stream("Hi"):
            raise AssertionError("the block must not begin")

    with Server([HELLO]) as server:
        with pytest.raises(MissingCredential, match="ANTHROPIC_OAUTH_TOKEN or ANTHROPIC_API_KEY"):
            world(scenario, anthropic(base_url=server.url), model="m")
        assert server.accepted == 0


def test_a_request_that_cannot_be_said_is_told_before_any_io(world: World) -> None:
    async def scenario(client: Any) -> None:
        await client.complete(UserMessage([AudioPart(data=b"x", media_type="audio/wav")]), raise_errors=False)

    with Server([HELLO]) as server:
        with pytest.raises(UnsupportedRequest):
            world(scenario, aimed(server), model="m")
        assert server.accepted == 0


# --- failures --------------------------------------------------------------------------------------------------------

ONCE = {"options": ProviderOptions(max_retries=0)}
BUSY = FauxReply(error=FauxError("overloaded", "too busy", status=529))


def test_complete_raises_the_typed_error_with_the_response_in_it(world: World) -> None:
    async def scenario(client: Any) -> None:
        await client.complete("Hi")

    with pytest.raises(OverloadedError) as caught:
        world(scenario, faux([BUSY]), model="m", **ONCE)
    assert caught.value.failure is not None
    assert caught.value.failure.status == 529
    assert caught.value.response is not None
    assert caught.value.response.stop_reason == "error"


def test_a_stream_gives_its_events_and_then_raises(world: World) -> None:
    events: list[Any] = []

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - kept when it raises

    with pytest.raises(StreamTruncatedError) as caught:
        world(scenario, faux([FauxReply("hello", piece=1, cut_after=5)]), model="m", **ONCE)
    assert caught.value.response is not None
    assert events[-1] == ResponseEnd(caught.value.response)


def test_without_raise_errors_every_outcome_is_a_response(world: World) -> None:
    async def scenario(client: Any) -> Any:
        first = await client.complete("Hi")
        async with client.stream("Hi") as stream:
            async for _ in stream:
                pass
        return first.error.kind, stream.response.error.kind

    outcome = world(scenario, faux([BUSY, BUSY]), model="m", raise_errors=False, **ONCE)
    assert outcome == ("overloaded", "overloaded")


def test_a_retry_waits_by_the_clock(world: World) -> None:
    clock = FakeClock()

    async def scenario(client: Any) -> Any:
        return await client.complete("Hi")

    handle = faux([BUSY, BUSY, "At last."])
    reply = world(scenario, handle, model="m", clock=clock)
    assert (reply.text, [attempt.status for attempt in reply.attempts]) == ("At last.", [529, 529, 200])
    assert 1000 + 0.375 + 0.75 <= clock.now() <= 1000 + 0.5 + 1.0


def test_nobody_there_is_a_connection_error(world: World) -> None:
    async def scenario(client: Any) -> None:
        await client.complete("Hi")

    with Server() as server:
        handle = aimed(server)
    with pytest.raises(APIConnectionError):
        world(scenario, handle, model="m", **ONCE)


CUT = FauxReply("hello", piece=1, cut_after=5)


def test_complete_may_retry_after_output_and_a_stream_when_allowed(world: World) -> None:
    async def complete(client: Any) -> Any:
        return (await client.complete("Hi")).text

    async def stream(client: Any) -> Any:
        async with client.stream("Hi", retry_after_output=True) as stream:
            return [type(event) async for event in stream].count(AttemptReset)

    assert world(complete, faux([CUT, "whole"]), model="m", clock=FakeClock()) == "whole"
    assert world(stream, faux([CUT, "whole"]), model="m", clock=FakeClock()) == 1


def test_text_is_never_taken_back(world: World) -> None:
    said: list[str] = []

    async def scenario(client: Any) -> None:
        async with client.stream("Hi", retry_after_output=True) as stream:
            async for text in stream.text:
                said.append(text)  # noqa: PERF401 - kept when it raises

    with pytest.raises(StreamTruncatedError):
        world(scenario, faux([CUT, "whole"]), model="m", clock=FakeClock())
    assert "hello".startswith("".join(said))


# --- ends ------------------------------------------------------------------------------------------------------------


def test_leaving_a_stream_drops_its_connection_and_keeps_what_came(world: World) -> None:
    async def scenario(client: Any) -> Any:
        async with client.stream("Hi") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        assert server.hung_up.wait(PATIENCE) or world.name != "blocking"
        return stream.response

    with Server([HALF, until_hung_up]) as server:
        response = world(scenario, aimed(server), model="m")
        assert server.hung_up.wait(PATIENCE)
    assert (response.stop_reason, response.error.kind) == ("aborted", "cancelled")
    assert "hello".startswith(response.text)
    assert response.text


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_in_the_body_goes_up_as_it_is(world: World, kind: type[BaseException]) -> None:
    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    raise kind("mine")

    with Server([HALF, until_hung_up]) as server:
        with pytest.raises(kind, match="mine"):
            world(scenario, aimed(server), model="m")
        assert server.hung_up.wait(PATIENCE)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_control_c_in_a_wait_goes_up_and_drops_the_connection(world: World) -> None:
    async def scenario(client: Any) -> None:
        await client.complete("Hi")

    def interrupt(peer: Peer) -> None:
        # Python looks for signals before it blocks, not in the moment between: let that moment pass.
        peer.server.hung_up.wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    try:
        with Server([HALF, interrupt, until_hung_up]) as server:
            with pytest.raises(KeyboardInterrupt):
                world(scenario, aimed(server), model="m")
            assert server.hung_up.wait(PATIENCE)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_token_ends_a_stream_without_an_exception(world: World) -> None:
    token, began = CancelToken(), threading.Event()

    async def scenario(client: Any) -> Any:
        async with client.stream("Hi", cancel=token) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    began.set()
            return stream.response

    def cancel(peer: Peer) -> None:
        began.wait(PATIENCE)
        token.cancel()

    with Server([HALF, cancel, until_hung_up]) as server:
        response = world(scenario, aimed(server), model="m")
        assert server.hung_up.wait(PATIENCE)
    assert response.stop_reason == "aborted"
    assert world(lambda client: client.complete("Hi", cancel=token), faux(), model="m").stop_reason == "aborted"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_task_drops_its_connection(backend: str) -> None:
    async def main(handle: Any) -> Any:
        async with AsyncClient(handle, model="m") as client:
            stream = client.stream("Hi")
            with anyio.CancelScope() as scope:
                async with stream:
                    async for event in stream:
                        if isinstance(event, TextDelta):
                            scope.cancel()
            assert scope.cancelled_caught
            return stream.response

    with Server([HALF, until_hung_up]) as server:
        response = anyio.run(main, aimed(server), backend=backend)
        assert server.hung_up.wait(PATIENCE)
    assert response.stop_reason == "aborted"


def test_one_client_works_in_one_event_loop_after_the_other() -> None:
    with Server(*([[HELLO]] * 6)) as server:
        client = AsyncClient(aimed(server), model="m")

        async def twice(close: bool) -> list[str]:
            texts = [(await client.complete("Hi")).text for _ in range(2)]
            if close:
                await client.close()
                await client.close()
            return texts

        for backend, close in (("asyncio", False), ("trio", False), ("asyncio", True)):
            assert anyio.run(twice, close, backend=backend) == ["hello", "hello"]
        assert server.accepted == 3


def test_a_stream_begins_with_its_block() -> None:
    with Client(faux(), model="m") as client, pytest.raises(LocalProtocolError, match="with client.stream"):
        next(client.stream("Hi"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leaving_httpcore_in_mid_body_leaves_nothing_to_warn_of(backend: str) -> None:
    unbounded: Any = dict.fromkeys(
        ("connect_timeout", "first_event_timeout", "idle_timeout")
    )  # so it stays in the task

    async def main(url: str) -> None:
        transport = lash_io.aio.HttpcoreTransport()
        client = AsyncClient(anthropic("k", base_url=url), model="m", transport=transport)
        async with client.stream("Hi", **unbounded) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        await anyio.wait_all_tasks_blocked()
        await transport.close()

    with Server([HALF, until_hung_up]) as server, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        anyio.run(main, server.url, backend=backend)
        gc.collect()
        assert server.hung_up.wait(PATIENCE)
    assert told == []


def test_a_client_that_nobody_closed_gives_back_its_sockets_and_warns_once(world: World) -> None:
    """Whose transport was given has nothing to close."""

    def blocking(url: str, **settings: Any) -> None:
        Client(anthropic("k", base_url=url), model="m", **settings).complete("Hi")
        gc.collect()

    async def aio(url: str, **settings: Any) -> None:
        async def call() -> None:
            await AsyncClient(anthropic("k", base_url=url), model="m", **settings).complete("Hi")

        await call()
        gc.collect()
        await anyio.to_thread.run_sync(server.hung_up.wait, PATIENCE)  # while the loop goes on

    for transport, warned in ((None, 1), ("StreamTransport", 0), ("HttpcoreTransport", 0)):
        settings = {"transport": getattr(twin(world.name).transports, transport)()} if transport else {}
        with Server([HELLO, until_hung_up]) as server, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if world.name == "blocking":
                blocking(server.url, **settings)
            else:
                anyio.run(partial(aio, server.url, **settings), backend=world.name)
            settings.clear()
            gc.collect()
            assert server.hung_up.wait(PATIENCE)
        assert [(each.category, "unclosed" in str(each.message)) for each in told] == [(ResourceWarning, True)] * warned


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_that_outlives_its_loop_unclosed_has_nothing_to_warn_of(backend: str) -> None:
    async def call(client: AsyncClient) -> None:
        await client.complete("Hi")

    def run(url: str) -> None:
        anyio.run(call, AsyncClient(anthropic("k", base_url=url), model="m"), backend=backend)

    with Server([HELLO, until_hung_up]) as server, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(server.url)
        gc.collect()
        assert server.hung_up.wait(PATIENCE)
    assert told == []


def test_a_client_that_could_not_be_made_leaves_in_silence() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for class_ in (Client, AsyncClient):
            with pytest.raises(TypeError):
                class_("anthropic:claude-opus-5", model="another")
        gc.collect()
    assert told == []


def test_closing_twice_does_no_harm() -> None:
    client = Client(faux(["Hi."]), model="m")
    with client.stream("Hi") as stream:
        stream.close()
        stream.close()
    assert stream.response.stop_reason == "aborted"
    client.close()
    client.close()


# --- the log ---------------------------------------------------------------------------------------------------------


def test_one_debug_line_an_attempt_without_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lash_io")

    async def scenario(client: Any) -> None:
        await client.complete("my private words")

    world(scenario, faux([BUSY, "whole"], api_key="sk-ant-secret-secret-secret"), model="m", clock=FakeClock())
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("lash_io")]
    assert ["attempt 1: status 529, overloaded" in lines[0], "attempt 2: status 200, ok" in lines[1]] == [True, True]
    assert len(lines) == 2
    assert not any("secret" in line or "private" in line for line in lines)


def test_a_stale_connection_costs_no_attempt(world: World) -> None:
    async def scenario(client: Any) -> Any:
        await client.complete("Hi")
        return len((await client.complete("Hi")).attempts)

    with Server([HELLO, close], [HELLO]) as server:
        assert world(scenario, aimed(server), model="m") == 1


def test_a_server_that_cannot_stream_is_asked_for_one_body(world: World) -> None:
    call = asked(world, "Hi", stream=False)
    assert (call.stream, call.body.get("stream", False)) == (False, False)
