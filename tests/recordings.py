"""Recorded and hand-written responses: where they are, how they are cut, how they compare with what they should say.

An item is a folder with `response.body`, `meta.json` and `expected.json`; the recordings' own README tells the fields.
The recordings stand beside the clone and are never copied into it; `tests/fixtures` has the same form and is our own.

    python -m tests.recordings [API ...] [--only NAME] [--fixtures] [--whole] [--json]

prints how many agree, whole and in five cuts, and what differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lash_proto.codecs import CODECS
from lash_proto.failures import RemoteProtocolError
from lash_proto.replies import LlmResponse, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

APIS = ("openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai", "openai-images")
FIXTURES = Path(__file__).parent / "fixtures"
NO_RECORDINGS = "no recordings: $LASH_RECORDINGS names no folder and ../shared/recordings is not there"
CUTS = 5


def find_recordings() -> Path | None:
    """The folder of recorded responses: `$LASH_RECORDINGS` if that is set (empty for none), else beside the clone."""
    said = os.environ.get("LASH_RECORDINGS")
    if said == "":
        return None
    folder = Path(said) if said else Path(__file__).resolve().parents[2] / "shared" / "recordings"
    return folder if folder.is_dir() else None


class Item(NamedTuple):
    """One response: what was sent, and what it says."""

    name: str
    api: str
    meta: Mapping[str, Any]
    expected: Mapping[str, Any]
    body: bytes

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The response's headers; the content type where nothing else was recorded."""
        headers = {name.lower(): value for name, value in (self.meta.get("headers") or {}).items()}
        if self.meta.get("content_type"):
            headers.setdefault("content-type", self.meta["content_type"])
        return list(headers.items())


class Outcome(NamedTuple):
    """What a decoder made of it."""

    response: LlmResponse
    events: list[StreamEvent]
    raised: str | None


