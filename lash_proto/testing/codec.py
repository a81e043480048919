"""The laws about a codec, each a function that raises AssertionError with what to look at."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from attrs import evolve

from ..codec import Codec, Decoder
from ..errors import UnsupportedRequest
from ..failures import RemoteProtocolError
from ..messages import AssistantMessage, LlmRequest, Message, TextPart, ToolDefinition, ToolResultMessage, UserMessage
from ..replies import LlmResponse, ReasoningDelta, TextDelta, ToolCallDelta, UsageUpdate
from ..values import JsonDict
from .reading import (
    COPIES,
    Dice,
    Fixture,
    broken,
    complaint,
    cuts_of,
    difference_in_answer,
    difference_of,
    lengths,
    partial_of,
    read,
    short,
)
from .shape import check_shape


def check_codec(codec: Codec, fixture: Fixture) -> None:
    """Every law about a codec, on one response."""
    response = read(codec, fixture, [fixture.body]).response
    for name in ("text", "stop_reason"):
        wanted, found = getattr(fixture, name), getattr(response, name)
        if wanted is not None and wanted != found:
            broken("the fixture's own words", codec, f"{name} is {short(found)}, and not {short(wanted)}")
    check_events(codec, fixture)
    check_cuts(codec, fixture)
    check_prefixes(codec, fixture)
    check_garbage(codec, fixture)
    check_saved(codec, fixture)
    check_replay(codec, fixture)
    check_usage(codec, fixture)
    check_linear(codec, fixture)


def check_events(codec: Codec, fixture: Fixture) -> None:
    """Blocks are numbered in order, each Start has its End, deltas add up, and `content` is the blocks."""
    check_shape(codec, read(codec, fixture, [fixture.body]))


# --- laws 1 to 3 -----------------------------------------------------------------------------------------------------


def check_cuts(codec: Codec, fixture: Fixture, *, cuts: int = 10) -> None:
    """Law 1: any split of the bytes gives the same merged events, the same response and the same fault."""
    whole = read(codec, fixture, [fixture.body])
    for pieces in cuts_of(fixture.body, Dice.of(fixture, "cuts"), cuts):
        difference = difference_of(whole, read(codec, fixture, pieces))
        if difference is not None:
            broken("law 1: cuts do not matter", codec, f"cut into {lengths(pieces)}, {difference}")


def check_prefixes(codec: Codec, fixture: Fixture, *, prefixes: int = 40) -> None:
    """Law 2: what is cut before the end of the answer is no whole answer; what is cut after it is the same answer.

    Where that end is, `complete_at` says. Without it the law is that an answer once whole stays whole, and the same,
    however much of the rest follows, and that nothing is whole in a body that is not.
    """
    law = "law 2: no prefix passes for the whole"
    body, at = fixture.body, fixture.complete_at
    whole = read(codec, fixture, [body])
    if at is not None and not whole.complete:
        broken(law, codec, f"complete_at is {at}, but the whole is no answer: {whole.fault or whole.response.error}")
    since = at
    for end in _ends(body, Dice.of(fixture, "prefixes"), prefixes, () if at is None else (at - 1, at)):
        prefix = read(codec, fixture, [body[:end]])
        if not prefix.complete:
            if whole.complete and since is not None and end >= since:
                broken(law, codec, f"whole after {since} bytes, and no longer after {end}: {prefix.fault}")
            continue
        if not whole.complete or (at is not None and end < at):
            broken(law, codec, f"the first {end} of {len(body)} bytes, a cut, are reported complete")
        since = end if since is None else since
        difference = difference_in_answer(whole.response, prefix.response)
        if difference is not None:
            broken(law, codec, f"the first {end} of {len(body)} bytes are complete, but {difference}")


def _ends(body: bytes, dice: Dice, number: int, wanted: Iterable[int]) -> list[int]:
    """Where prefixes end: behind lines, above all the last ones, and anywhere."""
    lines = [match.end() for match in re.finditer(rb"[\r\n]+", body)]
    if len(lines) > number:
        lines = lines[-number // 2 :] + [lines[dice.below(len(lines))] for _ in range(number // 2)]
    return sorted({*lines, *wanted, *(dice.below(len(body) + 1) for _ in range(number // 3)), len(body)})


def check_garbage(codec: Codec, fixture: Fixture, *, mutants: int = 40) -> None:
    """Law 3: a body with a value or some bytes changed gives events or RemoteProtocolError; law 1 holds for it too."""
    dice = Dice.of(fixture, "garbage")
    for body in _mutants(fixture.body, dice, mutants):
        mutant = evolve(fixture, body=body)
        whole = read(codec, mutant, [body])
        check_shape(codec, whole)
        for pieces in cuts_of(body, dice, 1, first=1 + dice.below(4)):
            difference = difference_of(whole, read(codec, mutant, pieces, _looker(codec)))
            if difference is not None:
                law = "law 1: cuts do not matter, for garbage too"
                broken(law, codec, f"cut into {lengths(pieces)}, {difference}, for {body!r}")


def _looker(codec: Codec) -> Callable[[Decoder], Decoder]:
    def look(decoder: Decoder) -> Decoder:
        partial_of(codec, decoder)
        return decoder

    return look


_KEY = re.compile(r'"[^"\\]{1,60}"\s*:\s*')
_ODD = (
    *("null", "true", "0", "-1", "7", "1.5", "1e999", "12345678901234567890", '""', '"x"', '"\\ud83d"', '"12"', "[]"),
    *("{}", "[null]", '["x"]', "[{}]", '{"x":1}', '{"type":"x"}', "NaN", "[" * 90 + "]" * 90, "[" * 300 + "]" * 300),
)


def _mutants(body: bytes, dice: Dice, number: int) -> Iterator[bytes]:
    """The body with one JSON value replaced or one key gone, or with bytes changed, lost or said twice."""
    text = body.decode("latin-1")  # one character a byte
    keys = list(_KEY.finditer(text))
    for turn in range(number):
        if keys and turn % 4:
            key = keys[dice.below(len(keys))]
            odd = _ODD[dice.below(len(_ODD))]
            try:
                _, end = json.JSONDecoder().raw_decode(text, key.end())
            except ValueError:  # a key inside a string
                end = key.end()
            gone = dice.below(8) == 0
            yield (
                text[: key.start()] + '"gone":0' + text[end:] if gone else text[: key.end()] + odd + text[end:]
            ).encode("latin-1")
        else:
            start = dice.below(len(body) + 1)
            end = min(len(body), start + dice.below(40))
            noise = bytes(dice.below(256) for _ in range(1 + dice.below(4)))
            yield (
                body[:start] + noise + body[start + len(noise) :],
                body[:start] + noise + body[start:],
                body[:start] + body[end:],
                body[:end] + body[start:],
            )[dice.below(4)]


# --- laws 5 and 6 ----------------------------------------------------------------------------------------------------


def check_saved(codec: Codec, fixture: Fixture, *, saves: int = 10) -> None:
    """Law 5: a decoder copied between any two calls, by pickle or by deepcopy, goes on as if nothing had been."""
    law = "law 5: saved equals unsaved"
    dice = Dice.of(fixture, "saved")
    ends = sorted({0, *(dice.below(len(fixture.body) + 1) for _ in range(saves)), len(fixture.body)})
    pieces = [fixture.body[a:b] for a, b in zip(ends, ends[1:], strict=False)]
    unsaved = read(codec, fixture, pieces)
    for name, copied in COPIES.items():

        def between(decoder: Decoder, copied: Callable[[Any], Any] = copied, name: str = name) -> Decoder:
            try:
                return cast("Decoder", copied(decoder))
            except Exception as error:
                raise complaint(law, codec, f"{name} cannot copy the decoder: {error!r}") from error

        difference = difference_of(unsaved, read(codec, fixture, pieces, between))
        if difference is not None:
            broken(law, codec, f"after {name}, {difference}")


BESIDE = ("cache_control", "container", "user_prompt_id")
"""Keys that may differ between turns: cache markers, where code runs, a prompt's name. None is part of the prompt."""


