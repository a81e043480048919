"""What requests held that were sent: which knobs each target has seen, and who spoke to it for the assistant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import fields

from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    JsonSchema,
    LlmRequest,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.values import UNSET

from .conversations import NATIVE, NEIGHBOUR, OWN, SOURCES, has_neighbours
from .strategy import POLICIES, Case
from .targets import Target


class Coverage:
    """Counts over requests that were not refused."""

    def __init__(self) -> None:
        self.knobs: Counter[tuple[str, str]] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.policies: Counter[tuple[str, str]] = Counter()

    def note(self, case: Case) -> None:
        name = case.target.name
        for word in set(features(case)):
            self.knobs[name, word] += 1
        for source in case.sources:
            self.pairs[source, name] += 1
            if case.policy is not None and source not in (OWN, NATIVE):
                self.policies[case.policy, name] += 1

    def tell(self, targets: tuple[Target, ...]) -> None:
        """Print what was seen least."""
        names = [target.name for target in targets if not target.pictures]
        alone = {target.name for target in targets if not has_neighbours(target)}
        pairs = [(one, name) for one in SOURCES for name in names if not (one == NEIGHBOUR and name in alone)]
        self._least("who spoke, to whom", pairs, self.pairs)
        self._least("reasoning, to whom", [(policy, name) for policy in POLICIES for name in names], self.policies)
        totals: Counter[str] = Counter()
        for (_, word), count in self.knobs.items():
            totals[word] += count
        if totals:
            print(f"\n{len(totals)} knobs and kinds of parts; the least seen:")
            print("   " + ", ".join(f"{word} {count}" for word, count in totals.most_common()[:-26:-1]))
        expected = [
            (target.name, knob)
            for target in targets
            for knob in sorted(target.knobs & totals.keys())
            if any(knob not in model.lacks for model in target.models)
        ]
        missing = [(name, knob) for name, knob in expected if not self.knobs[name, knob]]
        print(f"\nknobs that targets have: {len(expected) - len(missing)} of {len(expected)} seen")
        by_target: dict[str, list[str]] = {}
        for name, knob in missing:
            by_target.setdefault(name, []).append(knob)
        for name, knobs in by_target.items():
            print(f"   {name} never saw: {', '.join(knobs)}")

    def _least(self, what: str, all: list[tuple[str, str]], counts: Counter[tuple[str, str]]) -> None:
        if all:
            least = sorted(all, key=lambda pair: (counts[pair], pair))[:8]
            seen = sum(1 for pair in all if counts[pair])
            print(f"\n{what}: {seen} of {len(all)} pairs; the least seen:")
            print("   " + ", ".join(f"{one} to {other} {counts[one, other]}" for one, other in least))


def features(case: Case) -> Iterator[str]:
    """The knobs that a request turns and the kinds of parts that it holds, each by a word."""
    request = case.request
    yield "streamed" if case.stream else "whole"
    if isinstance(request, ImageRequest):
        yield from (f"picture:{name}" for name in ("n", "size", "quality", "format") if getattr(request, name))
        yield "picture:text" if isinstance(request.prompt, str) else "picture:parts"
    else:
        yield from _request(request)
    spec = case.spec
    for name in ("max_output_tokens", "context_window", "inputs", "capability"):
        if getattr(spec, name) is not None:
            yield f"spec:{name}"
    for attribute in fields(type(request.options)):
        value = getattr(request.options, attribute.name)
        if value is UNSET:
            continue
        if attribute.name == "reasoning":
            yield "reasoning"
            yield f"reasoning:{'budget' if isinstance(value, int) else value}"
            if isinstance(value, int):
                yield "budget"
        elif attribute.name == "cache_retention":
            yield from ("cache", f"cache:{value}")
        elif attribute.name == "parallel_tool_calls":
            yield from ("parallel", f"parallel:{value}")
        else:
            yield attribute.name


def _request(request: LlmRequest) -> Iterator[str]:
    for name in ("max_output_tokens", "temperature", "top_p", "stop", "seed", "session_id", "request_id", "metadata"):
        if getattr(request, name) not in (None, ()):
            yield name
    if request.system is not None:
        yield from ("system", f"system:{'str' if isinstance(request.system, str) else 'parts'}")
    for tool in request.tools:
        if isinstance(tool, ToolDefinition):
            yield "tools"
            yield from ("custom_tools", "custom_tools") if tool.kind == "custom" else ()
            if tool.strict is not None:
                yield from ("strict_tools", f"strict_tools:{tool.strict}")
        else:
            yield "provider_tools"
    if request.tool_choice is not None:
        said = request.tool_choice
        yield "choice"
        yield f"choice:{said if said in ('auto', 'none', 'required') else 'named'}"
    if request.output is not None:
        schema = isinstance(request.output, JsonSchema)
        yield "json_schema" if schema else "json_object"
        if isinstance(request.output, JsonSchema):
            yield f"json_schema:{'strict' if request.output.strict else 'loose'}"
    for message in request.messages:
        if isinstance(message, CustomMessage):
            yield "custom message"
            continue
        side = "result" if isinstance(message, ToolResultMessage) else message.role
        if isinstance(message, ToolResultMessage) and message.is_error:
            yield "result:error"
        if isinstance(message.content, str):
            yield f"{side}:string"
            continue
        for part in message.content:
            yield from (f"{side}:{word}" for word in _part(part))
    last = next((m for m in reversed(request.messages) if not isinstance(m, CustomMessage)), None)
    if isinstance(last, AssistantMessage):
        yield "prefill"
    if sum(isinstance(message, UserMessage) for message in request.messages) > 1:
        yield "more turns"


def _part(part: Part) -> Iterator[str]:
    word = part.tag[1]
    yield word
    if isinstance(part, TextPart):
        for name in ("phase", "citations", "provider_data"):
            if getattr(part, name):
                yield f"text with {name}"
        if not part.text.strip():
            yield "blank text"
    if isinstance(part, (ImagePart, DocumentPart)):
        yield from (f"{word}:{name}" for name in ("data", "url", "file_id") if getattr(part, name))
        yield from (name for name in ("file_id",) if part.file_id)
        if isinstance(part, DocumentPart):
            yield from (name for name, is_so in (("file_url", part.url), ("cited", part.citations)) if is_so)
    if isinstance(part, (TextPart, ImagePart, DocumentPart)) and part.cache_breakpoint:
        yield "breakpoint"
    if isinstance(part, ToolCallPart):
        yield f"{part.kind} call"
        if part.arguments_error is not None:
            yield "broken arguments"
    if isinstance(part, ReasoningPart):
        yield "reasoning with data" if part.provider_data else "bare reasoning"
    if isinstance(part, OpaquePart):
        yield f"opaque {part.type}"
    if isinstance(part, AudioPart) and part.id:
        yield "audio by id"
