"""Reading a scene as a user would, by either HTTP transport under any driver, and judging what was told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import httpcore  # noqa: F401 - here, because several threads that import it and trio at once can lock each other out
import trio  # noqa: F401
from attrs import frozen

from lash_proto.errors import error_of
from lash_proto.failures import LashError
from lash_proto.providers import ProviderHandle, anthropic, google, google_oauth, openai, openai_compatible
from lash_proto.replies import LlmResponse, ResponseEnd, StreamEvent
from tests.faults.scenes import CHAT, CODE_ASSIST, GEMINI, MESSAGES, RESPONSES, Scene
from tests.io.worlds import WORLDS, twin

READERS = [(world, transport) for world in WORLDS for transport in ("StreamTransport", "HttpcoreTransport")]

LONG = "word " * 800_000
"""More than a socket takes before the other side reads."""


def handle(scene: Scene, url: str) -> ProviderHandle:
    """The provider whose dialect it is, aimed at where the scene is played."""
    base = f"{url}/{scene.path}"
    make: dict[str, Callable[[], ProviderHandle]] = {
        CHAT: lambda: openai_compatible("key", base_url=f"{base}/v1"),
        RESPONSES: lambda: openai("key"),
        MESSAGES: lambda: anthropic("key", base_url=base),
        GEMINI: lambda: google("key", base_url=f"{base}/v1beta"),
        CODE_ASSIST: lambda: google_oauth("key", project="p", base_url=base),
    }
    made = make[scene.api]()
    if scene.api == RESPONSES:
        made = attrs.evolve(made, route=attrs.evolve(made.route, base_url=f"{base}/v1"))
    return made


@frozen
class Told:
    """What one reader made of a scene: the merged events, the response, and the error that was raised."""

    events: list[StreamEvent]
    response: LlmResponse
    raised: LashError | None


def read(scene: Scene, url: str, world: str, transport: str, *, pause: float = 0.0) -> Told:
    """Ask as a user would, who takes so many seconds over each event."""
    package = twin(world)
    carrier = getattr(package.transports, transport)()

    def make() -> Any:
        return package.Client(handle(scene, url), model="m", transport=carrier)

    prompt = LONG if scene.early else "Hi."
    how: dict[str, Any] = {"max_retries": 0, **scene.options}
    events: list[StreamEvent] = []
    raised: LashError | None = None
    if world == "blocking":
        with make() as client, contextlib.closing(carrier):
            if scene.whole:
                try:
                    return Told(events, client.complete(prompt, stream=False, **how), None)
                except LashError as error:
                    return _raised(error)
            with client.stream(prompt, **how) as stream:
                try:
                    for event in stream:
                        events.append(event)
                        time.sleep(pause)
                except LashError as error:
                    raised = error
            return Told(events, stream.response, raised)

    async def main() -> Told:
        raised: LashError | None = None
        async with make() as client:
            if scene.whole:
                try:
                    return Told(events, await client.complete(prompt, stream=False, **how), None)
                except LashError as error:
                    return _raised(error)
            async with client.stream(prompt, **how) as stream:
                try:
                    async for event in stream:
                        events.append(event)
                        if pause:
                            await anyio.sleep(pause)
                except LashError as error:
                    raised = error
            return Told(events, stream.response, raised)

    return anyio.run(main, backend=world)


def _raised(error: LashError) -> Told:
    assert error.response is not None
    return Told([], error.response, error)


def problem(scene: Scene, told: Told) -> str | None:
    """What the reader tells that is not true; None where all is."""
    response, error = told.response, told.response.error
    kind = None if error is None else error.kind
    text = response.text
    if scene.prefix:
        # An RST may overtake what was sent before it, the head too.
        begun = response.attempts[-1].status is not None
        right = {*scene.kinds, "truncated" if begun else "connection"}
        whole = kind is None and not scene.kinds and text == scene.text
        if not whole and kind not in right:
            return f"it ends in {kind}"
        if not scene.text.startswith(text):
            return f"the text is {text[:200]!r}"
    elif scene.kinds:
        if kind not in scene.kinds:
            return f"it ends in {kind or response.stop_reason}, not in {scene.kind}: {error and error.message}"
        if text != scene.text:
            return f"the text is {text[:200]!r}, not {scene.text!r}"
    else:
        if error is not None:
            return f"it ends in {kind}: {error.message}"
        if response.stop_reason != scene.stop or text != scene.text:
            return f"it is {response.stop_reason}, {text!r}"
        calls = tuple(
            (call.id if call.id_sent else None, call.name, dict(call.arguments)) for call in response.tool_calls
        )
        if calls != scene.calls:
            return f"the calls are {calls}"
        usage = response.usage
        if not scene.calls and usage is not None and (usage.total_input_tokens, usage.output_tokens) != (12, 34):
            return f"the usage is {usage}"
    if error is not None and response.stop_reason != "error":
        return f"the stop reason is {response.stop_reason}"
    if type(told.raised) is not (type(None) if error is None else type(error_of(error, response))):
        return f"it raised {told.raised!r}"
    return None if scene.whole else _disorder(told)


def _disorder(told: Told) -> str | None:
    if [type(event) for event in told.events].count(ResponseEnd) != 1 or not isinstance(told.events[-1], ResponseEnd):
        return "ResponseEnd is not once and last"
    return None if told.events[-1].response == told.response else "ResponseEnd has another response"