def check_replay(codec: Codec, fixture: Fixture, *, beside: Iterable[str] = BESIDE) -> None:
    """Law 6: the reply put into the next request comes back whole; what is said later leaves what was said as it was.

    "Whole" is its text, the names and ids of its calls, and what `keeps` names.
    `beside` are the keys of what is no part of the prompt. Of what is no whole answer nothing is asked.
    """
    law = "law 6: encoding is stable and keeps what came before"
    reading = read(codec, fixture, [fixture.body])
    if not reading.complete:
        return
    response = reading.response
    bodies: list[Any] = []
    for request in _conversation(response):
        try:
            body = codec.encode(request, fixture.model).body
        except UnsupportedRequest as error:
            broken(law, codec, f"its own reply cannot be sent again: {error}")
        if codec.encode(request, fixture.model).body != body:
            broken(law, codec, "the same request gave other bytes")
        bodies.append(_without(json.loads(body), frozenset(beside)))
    for shorter, longer in zip(bodies, bodies[1:], strict=False):
        changed = _not_grown(shorter, longer, "$")
        if changed is not None:
            broken(law, codec, f"a longer conversation changed what was sent before, at {changed}")
    said = "\n".join(_strings(bodies[0]))
    for want in (*_wanted(response, said), *fixture.keeps):
        if want not in said:
            broken("law 6: a reply loses nothing the provider wants back", codec, f"{short(want)} is not sent again")


