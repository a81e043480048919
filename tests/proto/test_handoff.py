"""A conversation goes on elsewhere: what comes along, what is made fit, what stays behind, and that it is all told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.codecs import CODECS
from lash_proto.compat import AnthropicCompat, ChatCompat, GoogleCompat, ResponsesCompat
from lash_proto.failures import Failure
from lash_proto.handoff import NO_RESULT, Handoff, Loss, handoff
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    LlmRequest,
    Message,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.providers import anthropic, openai_compatible
from lash_proto.replies import LlmResponse
from lash_proto.values import from_json
from tests.recordings import NO_RECORDINGS, decode, find_recordings, read_items
from tests.strategies import (
    AUDIO_PARTS,
    DOCUMENT_PARTS,
    IMAGE_PARTS,
    OBJECTS,
    ODD_MESSAGES,
    TEXTS,
    WORDS,
    conversations,
    maybe,
)

CHAT: Any = CODECS["openai-completions"]
RESPONSES: Any = CODECS["openai-responses"]
CLAUDE: Any = CODECS["anthropic-messages"]
GEMINI: Any = CODECS["google-generative-ai"]
APIS = ("openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai", "google-code-assist")
MODEL = "m"

HERE = Origin(None, "openai-completions", MODEL)
THERE = Origin("anthropic", "anthropic-messages", "claude")
HI = UserMessage("Hi")
GO_ON = UserMessage("Go on.")


def to_chat(*messages: Message, **knobs: Any) -> Handoff:
    return handoff(messages, CHAT, MODEL, **knobs)


def said(*parts: Part, to: Any = CHAT, **knobs: Any) -> tuple[Part, ...]:
    """What becomes of an assistant message of these parts."""
    (message,) = handoff([AssistantMessage(parts)], to, MODEL, **knobs).messages
    assert isinstance(message, AssistantMessage)
    return message.content


# --- the same provider and model -------------------------------------------------------------------------------------


def test_what_the_target_itself_said_stays_as_it_is() -> None:
    messages = (
        HI,
        AssistantMessage(
            [
                ReasoningPart("hm", HERE, {"field": "reasoning_content"}),
                TextPart("Let me look.", origin=HERE, citations=({"url": "u"},)),
                OpaquePart("odd", {"a": 1}, HERE),
                ToolCallPart("functions.look:0", "odd name", {}, "{", "no object", origin=HERE, id_sent=False),
            ],
            "tool_use",
        ),
        CustomMessage("mark", {"x": 1}),
        ToolResultMessage("functions.look:0", "here", "odd name"),
        AssistantMessage([TextPart("Half an ans", origin=HERE)], "aborted"),
        GO_ON,
        AssistantMessage([ToolCallPart("c", "look", origin=HERE)], "tool_use"),
    )
    assert to_chat(*messages) == Handoff(messages, ())


def test_what_a_newer_lash_wrote_beside_it_stays_too() -> None:
    call = AssistantMessage([ToolCallPart("a", "f", origin=HERE)])
    forms = [{**each.to_json(), "mood": "good"} for each in (HI, call, ToolResultMessage("a", "1"))]
    read: list[Any] = [from_json(form) for form in forms]
    assert [message.to_json() for message in to_chat(*read).messages] == forms


def test_another_model_of_the_same_provider_is_elsewhere() -> None:
    thought = AssistantMessage([ReasoningPart("hm", THERE, {"signature": "s"}), TextPart("Yes.", origin=THERE)])
    assert handoff([thought], anthropic(), "claude").messages == (thought,)
    assert handoff([thought], anthropic(), "claude-2") == Handoff(
        (AssistantMessage([TextPart("Yes.")]),),
        (Loss(0, 0, "reasoning", "the target refuses reasoning of others told as text"),),
    )


def test_a_handle_a_route_and_a_codec_are_one_target() -> None:
    handle: Any = openai_compatible(base_url="http://localhost/v1", compat=ChatCompat(mistral=True))
    call = ToolCallPart("call_1", "f", origin=THERE)
    messages: list[Message] = [HI, AssistantMessage([call]), ToolResultMessage("call_1", "1")]
    one = handoff(messages, handle, MODEL)
    assert one == handoff(messages, handle.route, MODEL) == handoff(messages, handle.route.codec, MODEL)
    sent = one.messages[1].content[0]  # type: ignore[union-attr]
    assert isinstance(sent, ToolCallPart)
    assert len(sent.id) == 9
    assert sent.id.isalnum()


def test_a_handle_with_a_route_for_each_model_is_as_many_targets() -> None:
    handle = evolve(openai_compatible(base_url="http://localhost/v1"), routes=(("claude", anthropic().route),))
    thought = AssistantMessage([ReasoningPart("hm", HERE), TextPart("Yes.")])
    assert handoff([thought], handle, "claude-1").messages == (AssistantMessage([TextPart("Yes.")]),)
    told = (TextPart("<thinking>hm</thinking>"), TextPart("Yes."))
    assert handoff([thought], handle, "gpt-1").messages == (AssistantMessage(told),)


def test_the_models_own_flags_come_before_the_codecs() -> None:
    thought = AssistantMessage([ReasoningPart("hm", HERE)])
    claude = ModelSpec("claude", compat=ChatCompat(demoted_reasoning=False))
    assert handoff([thought], CHAT, claude).messages == ()
    elsewhere = ModelSpec("claude", compat=AnthropicCompat())  # of a dialect that the codec does not speak
    assert handoff([thought], CHAT, elsewhere).messages == (AssistantMessage([TextPart("<thinking>hm</thinking>")]),)


def test_a_dialect_that_tells_no_rules_is_taken_for_chat() -> None:
    class Plain:
        api = "plain"
        encode = CHAT.encode

    messages = [AssistantMessage([ReasoningPart("hm", HERE), ToolCallPart("a b", "c d", origin=HERE)])]
    assert handoff(messages, Plain(), MODEL) == handoff(messages, CHAT, "other")  # type: ignore[arg-type]


# --- calls and results -----------------------------------------------------------------------------------------------

LONG = "call_" + "x" * 100


@pytest.mark.parametrize(
    ("target", "id", "name"),
    [
        (CHAT, r"[A-Za-z0-9_-]{1,40}", "my_tool"),
        (RESPONSES, r"[A-Za-z0-9_-]{1,64}", "my_tool"),
        (CLAUDE, r"[A-Za-z0-9_-]{1,64}", "my_tool"),
        (GEMINI, r"[A-Za-z0-9_-]{1,64}", "my.tool"),
    ],
)
@pytest.mark.parametrize("given_id", [LONG, "functions.my:0", "call|fc_1", "", "ü"])
def test_ids_and_names_follow_the_targets_rule_in_call_and_result(
    target: Any, id: str, name: str, given_id: str
) -> None:
    origin = Origin(None, "elsewhere", None)
    call = ToolCallPart(given_id, "my.tool", {"a": 1}, '{"a":1}', origin=origin, provider_data={"x": 1}, id_sent=False)
    result = ToolResultMessage(given_id, "1", "my.tool")
    found = handoff([AssistantMessage([call]), result], target, MODEL)
    assert found.report == ()
    assistant, answer = found.messages
    assert isinstance(answer, ToolResultMessage)
    assert assistant.content == (ToolCallPart(answer.tool_call_id, name, {"a": 1}, '{"a":1}'),)  # type: ignore[union-attr]
    assert answer == ToolResultMessage(answer.tool_call_id, "1", name)
    assert re.fullmatch(id, answer.tool_call_id)


def test_ids_that_are_fit_stay_and_those_that_would_become_alike_do_not() -> None:
    calls = [ToolCallPart(id, "f", origin=THERE) for id in ("call_1", "a.b", "a:b", "\ud800", "\ud801")]
    one, two, three, four, five = [part.id for part in said(*calls) if isinstance(part, ToolCallPart)]
    assert one == "call_1"
    assert two != three
    assert two[:4] == three[:4] == "a_b_"
    assert CHAT.compat.rules.call_id("\ud800") == four != five


def test_a_name_begins_for_gemini_with_a_letter_or_an_underscore() -> None:
    names = [part.name for part in said(ToolCallPart("a", "1st"), ToolCallPart("b", ""), to=GEMINI)]  # type: ignore[union-attr]
    assert names == ["_1st", "_"]


def test_an_id_used_before_becomes_another_one() -> None:
    turn = (AssistantMessage([ToolCallPart("call_0", "f", origin=THERE)]), ToolResultMessage("call_0", "1", "f"))
    found = to_chat(HI, *turn, *turn, *turn)
    ids = [message.tool_call_id for message in found.messages if isinstance(message, ToolResultMessage)]
    assert ids[0] == "call_0"
    assert len(set(ids)) == 3
    assert [message.content[0].id for message in found.messages[1::2]] == ids  # type: ignore[union-attr]


def test_the_targets_own_call_gives_way_where_anothers_bears_its_id() -> None:
    theirs = (AssistantMessage([ToolCallPart("c", "f", origin=THERE)]), ToolResultMessage("c", "1"))
    mine = (AssistantMessage([ToolCallPart("c", "f", origin=HERE)]), ToolResultMessage("c", "2"))
    found = to_chat(*theirs, *mine, *mine).messages
    call, result = found[2:4]
    assert isinstance(result, ToolResultMessage)
    assert result.tool_call_id != "c"
    assert call == AssistantMessage([ToolCallPart(result.tool_call_id, "f", origin=HERE)])
    assert len({message.tool_call_id for message in found if isinstance(message, ToolResultMessage)}) == 3
    assert to_chat(*mine, *mine).messages == (*mine, *mine)


def test_two_calls_of_one_turn_under_one_id_are_answered_in_order() -> None:
    both = AssistantMessage([ToolCallPart("c", "f", {"a": 1}), ToolCallPart("c", "g", {"a": 2})])
    found = to_chat(both, ToolResultMessage("c", "1", "f"), ToolResultMessage("c", "2", "g"))
    first, second = found.messages[1:]
    assert isinstance(first, ToolResultMessage)
    assert isinstance(second, ToolResultMessage)
    assert (first.tool_call_id, first.name, second.name) == ("c", "f", "g")
    assert found.messages[0].content[1].id == second.tool_call_id != "c"  # type: ignore[union-attr]


@pytest.mark.parametrize("next", [GO_ON, AssistantMessage([TextPart("Well.", origin=THERE)])])
def test_a_call_that_nobody_answered_gets_a_result_that_says_so(next: Message) -> None:
    calls = AssistantMessage([ToolCallPart("a", "f", origin=THERE), ToolCallPart("b", "my.g", origin=THERE)])
    mark = CustomMessage("mark")
    found = to_chat(HI, calls, ToolResultMessage("a", "1"), mark, next)
    assert found.messages[2:5] == (
        ToolResultMessage("a", "1"),
        mark,
        ToolResultMessage("b", NO_RESULT, name="my_g", is_error=True),
    )
    assert found.report == ()


def test_the_last_calls_stay_open_for_their_results_may_still_come() -> None:
    call = AssistantMessage([ToolCallPart("a", "f", origin=THERE)])
    assert to_chat(HI, call).messages == (HI, AssistantMessage([ToolCallPart("a", "f")]))


def test_a_result_late_or_twice_or_to_no_call_is_left_out() -> None:
    call = AssistantMessage([ToolCallPart("a", "f")])
    result = ToolResultMessage("a", "1")
    assert to_chat(result, call, result, result) == Handoff(
        (call, result),
        (
            Loss(0, None, "tool result", "its call is not in the conversation"),
            Loss(3, None, "tool result", "its call had been answered, or passed over, before it came"),
        ),
    )
    late = to_chat(call, GO_ON, result)
    assert late.messages == (call, ToolResultMessage("a", NO_RESULT, "f", is_error=True), GO_ON)
    assert [loss.message_index for loss in late.report] == [2]


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (AssistantMessage([ToolCallPart("b", "f")], "aborted"), "it was aborted"),
        (AssistantMessage([ToolCallPart("b", "f", origin=THERE)], "error"), "it failed"),
        (AssistantMessage([ToolCallPart("b", "f")], error=Failure("server", "oh")), "it failed"),
    ],
)
def test_a_failed_turn_is_left_out_and_the_results_of_its_calls_with_it(failed: AssistantMessage, why: str) -> None:
    before = AssistantMessage([ToolCallPart("a", "f"), ToolCallPart("b", "f")])
    answers = (ToolResultMessage("a", "1"), ToolResultMessage("b", "2"))
    found = to_chat(HI, before, *answers, failed, ToolResultMessage("b", "3"), GO_ON)
    assert found.messages == (HI, before, *answers, GO_ON)
    assert found.report == (
        Loss(4, None, "assistant message", why),
        Loss(5, None, "tool result", "its call is not in the conversation"),
    )


def test_a_call_of_free_text_becomes_a_function_call_where_there_are_no_others() -> None:
    custom = ToolCallPart("a", "patch", raw_arguments="*** Begin", kind="custom", origin=HERE)
    plain = ToolCallPart("a", "patch", {"input": "*** Begin"})
    assert said(custom, to=CLAUDE) == said(custom, to=GEMINI) == (plain,)
    assert said(custom, to=evolve(CHAT, compat=ChatCompat(custom_tools=False))) == (custom,)  # its own
    assert said(custom, to=RESPONSES) == (evolve(custom, origin=None),)


def test_arguments_that_are_no_object_do_not_come_along() -> None:
    call = ToolCallPart("a", "f", {}, "[1]", "a list", origin=THERE)
    assert to_chat(AssistantMessage([call])) == Handoff(
        (AssistantMessage([ToolCallPart("a", "f")]),),
        (Loss(0, 0, "arguments", "they are no JSON object (a list)"),),
    )


def test_a_call_of_the_targets_own_among_foreign_parts_keeps_its_id() -> None:
    mine = ToolCallPart("functions.f:0", "f", origin=HERE)
    result = ToolResultMessage("functions.f:0", "1")
    found = to_chat(AssistantMessage([TextPart("Hm.", origin=THERE), mine]), result, GO_ON, result)
    assert found == Handoff((AssistantMessage([TextPart("Hm."), mine]), result, GO_ON, result), ())


# --- reasoning and other parts ---------------------------------------------------------------------------------------

THOUGHT = ReasoningPart("Is it 4?", THERE, {"signature": "s"})


def test_reasoning_from_elsewhere_is_tagged_told_or_dropped() -> None:
    answer = TextPart("4", origin=THERE)
    assert said(THOUGHT, answer) == (TextPart("<thinking>Is it 4?</thinking>"), TextPart("4"))
    assert said(THOUGHT, answer, reasoning="text") == (TextPart("Is it 4?"), TextPart("4"))
    assert said(THOUGHT, answer, reasoning="drop") == (TextPart("4"),)
    assert to_chat(AssistantMessage([THOUGHT]), reasoning="drop") == Handoff(
        (), (Loss(0, 0, "reasoning", "reasoning from elsewhere was to be dropped"),)
    )


@pytest.mark.parametrize("policy", ["tagged", "text", "drop"])
def test_claude_gets_no_reasoning_of_others(policy: Any) -> None:
    thought = AssistantMessage([evolve(THOUGHT, origin=HERE), TextPart("4")])
    found = handoff([thought], CLAUDE, MODEL, reasoning=policy)
    assert found.messages == (AssistantMessage([TextPart("4")]),)
    assert found.report == (Loss(0, 0, "reasoning", "the target refuses reasoning of others told as text"),)


@pytest.mark.parametrize(
    ("target", "compat"),
    [
        (CHAT, ChatCompat(demoted_reasoning=False)),
        (RESPONSES, ResponsesCompat(demoted_reasoning=False)),
        (GEMINI, GoogleCompat(demoted_reasoning=False)),
        (CLAUDE, AnthropicCompat()),
    ],
)
def test_that_a_target_refuses_demoted_reasoning_is_data(target: Any, compat: Any) -> None:
    elsewhere = AssistantMessage([ReasoningPart("hm", Origin(None, "elsewhere", None))])
    assert handoff([elsewhere], evolve(target, compat=compat), MODEL).messages == ()
    allowed = evolve(target, compat=evolve(compat, demoted_reasoning=True))
    assert handoff([elsewhere], allowed, MODEL).messages == (AssistantMessage([TextPart("<thinking>hm</thinking>")]),)


def test_reasoning_without_text_cannot_be_told() -> None:
    hidden = ReasoningPart("", THERE, {"type": "redacted_thinking", "data": "x"})
    assert to_chat(AssistantMessage([hidden])).report == (
        Loss(0, 0, "reasoning", "it has no text that another model could read"),
    )


def test_the_apps_own_reasoning_stays_where_it_has_a_place() -> None:
    own = ReasoningPart("hm")
    assert said(own) == (TextPart("<thinking>hm</thinking>"),)
    assert said(own, to=GEMINI) == (own,)
    assert said(own, to=evolve(CHAT, compat=ChatCompat(reasoning_content_required=True))) == (own,)
    assert said(own, to=evolve(CHAT, compat=ChatCompat(reasoning_as_text=True))) == (own,)
    assert said(own, to=evolve(CLAUDE, compat=AnthropicCompat(empty_signature_allowed=True))) == (own,)
    for data in ({"signature": "s"}, {"type": "redacted_thinking", "data": "x"}):
        signed = ReasoningPart("hm", None, data)
        assert said(signed, to=CLAUDE) == (signed,)
        assert said(signed) == said(signed, to=RESPONSES) == (TextPart("<thinking>hm</thinking>"),)
    assert handoff([AssistantMessage([ReasoningPart("hm", None, {"field": "x"})])], CLAUDE, MODEL).messages == ()


def test_the_apps_own_parts_among_the_targets_are_as_elsewhere() -> None:
    mine = ToolCallPart("functions.f:0", "f", origin=HERE)
    added: list[Part] = [PICTURE, ReasoningPart("hm"), ToolCallPart("functions.f:0", "f")]
    found = said(ReasoningPart("Well.", HERE), mine, *added)
    assert found[:4] == (
        ReasoningPart("Well.", HERE),
        mine,
        TextPart("(image omitted)"),
        TextPart("<thinking>hm</thinking>"),
    )
    renamed = found[4]
    assert isinstance(renamed, ToolCallPart)
    assert re.fullmatch(r"functions_f_0_\w{8}", renamed.id)


def test_blocks_that_only_another_provider_understands_stay_behind() -> None:
    search = OpaquePart("web_search_tool_result", {"a": 1}, THERE)
    own = OpaquePart("odd", {"a": 1})
    asked, answer = UserMessage([TextPart("x"), search, own]), AssistantMessage([search, own, TextPart("y")])
    found = handoff([asked, answer], RESPONSES, MODEL)
    assert found.messages == (UserMessage([TextPart("x"), own]), AssistantMessage([own, TextPart("y")]))
    why = "it is another provider's or model's own"
    assert found.report == (
        Loss(0, 1, "web_search_tool_result", why),
        Loss(1, 0, "web_search_tool_result", why),
    )


@pytest.mark.parametrize("failed", [False, True])
def test_the_answer_to_a_block_that_was_left_out_is_left_out_too(failed: bool) -> None:
    shell = OpaquePart("shell_call", {"id": "sh_1", "call_id": "call_1"}, evolve(THERE, api="openai-responses"))
    asked = OpaquePart("mcp_approval_request", {"id": "mcpr_1"}, shell.origin)
    done = OpaquePart("shell_call_output", {"call_id": "call_1", "output": []})
    leave = OpaquePart("mcp_approval_response", {"approval_request_id": "mcpr_1", "approve": True})
    other = OpaquePart("shell_call_output", {"call_id": "call_2", "output": []})
    message = AssistantMessage([shell, asked, TextPart("Well.", origin=shell.origin)], "error" if failed else None)
    found = handoff([HI, message, UserMessage([done, leave]), UserMessage([done, other])], RESPONSES, MODEL)
    said = () if failed else (AssistantMessage([TextPart("Well.")]),)
    assert found.messages == (HI, *said, UserMessage([other]))
    assert [(loss.message_index, loss.what) for loss in found.report if loss.why == "what it answers was left out"] == [
        (2, "shell_call_output"),
        (2, "mcp_approval_response"),
        (3, "shell_call_output"),
    ]


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    search = OpaquePart("web_search", {}, THERE)
    found = to_chat(AssistantMessage(()), UserMessage([search]), AssistantMessage([search]))
    assert found.messages == (AssistantMessage(()),)
    assert [(loss.message_index, loss.part_index) for loss in found.report] == [(1, 0), (2, 0)]


def test_a_user_who_said_nothing_is_left_out_where_the_target_refuses_that() -> None:
    blank = (UserMessage(""), UserMessage(()), UserMessage(" \n"), UserMessage([TextPart(" ")]))
    assert to_chat(*blank) == Handoff(blank[2:], tuple(Loss(i, None, "user message", "it is empty") for i in (0, 1)))
    claude = handoff([*blank, HI], CLAUDE, MODEL)
    assert claude.messages == (HI,)
    assert {(loss.what, loss.why) for loss in claude.report} == {
        ("user message", "it needs content: blank text is refused")
    }


def test_a_result_of_which_nothing_is_left_still_answers_its_call() -> None:
    call = AssistantMessage([ToolCallPart("a", "f")])
    found = to_chat(call, ToolResultMessage("a", [OpaquePart("odd", {}, THERE)]))
    assert found.messages == (call, ToolResultMessage("a", ()))


def test_text_and_refusals_come_along_without_what_their_provider_wrote_beside() -> None:
    cited = TextPart("4", True, "final_answer", ({"url": "u"},), THERE, {"id": "x"})
    refusal = RefusalPart("No.", THERE, {"id": "y"})
    found = to_chat(AssistantMessage([cited, refusal]), UserMessage([cited]))
    assert found.messages == (
        AssistantMessage([TextPart("4", True), RefusalPart("No.")]),
        UserMessage([TextPart("4", True)]),
    )
    assert [(loss.message_index, loss.what) for loss in found.report] == [
        (0, "citations"),
        (0, "phase"),
        (1, "citations"),
        (1, "phase"),
    ]


def test_the_phase_of_a_text_means_the_same_to_another_model_of_its_dialect() -> None:
    text = TextPart("4", phase="commentary", origin=Origin(None, "openai-responses", "gpt-1"))
    assert said(text, to=RESPONSES) == (TextPart("4", phase="commentary"),)


def test_reasoning_in_a_users_message_is_told_as_the_policy_says() -> None:
    told = (UserMessage([TextPart("<thinking>Is it 4?</thinking>")]),)
    for origin in (THERE, HERE, None):
        assert to_chat(UserMessage([evolve(THOUGHT, origin=origin)])).messages == told
    assert handoff([UserMessage([ReasoningPart("Is it 4?")])], GEMINI, MODEL).messages == told


# --- pictures, documents, sound --------------------------------------------------------------------------------------

PICTURE = ImagePart(b"x", "image/png")


def test_a_model_that_does_not_see_gets_a_line_for_each_run_of_pictures() -> None:
    marked = ImagePart(b"y", "image/png", cache_breakpoint=True)
    call = AssistantMessage([ToolCallPart("a", "f")])
    found = to_chat(
        UserMessage([PICTURE, marked, TextPart("and"), PICTURE]), call, ToolResultMessage("a", [PICTURE]), sees=False
    )
    omitted = "(image omitted: model does not support images)"
    assert found.messages == (
        UserMessage([TextPart(omitted, True), TextPart("and"), TextPart(omitted)]),
        call,
        ToolResultMessage("a", [TextPart("(tool image omitted: model does not support images)")]),
    )
    assert [(loss.message_index, loss.part_index, loss.what) for loss in found.report] == [
        (0, 0, "image"),
        (0, 1, "image"),
        (0, 3, "image"),
        (2, 0, "image"),
    ]


def test_what_a_model_takes_is_known_from_its_spec_or_said() -> None:
    sound = AudioPart(b"x", "audio/wav")
    message = UserMessage([PICTURE, sound])
    told = (TextPart("(image omitted: model does not support images)"), TextPart("(audio omitted)"))
    blind = ModelSpec(MODEL, inputs=["text"])
    assert to_chat(message) == to_chat(message, sees=True) == Handoff((message,), ())
    assert handoff([message], CHAT, blind).messages == (UserMessage(told),)
    assert handoff([message], CHAT, blind, sees=True).messages == (UserMessage([PICTURE, told[1]]),)
    assert to_chat(message, sees=False).messages == (UserMessage([told[0], sound]),)


def test_pictures_and_sound_that_another_model_made_are_told_in_words() -> None:
    made = AssistantMessage(
        [
            ImagePart(b"x", "image/png", origin=THERE),
            ImagePart(b"y", "image/png", origin=THERE),
            AudioPart(b"x", "audio/wav", "Hello", id="a", origin=THERE),
            AudioPart(b"x", "audio/wav"),
            DocumentPart(text="A page."),
            DocumentPart(b"x", "application/pdf", name="a.pdf"),
            DocumentPart(b"x", "application/pdf"),
            ImagePart(b"x", "image/png", origin=HERE),
        ]
    )
    found = to_chat(made)
    (message,) = found.messages
    assert message.content == (  # type: ignore[union-attr]
        TextPart("(image omitted)"),
        TextPart("Hello"),
        TextPart("(audio omitted)"),
        TextPart("A page."),
        TextPart("(document 'a.pdf' omitted)"),
        TextPart("(document omitted)"),
        ImagePart(b"x", "image/png", origin=HERE),
    )
    assert [loss.what for loss in found.report] == [
        "image",
        "image",
        "audio",
        "audio",
        "document",
        "document",
        "document",
    ]


def test_sound_and_documents_go_where_the_target_takes_them() -> None:
    sound, page = AudioPart(b"x", "audio/wav"), DocumentPart(b"x", "application/pdf")
    call = AssistantMessage([ToolCallPart("a", "f")])
    messages: list[Message] = [UserMessage([sound, page]), call, ToolResultMessage("a", [sound, page])]
    told = (TextPart("(audio omitted)"), TextPart("(document omitted)"))
    expected = {
        CHAT: ((sound, page), told),
        RESPONSES: ((told[0], page), (told[0], page)),
        CLAUDE: ((told[0], page), (told[0], page)),
        GEMINI: ((sound, page), (sound, page)),
    }
    for target, contents in expected.items():
        found = handoff(messages, target, MODEL)
        assert (found.messages[0].content, found.messages[2].content) == contents  # type: ignore[union-attr]


def test_what_another_provider_holds_cannot_be_shown() -> None:
    theirs: list[Part] = [ImagePart(file_id="f", origin=THERE), DocumentPart(file_id="f", origin=THERE)]
    fine: list[Any] = [
        ImagePart(file_id="f"),
        ImagePart(url="https://x", file_id="f", origin=THERE),
        DocumentPart(text="A", origin=THERE),
    ]
    found = handoff([UserMessage([*theirs, *fine])], RESPONSES, MODEL)
    assert [(loss.part_index, loss.why) for loss in found.report] == [
        (0, "another provider holds it"),
        (1, "another provider holds it"),
    ]
    assert found.messages == (
        UserMessage(
            [
                TextPart("(image omitted)"),
                TextPart("(document omitted)"),
                ImagePart(file_id="f"),
                ImagePart(url="https://x"),
                DocumentPart(text="A"),
            ]
        ),
    )


def test_another_model_of_the_provider_is_shown_what_the_provider_holds() -> None:
    held = ImagePart(file_id="f", origin=Origin("openai", "openai-responses", "gpt-1"))
    shown = (UserMessage([ImagePart(file_id="f")]),)
    nameless = evolve(held, origin=Origin(None, "openai-responses", "gpt-1"))
    for part, provider in ((held, "openai"), (held, None), (nameless, "openai")):
        assert handoff([UserMessage([part])], evolve(RESPONSES, provider=provider), "gpt-2").messages == shown
    codex = handoff([UserMessage([held])], evolve(RESPONSES, provider="codex"), "gpt-2")
    assert codex.messages == (UserMessage([TextPart("(image omitted)")]),)


@pytest.mark.parametrize(
    ("target", "part", "text", "why"),
    [
        (
            GEMINI,
            ImagePart(b"GIF8", "image/gif"),
            "(image omitted)",
            "the dialect takes image/heic, image/heif, image/",
        ),
        (
            CHAT,
            ImagePart(b"x", "image/heic"),
            "(image omitted)",
            "the dialect takes image/gif, image/jpeg, image/png, ",
        ),
        (
            CHAT,
            AudioPart(b"x", "audio/ogg", "Hello"),
            "Hello",
            "the dialect takes audio/mp3, audio/mpeg, audio/vnd.wave",
        ),
        (
            CHAT,
            DocumentPart(url="https://x", name="a.pdf"),
            "(document 'a.pdf' omitted)",
            "Chat Completions takes bytes",
        ),
        (
            CLAUDE,
            DocumentPart(b"x", "application/msword"),
            "(document omitted)",
            "the dialect takes application/json, ",
        ),
        (CLAUDE, AudioPart(b"x", "audio/wav"), "(audio omitted)", "the Messages API takes no audio"),
    ],
)
def test_what_the_targets_encoder_refuses_is_told_in_words(target: Any, part: Part, text: str, why: str) -> None:
    call = AssistantMessage([ToolCallPart("a", "f")])
    found = handoff([UserMessage([part]), call, ToolResultMessage("a", [part])], target, MODEL)
    assert found.messages == (UserMessage([TextPart(text)]), call, ToolResultMessage("a", [TextPart(text)]))
    first, second = found.report
    assert (first.message_index, first.part_index, first.what) == (0, 0, part.tag[1])
    assert (second.message_index, second.part_index, second.what) == (2, 0, part.tag[1])
    assert first.why.startswith(why)


def test_what_stands_where_only_a_model_speaks_is_left_out() -> None:
    odd: list[Part] = [ToolCallPart("a", "f"), RefusalPart("No."), TextPart("Hi")]
    found = handoff([UserMessage(odd)], CLAUDE, MODEL)
    assert found.messages == (UserMessage([TextPart("Hi")]),)
    assert [(loss.what, loss.why) for loss in found.report] == [
        ("tool_call", "only an assistant message can hold it"),
        ("refusal", "only an assistant message can hold it"),
    ]


# --- laws ------------------------------------------------------------------------------------------------------------

MODELS = st.sampled_from(["m", "n"])
ORIGINS = st.builds(Origin, st.none(), st.sampled_from(APIS), MODELS)
TARGETS = st.tuples(st.sampled_from(APIS).map(CODECS.__getitem__), MODELS)
STOPS: st.SearchStrategy[Any] = st.sampled_from(["stop", "stop", "tool_use", "length", "error", "aborted"])
ODD_IDS = st.sampled_from(["call_0", "functions.f:0", "call_1|fc_2", "", "x" * 70, "ü"]) | WORDS
ODD_NAMES = st.sampled_from(["f", "my.tool", "1st", "", "n" * 200, "ü"])


@st.composite
def travelled(draw: st.DrawFn) -> list[Message]:
    """A conversation that several models had a part in, with all that goes wrong on the way."""
    messages: list[Message] = []
    for message in draw(conversations()).messages:
        origin = draw(maybe(ORIGINS))
        if isinstance(message, AssistantMessage):
            extra = st.one_of(
                st.builds(ReasoningPart, TEXTS, st.just(origin), maybe(OBJECTS) if origin else st.none()),
                st.builds(OpaquePart, WORDS, OBJECTS, st.just(origin or Origin(None, "elsewhere", None))),
                st.builds(RefusalPart, WORDS, st.just(origin)),
                st.builds(ToolCallPart, ODD_IDS, ODD_NAMES, OBJECTS, origin=st.just(origin)),
            )
            parts: list[Any] = [*message.content, *draw(st.lists(extra, max_size=3))]
            parts = [part if isinstance(part, OpaquePart) else evolve(part, origin=origin) for part in parts]
            if draw(st.booleans()):
                parts += draw(st.lists(IMAGE_PARTS | AUDIO_PARTS | DOCUMENT_PARTS, max_size=2))
                parts = [evolve(part, origin=Origin(None, "elsewhere", None)) for part in parts]
            messages.append(AssistantMessage(parts, draw(STOPS)))
        elif isinstance(message, ToolResultMessage) and draw(st.integers(0, 3)) == 0:
            content = draw(st.lists(IMAGE_PARTS | AUDIO_PARTS | DOCUMENT_PARTS, max_size=2))
            messages.append(evolve(message, content=content))
        elif not isinstance(message, ToolResultMessage) or draw(st.integers(0, 5)):
            messages.append(message)
        if draw(st.integers(0, 9)) == 0:
            messages.append(draw(st.builds(ToolResultMessage, ODD_IDS, WORDS, WORDS) | st.builds(CustomMessage, WORDS)))
        if draw(st.integers(0, 9)) == 0:
            messages.append(UserMessage(draw(st.lists(AUDIO_PARTS | IMAGE_PARTS, min_size=1, max_size=2))))
    return [*messages, GO_ON]


ANY = travelled() | st.lists(ODD_MESSAGES, max_size=5)
POLICIES = st.sampled_from(["drop", "tagged", "text"])
SEES = st.sampled_from([None, True, False])


@given(ANY, TARGETS, POLICIES, SEES)
def test_any_conversation_can_be_sent_to_any_target(
    messages: list[Message], target: tuple[Any, str], reasoning: Any, sees: bool | None
) -> None:
    codec, model = target
    found = handoff([*messages, GO_ON], codec, model, reasoning=reasoning, sees=sees)
    body = json.loads(codec.encode(LlmRequest(found.messages), model).body)
    if sees is False:
        assert '"image' not in json.dumps([m for m in body.get("messages", []) if m["role"] != "assistant"])


def foreign_parts(messages: Iterable[Message], codec: Any, model: str) -> list[Part]:
    contents = [m.content for m in messages if not isinstance(m, CustomMessage) and not isinstance(m.content, str)]
    parts = [part for content in contents for part in content]
    return [p for p in parts if p.origin is not None and not p.origin.is_native(codec.provider, codec.api, model)]


@given(ANY, TARGETS, POLICIES, SEES)
def test_handing_off_twice_changes_nothing_and_leaves_nothing_foreign(
    messages: list[Message], target: tuple[Any, str], reasoning: Any, sees: bool | None
) -> None:
    once = handoff(messages, *target, reasoning=reasoning, sees=sees)
    assert handoff(once.messages, *target, reasoning=reasoning, sees=sees) == Handoff(once.messages, ())
    assert foreign_parts(once.messages, *target) == []


@given(ANY, TARGETS, POLICIES, SEES, st.data())
def test_a_longer_conversation_leaves_the_earlier_messages_equal(
    messages: list[Message], target: tuple[Any, str], reasoning: Any, sees: bool | None, data: st.DataObject
) -> None:
    whole = handoff(messages, *target, reasoning=reasoning, sees=sees)
    shorter = data.draw(st.integers(0, len(messages)))
    begun = handoff(messages[:shorter], *target, reasoning=reasoning, sees=sees)
    assert whole.messages[: len(begun.messages)] == begun.messages
    assert whole.report[: len(begun.report)] == begun.report


@given(ANY, TARGETS)
def test_what_one_target_said_comes_back_to_it_as_it_was(messages: list[Message], target: tuple[Any, str]) -> None:
    codec, model = target
    origin = Origin(None, codec.api, model)
    own: list[Message] = [
        evolve(message, content=[evolve(part, origin=origin) for part in message.content])
        for message in messages
        if isinstance(message, AssistantMessage) and message.content
    ]
    own = [each for message in own for each in (HI, message)]
    assert handoff(own, codec, model) == Handoff(tuple(own), ())


def words(message: Message) -> list[str]:
    """What is said in a message, a line for each part."""
    if isinstance(message, CustomMessage):
        return [message.name]
    if isinstance(message.content, str):
        return [message.content]
    found: list[str] = []
    for part in message.content:
        if isinstance(part, OpaquePart):
            found.append(repr(evolve(part, origin=None)))
        elif isinstance(part, (ImagePart, AudioPart, DocumentPart)):
            found.append(repr(evolve(part, origin=None, provider_data=None)))
        elif isinstance(part, ToolCallPart):
            found.append(part.raw_arguments if part.kind == "custom" else json.dumps(dict(part.arguments)))
        else:
            found.append(part.text)
    return found


@given(ANY, TARGETS, POLICIES, SEES)
def test_every_loss_is_reported(
    messages: list[Message], target: tuple[Any, str], reasoning: Any, sees: bool | None
) -> None:
    found = handoff(messages, *target, reasoning=reasoning, sees=sees)
    told = "\n".join(json.dumps(word) + word for message in found.messages for word in words(message))
    whole = {loss.message_index for loss in found.report if loss.part_index is None}
    parts = {(loss.message_index, loss.part_index) for loss in found.report}
    for index, message in enumerate(messages):
        for number, word in enumerate(words(message)):
            assert index in whole or (index, number) in parts or word in told or json.dumps(word) in told


# --- recorded replies ------------------------------------------------------------------------------------------------


def answered(response: LlmResponse) -> list[Message]:
    """The reply in a conversation that goes on."""
    results = [ToolResultMessage(call.id, "done", call.name) for call in response.tool_calls]
    return [HI, response.message, *results, GO_ON]


@pytest.mark.parametrize("api", APIS[:4])
def test_recorded_replies_can_be_handed_to_every_dialect_and_come_back_as_they_were(api: str) -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    for item in list(read_items(folder / api))[::5]:
        response = decode(item, [item.body]).response
        messages = answered(response)
        for target in APIS:
            found = handoff(messages, CODECS[target], MODEL)
            assert foreign_parts(found.messages, CODECS[target], MODEL) == [] or target == api
            try:
                CODECS[target].encode(LlmRequest(found.messages), MODEL)
            except Exception as error:
                error.add_note(f"recording {item.name} to {target}")
                raise
        if response.content:
            assert handoff(messages, CODECS[api], MODEL) == Handoff(tuple(messages), ()), item.name