def read_items(folder: Path, only: str = "") -> Iterator[Item]:
    """The items in a folder of one API, by name."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (path / "response.body").is_file() and only in path.name:
            meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
            expected = json.loads((path / "expected.json").read_text(encoding="utf-8"))
            yield Item(path.name, folder.name, meta, expected, (path / "response.body").read_bytes())


def cuts_of(name: str, body: bytes, number: int = CUTS) -> Iterator[list[bytes]]:
    """The body in pieces, `number` times: from nearly byte by byte to a few places; the same for the same name."""
    chance = random.Random(name)
    finest = 3 if len(body) <= 20_000 else 40
    for turn in range(number):
        if turn % CUTS == CUTS - 1:
            places = sorted(chance.sample(range(len(body) + 1), min(3, len(body))))
        else:
            longest = (finest, 17, 130, 1500)[turn % CUTS]
            places, place = [], 0
            while (place := place + chance.randint(1, longest)) < len(body):
                places.append(place)
        yield [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


def decode(item: Item, pieces: Iterable[bytes], model: str | None = None) -> Outcome:
    """The response with `finish()`, or with `partial()` where that rightly raises."""
    decoder = CODECS[item.api].decoder(status=item.meta["status"], headers=item.headers, model=model)
    events: list[StreamEvent] = []
    try:
        for piece in pieces:
            events += decoder.receive(piece)
        events += decoder.end()
        return Outcome(decoder.finish(), events, None)
    except RemoteProtocolError as error:
        return Outcome(decoder.partial(), events, str(error))


def merged(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """The events with neighbouring deltas of one block joined: what no cut may change."""
    out: list[StreamEvent] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta) and event.content_index == last.content_index:
            out[-1] = TextDelta(event.content_index, last.text + event.text)
        elif (
            isinstance(event, ReasoningDelta)
            and isinstance(last, ReasoningDelta)
            and event.content_index == last.content_index
        ):
            out[-1] = ReasoningDelta(event.content_index, last.text + event.text)
        elif (
            isinstance(event, ToolCallDelta)
            and isinstance(last, ToolCallDelta)
            and event.content_index == last.content_index
        ):
            out[-1] = ToolCallDelta(event.content_index, last.fragment + event.fragment)
        else:
            out.append(event)
    return out


def differences(expected: Mapping[str, Any], response: LlmResponse) -> list[str]:
    """What the response says otherwise than expected, a line a field; null and what `skip` names is not compared."""
    skip = set(expected.get("skip") or ())
    found: dict[str, str | None] = {
        "text": _differ(expected.get("text"), response.text),
        "reasoning": _differ(expected.get("reasoning"), response.reasoning),
        "tool_calls": _calls(expected.get("tool_calls"), response),
        "stop": _differ(_word(expected.get("stop")), response.raw_stop_reason),
        "usage": _usage(expected.get("usage"), response),
        "model": _differ(expected.get("model"), response.model),
        "id": _differ(expected.get("id"), response.id),
        "error": _error(expected.get("error"), response),
        "stop_reason": _differ(expected.get("stop_reason"), response.stop_reason),
    }
    return [f"{name}: {what}" for name, what in found.items() if what is not None and name not in skip]


def _word(stop: Any) -> str | None:
    # An old Vertex client asked for enums as numbers.
    return None if stop is None else str(stop)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:140]} ... {text[-140:]}"


def _differ(expected: Any, ours: Any) -> str | None:
    if expected is None or expected == ours:
        return None
    if isinstance(expected, str) and isinstance(ours, str) and len(expected) > 140:
        at = next((i for i, (a, b) in enumerate(zip(expected, ours, strict=False)) if a != b), None)
        at = min(len(expected), len(ours)) if at is None else at
        return f"from character {at} expected {_short(expected[at:])}, got {_short(ours[at:])}"
    return f"expected {_short(expected)}, got {_short(ours)}"


def _calls(expected: list[dict[str, Any]] | None, response: LlmResponse) -> str | None:
    if expected is None:
        return None
    ours = response.tool_calls
    if [call["name"] for call in expected] != [call.name for call in ours]:
        return f"expected {_short(expected)}, got {_short(ours)}"
    for number, (want, call) in enumerate(zip(expected, ours, strict=True)):
        if want.get("id") is not None and want["id"] != call.id:
            return f"[{number}].id {_differ(want['id'], call.id)}"
        arguments = want["arguments"]
        got = call.raw_arguments if isinstance(arguments, str) else dict(call.arguments)
        if arguments != got:
            return f"[{number}].arguments expected {_short(arguments)}, got {_short(got)}"
    return None


def _usage(expected: dict[str, Any] | None, response: LlmResponse) -> str | None:
    wanted = {name: count for name, count in (expected or {}).items() if count is not None}
    usage = response.usage
    if usage is None:
        return f"expected {wanted}, got None" if wanted else None
    ours = {
        "input_total": usage.total_input_tokens,
        "output_total": usage.output_tokens,
        "cache_read": usage.cached_input_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    wrong = {name: (count, ours.get(name)) for name, count in wanted.items() if ours.get(name) != count}
    return ", ".join(f"{name} expected {a}, got {b}" for name, (a, b) in wrong.items()) or None


def _error(expected: Any, response: LlmResponse) -> str | None:
    raw = response.error.raw if response.error is not None else None
    return None if raw == expected else f"expected {_short(expected)}, got {_short(raw)}"


def disagreements(item: Item, *, whole: bool = True, cuts: int = CUTS) -> list[str]:
    """What an item says otherwise than expected, whole and in cuts, and where a cut says otherwise than the whole."""
    one = decode(item, [item.body])
    found = differences(item.expected, one.response) if whole else []
    if found and one.raised:
        found.append(f"finish() raised: {one.raised}")
    for number, pieces in enumerate(cuts_of(item.name, item.body, cuts)):
        other = decode(item, pieces)
        if other.response != one.response:
            fields = ("content", "stop_reason", "raw_stop_reason", "usage", "model", "id", "error")
            differing = [name for name in fields if getattr(other.response, name) != getattr(one.response, name)]
            found.append(f"cut {number} differs from the whole in {', '.join(differing)}")
        elif merged(other.events) != merged(one.events):
            found.append(f"cut {number} has other events than the whole")
    return found


def report(items: Iterable[Item], *, whole: bool = True, cuts: int = CUTS) -> tuple[int, dict[str, list[str]]]:
    """How many items there were, and what differs by name."""
    count, wrong = 0, {}
    for item in items:
        count += 1
        if found := disagreements(item, whole=whole, cuts=cuts):
            wrong[item.name] = found
    return count, wrong


def explain(wrong: Mapping[str, list[str]]) -> str:
    """The differing items, readable in a failing test."""
    return "\n".join(f"{name}\n    " + "\n    ".join(found) for name, found in wrong.items())


def main() -> int:
    """The command line told above; 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.recordings", description="Do the decoders agree?")
    parser.add_argument("apis", nargs="*", metavar="API", help=", ".join(APIS))
    parser.add_argument("--only", default="", metavar="NAME", help="items whose name contains this")
    parser.add_argument("--fixtures", action="store_true", help="our own fixtures instead of the recordings")
    parser.add_argument("--whole", action="store_true", help="not in cuts")
    parser.add_argument("--json", action="store_true", help="with --only: what the decoder made of each item")
    chosen = parser.parse_args()
    folder = FIXTURES if chosen.fixtures else find_recordings()
    if folder is None:
        print(NO_RECORDINGS, file=sys.stderr)
        return 2
    failed = False
    for api in chosen.apis or APIS:
        items = list(read_items(folder / api, chosen.only))
        count, wrong = report(items, cuts=0 if chosen.whole else CUTS)
        failed = failed or bool(wrong)
        if wrong:
            print(explain(wrong))
        print(f"{api}: {count - len(wrong)} of {count} agree{'' if chosen.whole else ', whole and cut'}")
        if chosen.json and chosen.only:
            for item in items:
                print(json.dumps(decode(item, [item.body]).response.to_json(), indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