def _conversation(response: LlmResponse) -> Iterator[LlmRequest]:
    """A request with the reply in it, and longer ones."""
    tools = {call.name: ToolDefinition(call.name, kind=call.kind) for call in response.tool_calls}
    messages: list[Message] = [UserMessage("Begin."), response.message]
    messages += [ToolResultMessage(call.id, "done", name=call.name) for call in response.tool_calls]
    for more in ((), (UserMessage("Go on."),), (response.message, *messages[2:], UserMessage("And on."))):
        messages += more
        if not isinstance(messages[-1], AssistantMessage):  # not every reply is one that the server would go on from
            yield LlmRequest(messages, tools=tuple(tools.values()))


def _wanted(response: LlmResponse, said: str) -> Iterator[str]:
    for part in response.content:
        if isinstance(part, TextPart) and part.text.strip():
            # A final text that contradicts what was streamed is kept beside it, and is what the provider wants.
            final = _strings(part.provider_data)
            if not final or any(text not in said for text in final):
                yield part.text
    for call in response.tool_calls:
        yield call.name
        if call.id_sent:
            yield call.id


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        items = cast("JsonDict", value).items()
        return {key: _without(item, keys) for key, item in items if key not in keys}
    return [_without(item, keys) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _not_grown(shorter: Any, longer: Any, path: str) -> str | None:
    """Where the longer is not the shorter with something added behind the last item of a list; None: nowhere."""
    if isinstance(shorter, list) and isinstance(longer, list):
        one, other = cast("list[Any]", shorter), cast("list[Any]", longer)
        for i, item in enumerate(one):
            if i >= len(other):
                return f"{path}[{i}]"
            # Only the last container may have grown. Dumped, because the order of keys counts too.
            last = i == len(one) - 1
            changed = _not_grown(item, other[i], f"{path}[{i}]") if last else json.dumps(item) != json.dumps(other[i])
            if changed:
                return changed if isinstance(changed, str) else f"{path}[{i}]"
        return None
    if isinstance(shorter, dict) and isinstance(longer, dict):
        items = cast("JsonDict", shorter)
        if list(items) != list(cast("JsonDict", longer)):
            return path
        found = [_not_grown(item, longer[key], f"{path}.{key}") for key, item in items.items()]
        return next((where for where in found if where is not None), None)
    return None if shorter == longer else path


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for item in cast("JsonDict", value).values() for text in _strings(item)]
    return [text for item in cast("list[Any]", value) for text in _strings(item)] if isinstance(value, list) else []


# --- laws 7 and 10 ---------------------------------------------------------------------------------------------------


def check_usage(codec: Codec, fixture: Fixture) -> None:
    """Law 7: the three buckets add up to the whole input, none is negative, and the last update is what counts."""
    law = "law 7: usage adds up"
    reading = read(codec, fixture, [fixture.body])
    usage, wanted = reading.response.usage, fixture.total_input_tokens
    updates = [event.usage for event in reading.events if isinstance(event, UsageUpdate)]
    if updates and updates[-1] != usage:
        broken(law, codec, f"the last UsageUpdate says {updates[-1]}, the response {usage}")
    for each in [*updates, *([usage] if usage is not None else [])]:
        buckets = (each.input_tokens, each.cached_input_tokens, each.cache_write_tokens)
        if min(*buckets, each.output_tokens, each.reasoning_tokens or 0) < 0 or sum(buckets) != each.total_input_tokens:
            broken(law, codec, f"a count is negative or the parts are not the whole: {each}")
    if wanted is not None and (usage is None or usage.total_input_tokens != wanted):
        broken(law, codec, f"the whole input is {wanted} tokens, the response says {usage}")


def check_linear(codec: Codec, fixture: Fixture, *, times: int = 60) -> None:
    """Law 10: cost is linear in what arrives: an event said four times as often costs about four times as much.

    What is said again is the first event of the stream that brings text, the first that brings reasoning and the first
    that brings arguments; a body without these is given in ever smaller pieces.
    """
    events = [piece for piece in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", fixture.body) if piece]
    costs: dict[str, list[int]] = {}
    for kind in (TextDelta, ReasoningDelta, ToolCallDelta):
        place = _first(codec, fixture, events, kind)
        if place is not None:
            before, again, after = events[:place], [events[place]], events[place + 1 :]
            longer = [[*before, *again * times * n, *after] for n in (1, 2, 4)]
            costs[f"one {kind.__name__} after another"] = [work(codec, fixture, each) for each in longer]
    body = fixture.body
    if not costs and len(body) >= 8 * times:
        sizes = [len(body) // (times * n) for n in (1, 2, 4)]
        finer = [[body[i : i + size] for i in range(0, len(body), size)] for size in sizes]
        costs["ever smaller pieces"] = [work(codec, fixture, each) for each in finer]
    for what, (once, twice, four) in costs.items():
        if four - twice > 2.5 * max(0, twice - once) + 50 * times:
            broken("law 10: cost is linear", codec, f"{what}: calls and characters come to {once}, {twice}, {four}")


def work(codec: Codec, fixture: Fixture, pieces: Iterable[bytes]) -> int:
    """What decoding costs: calls made, and characters handed to them. The `arguments` of every delta are asked for."""
    count = 0

    # Python traces no profile function, so coverage cannot see this one run.
    def note(frame: Any, event: str, argument: Any) -> None:  # pragma: no cover
        nonlocal count
        if event == "call":
            count += 1 + sum(len(each) for each in frame.f_locals.values() if type(each) in (str, bytes, bytearray))
        elif event == "c_call":
            count += 1

    decoder = codec.decoder(status=fixture.status, headers=fixture.headers, model=fixture.model)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for piece in pieces:
            for event in decoder.receive(piece):
                if isinstance(event, ToolCallDelta):
                    len(event.arguments)
        decoder.end()
        decoder.finish()
    except RemoteProtocolError:
        pass
    finally:
        sys.setprofile(before)
    return count


def _first(codec: Codec, fixture: Fixture, events: Sequence[bytes], kind: type) -> int | None:
    """Which event is the first that brings this, None where none does or the body is no stream."""
    decoder = codec.decoder(status=fixture.status, headers=fixture.headers, model=fixture.model)
    try:
        for place, event in enumerate(events if len(events) > 1 else ()):
            if any(isinstance(each, kind) for each in decoder.receive(event)):
                return place
    except RemoteProtocolError:
        pass
    return None
