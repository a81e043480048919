"""A conversation as Gemini's contents: roles, media, calls and their signatures, results, replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.codecs.google import GoogleGenerativeAI
from lash_proto.compat import GoogleCompat
from lash_proto.errors import UnsupportedRequest
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
    ProviderOptions,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from tests.proto.codecs.gemini import BEGINNING, SIGNATURE, candidate, going_on, piece, sse
from tests.recordings import FIXTURES, find_recordings, read_items

if TYPE_CHECKING:
    from tests.recordings import Item

OURS = Origin(None, "google-generative-ai", "gemini-3")
CLAUDE = Origin("anthropic", "anthropic-messages", "claude-opus-5")
SIGNED = {"thoughtSignature": SIGNATURE}
SENTINEL = {"thoughtSignature": "skip_thought_signature_validator"}


def encoded(*messages: Message, compat: GoogleCompat | None = None) -> list[Any]:
    codec = GoogleGenerativeAI(compat=compat or GoogleCompat())
    return list(json.loads(codec.encode(LlmRequest(messages), "gemini-3").body)["contents"])


def notes(*messages: Message) -> tuple[str, ...]:
    return GoogleGenerativeAI().encode(LlmRequest(messages), "gemini-3").notes


def user(*parts: Part) -> list[Any]:
    (content,) = encoded(UserMessage(parts))
    assert content["role"] == "user"
    return list(content["parts"])


def model(*parts: Part, compat: GoogleCompat | None = None) -> list[Any]:
    _, content = encoded(UserMessage("x"), AssistantMessage(parts), compat=compat)
    assert content["role"] == "model"
    return list(content["parts"])


# --- users -----------------------------------------------------------------------------------------------------------


def test_each_message_is_a_content() -> None:
    assert encoded(
        UserMessage("Hi"), AssistantMessage("Hello."), CustomMessage("mark", 1), UserMessage("a"), UserMessage("b")
    ) == [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hello."}]},
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "b"}]},
    ]


def test_what_the_model_said_in_two_messages_is_one_content() -> None:
    assert encoded(UserMessage("Hi"), AssistantMessage("a"), AssistantMessage("b"), UserMessage("c")) == [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "c"}]},
    ]


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (TextPart("a"), [{"text": "a"}]),
        (ImagePart(data=b"hi", media_type="image/png"), [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]),
        (ImagePart(url="https://x/1.png"), [{"fileData": {"fileUri": "https://x/1.png"}}]),
        (
            ImagePart(url="https://x/1", media_type="image/heic"),
            [{"fileData": {"mimeType": "image/heic", "fileUri": "https://x/1"}}],
        ),
        (ImagePart(file_id="files/1"), [{"fileData": {"fileUri": "files/1"}}]),
        (ImagePart(url="data:image/webp;base64,aGk="), [{"inlineData": {"mimeType": "image/webp", "data": "aGk="}}]),
        (AudioPart(data=b"hi", media_type="audio/wav"), [{"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}]),
        (
            DocumentPart(data=b"hi", media_type="application/pdf"),
            [{"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}],
        ),
        (DocumentPart(data=b"hi", media_type="video/mp4"), [{"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}]),
        (DocumentPart(text="hi"), [{"inlineData": {"mimeType": "text/plain", "data": "aGk="}}]),
        (
            DocumentPart(text="hi", media_type="text/markdown", context="Notes:"),
            [{"text": "Notes:"}, {"inlineData": {"mimeType": "text/markdown", "data": "aGk="}}],
        ),
    ],
)
def test_what_a_user_may_send(part: Part, sent: list[Any]) -> None:
    assert user(part) == sent


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (ImagePart(data=b"hi", media_type="image/gif"), "image of type image/gif"),
        (ImagePart(data=b"hi"), "image"),
        (ImagePart(data=b"", media_type="image/png"), "image"),
        (ImagePart(url="data:image/gif;base64,aGk="), "image of type image/gif"),
        (ImagePart(), "image"),
        (AudioPart(id="audio_1"), "audio"),
        (AudioPart(data=b"hi", media_type="audio/amr"), "audio of type audio/amr"),
        (DocumentPart(data=b"hi", media_type="application/zip"), "document of type application/zip"),
        (DocumentPart(), "document"),
        (DocumentPart(text=""), "document"),
        (ToolCallPart("1", "f"), "ToolCallPart in a user message"),
        (RefusalPart("no"), "RefusalPart in a user message"),
    ],
)
def test_what_gemini_cannot_be_told_is_refused(part: Part, named: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        user(part)
    assert caught.value.part == named


@pytest.mark.parametrize("content", ["", [], [TextPart("")]])
def test_an_empty_user_message_is_refused(content: Any) -> None:
    with pytest.raises(UnsupportedRequest, match="user message"):
        encoded(UserMessage(content))


def test_empty_texts_beside_others_are_left_out() -> None:
    assert user(TextPart(""), TextPart("a")) == [{"text": "a"}]


def test_what_has_no_place_is_noted_once() -> None:
    assert notes(
        UserMessage([TextPart("a", cache_breakpoint=True), ImagePart(url="u", detail="high")]),
        UserMessage([TextPart("a", cache_breakpoint=True), DocumentPart(text="d", name="n", citations=True)]),
    ) == (
        "cache breakpoints are left out: Gemini caches prompts by itself",
        "the detail of pictures is left out: GoogleOptions.media_resolution sets it for all of them",
        "citations of a document are not asked for: Gemini has no such switch",
        "the names of documents are left out: Gemini is not told them",
    )
    assert notes(UserMessage([ImagePart(url="u", detail="auto")])) == ()


@pytest.mark.parametrize(
    "request_",
    [
        LlmRequest([ToolResultMessage("c1", [TextPart("a", cache_breakpoint=True)], "f")]),
        LlmRequest([ToolResultMessage("c1", [DocumentPart(text="a", cache_breakpoint=True)], "f")]),
        LlmRequest([UserMessage("Hi"), AssistantMessage([TextPart("a", cache_breakpoint=True)])]),
        LlmRequest("Hi", system=[TextPart("a", cache_breakpoint=True)]),
    ],
)
def test_a_cache_breakpoint_is_noted_wherever_it_stands(request_: LlmRequest) -> None:
    told = ("cache breakpoints are left out: Gemini caches prompts by itself",)
    assert GoogleGenerativeAI().encode(request_, "gemini-3").notes == told
    uncached = evolve(request_, options=ProviderOptions(cache_retention="none"))
    assert GoogleGenerativeAI().encode(uncached, "gemini-3").notes == ()


def test_half_a_surrogate_pair_cannot_be_sent_and_is_replaced() -> None:
    assert user(TextPart("\ud83d")) == [{"text": "\ufffd"}]
    document = {"mimeType": "text/plain", "data": "Ye+/vQ=="}  # UTF-8 of U+FFFD is ef bf bd
    assert user(DocumentPart(text="a\ud83d")) == [{"inlineData": document}]


# --- models ----------------------------------------------------------------------------------------------------------


def test_what_gemini_said_goes_back_as_it_came() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, **SIGNED}
    assert model(
        ReasoningPart("Hm.", origin=OURS),
        TextPart("a", origin=OURS),
        TextPart("", origin=OURS, provider_data=SIGNED),
        OpaquePart("executableCode", code, OURS),
        ImagePart(data=b"hi", media_type="image/gif", origin=OURS, provider_data=SIGNED),
        AudioPart(data=b"hi", media_type="audio/L16;rate=24000", origin=OURS),
        ToolCallPart("c1", "f", {"a": 1}, origin=OURS, provider_data=SIGNED),
        ToolCallPart("made up", "g", id_sent=False, origin=OURS),
    ) == [
        {"text": "Hm.", "thought": True},
        {"text": "a"},
        {"text": "", **SIGNED},
        code,
        {"inlineData": {"mimeType": "image/gif", "data": "aGk="}, **SIGNED},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, **SIGNED},
        {"functionCall": {"name": "g", "args": {}}},
    ]


def test_what_another_model_said_goes_without_its_signatures() -> None:
    foreign = AssistantMessage(
        [
            ReasoningPart("Hm.", origin=CLAUDE, provider_data={"signature": "s"}),
            OpaquePart("server_tool_use", {"type": "server_tool_use"}, CLAUDE),
            TextPart("a", origin=CLAUDE, provider_data=SIGNED),
            RefusalPart("No.", origin=CLAUDE),
            RefusalPart("", origin=CLAUDE),
            AudioPart(id="audio_1", transcript="Said.", origin=CLAUDE),
            AudioPart(id="audio_2", origin=CLAUDE),
            ImagePart(data=b"hi", media_type="image/png", origin=CLAUDE, provider_data=SIGNED),
        ]
    )
    assert encoded(UserMessage("x"), foreign)[1]["parts"] == [
        {"text": "a"},
        {"text": "No."},
        {"text": "Said."},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
    ]
    assert notes(UserMessage("x"), foreign) == (
        "reasoning of another model is left out",
        "a server_tool_use block of another provider is left out",
        "sound of another model, or without its bytes, is sent as its transcript",
    )


def test_sound_that_the_app_wrote_down_is_its_transcript() -> None:
    assert model(AudioPart(transcript="Said."), AudioPart(id="a"), TextPart("x")) == [{"text": "Said."}, {"text": "x"}]


def test_a_picture_by_url_may_be_the_models_own() -> None:
    assert model(ImagePart(url="https://x/1", origin=OURS), AudioPart(url="https://x/2", media_type="audio/wav")) == [
        {"fileData": {"fileUri": "https://x/1"}},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "https://x/2"}},
    ]


def test_a_signature_is_for_the_model_that_made_it() -> None:
    other = Origin(None, "google-generative-ai", "gemini-2.5-pro")
    assert model(TextPart("a", origin=other, provider_data=SIGNED)) == [{"text": "a"}]


@pytest.mark.parametrize("parts", [[], [TextPart("")], [ReasoningPart("Hm.", origin=CLAUDE)], [ReasoningPart("")]])
def test_a_message_of_which_nothing_is_left_is_left_out(parts: list[Part]) -> None:
    assert encoded(UserMessage("x"), AssistantMessage(parts)) == encoded(UserMessage("x"))


def test_a_document_is_no_answer() -> None:
    with pytest.raises(UnsupportedRequest, match="DocumentPart in an assistant message"):
        model(DocumentPart(text="d"))


def test_the_first_foreign_call_of_a_message_gets_googles_word_for_it() -> None:
    calls = [ToolCallPart("toolu_1", "f", origin=CLAUDE, provider_data=SIGNED), ToolCallPart("toolu_2", "g")]
    one, two = ({"functionCall": {"id": f"toolu_{n}", "name": name, "args": {}}} for n, name in ((1, "f"), (2, "g")))
    assert model(*calls) == [{**one, **SENTINEL}, two]
    assert model(*calls, compat=GoogleCompat(signature_sentinel=False)) == [one, two]


def test_a_signature_given_by_hand_is_never_written_over() -> None:
    (part,) = model(ToolCallPart("c", "f", provider_data=SIGNED))
    assert part["thoughtSignature"] == SIGNATURE


def test_a_call_that_gemini_made_without_a_signature_stays_without() -> None:
    assert model(ToolCallPart("c", "f", origin=OURS)) == [{"functionCall": {"id": "c", "name": "f", "args": {}}}]


def test_a_custom_call_is_told_as_a_function_call() -> None:
    call = ToolCallPart("c", "patch", raw_arguments="*** Begin", kind="custom", origin=OURS)
    assert model(call) == [{"functionCall": {"id": "c", "name": "patch", "args": {"input": "*** Begin"}}}]
    assert notes(UserMessage("x"), AssistantMessage([call])) == (
        "a custom call is sent as a function call with its text in `input`",
    )


def test_arguments_that_were_no_json_go_back_empty() -> None:
    call = ToolCallPart("c", "f", raw_arguments='{"a', arguments_error="cut", origin=OURS)
    assert model(call) == [{"functionCall": {"id": "c", "name": "f", "args": {}}}]


@pytest.mark.parametrize(
    ("name", "fitted"), [("1st", "_1st"), ("a b", "a_b"), ("ä", "_"), ("", "_"), ("x" * 129, "x" * 128)]
)
def test_a_made_up_name_that_gemini_refuses_is_made_fit_in_call_and_result(name: str, fitted: str) -> None:
    call = AssistantMessage([ToolCallPart("c", name, origin=OURS)])
    said, heard = encoded(call, ToolResultMessage("c", "1", name))
    assert said["parts"][0]["functionCall"]["name"] == heard["parts"][0]["functionResponse"]["name"] == fitted
    with pytest.raises(UnsupportedRequest, match="tool name"):
        encoded(ToolResultMessage("c", "1", name or "?"))


# --- results ---------------------------------------------------------------------------------------------------------

CALLS = AssistantMessage([ToolCallPart("c1", "f", origin=OURS), ToolCallPart("x", "g", id_sent=False, origin=OURS)])


def test_all_results_of_a_turn_are_one_content_and_text_is_another() -> None:
    assert encoded(
        UserMessage("x"),
        CALLS,
        ToolResultMessage("c1", "1"),
        CustomMessage("mark"),
        ToolResultMessage("x", [TextPart("no"), TextPart("way")], is_error=True),
        UserMessage("And?"),
    )[2:] == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "1"}}},
                {"functionResponse": {"name": "g", "response": {"error": "no\nway"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "And?"}]},
    ]


PICTURE = ImagePart(data=b"hi", media_type="image/png")
INLINE = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}


def test_pictures_go_inside_a_result() -> None:
    result = ToolResultMessage(
        "c1", [TextPart("see"), PICTURE, DocumentPart(text="doc"), DocumentPart(url="u", context="k")]
    )
    said = {
        "id": "c1",
        "name": "f",
        "response": {"output": "see\ndoc\nk"},
        "parts": [INLINE, {"fileData": {"fileUri": "u"}}],
    }
    assert encoded(UserMessage("x"), CALLS, result)[2:] == [{"role": "user", "parts": [{"functionResponse": said}]}]


def test_before_gemini_3_pictures_follow_the_results() -> None:
    compat = GoogleCompat(tool_result_parts=False)
    results = (ToolResultMessage("c1", [PICTURE]), ToolResultMessage("x", "2"))
    assert encoded(UserMessage("x"), CALLS, *results, compat=compat)[2:] == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": ""}}},
                {"functionResponse": {"name": "g", "response": {"output": "2"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "What the tool f returned beside text:"}, INLINE]},
    ]


def test_sound_always_follows_the_results() -> None:
    sound = AudioPart(data=b"hi", media_type="audio/wav")
    *_, last = encoded(UserMessage("x"), CALLS, ToolResultMessage("c1", [sound]))
    assert last["parts"][1] == {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}


def test_a_result_needs_the_name_of_its_tool() -> None:
    (content,) = encoded(ToolResultMessage("lost", "1", name="f"))
    assert content["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]
    with pytest.raises(UnsupportedRequest) as caught:
        encoded(ToolResultMessage("lost", "1"))
    assert caught.value.part == "tool result for 'lost'"


def test_a_foreign_id_is_made_to_fit_the_same_way_on_call_and_result() -> None:
    # printf 'toolu|1' | sha256sum | cut -c-12
    long, fitted = "toolu|1", "toolu_1_c3523c4e0fcf"
    contents = encoded(
        UserMessage("x"), AssistantMessage([ToolCallPart(long, "f", origin=CLAUDE)]), ToolResultMessage(long, "1")
    )
    assert contents[1]["parts"][0]["functionCall"]["id"] == fitted
    assert contents[2]["parts"][0]["functionResponse"]["id"] == fitted


def test_a_made_up_id_is_sent_where_ids_are_required() -> None:
    contents = encoded(
        UserMessage("x"), CALLS, ToolResultMessage("x", "1"), compat=GoogleCompat(call_ids_required=True)
    )
    assert contents[1]["parts"][1]["functionCall"]["id"] == "x"
    assert contents[2]["parts"][0]["functionResponse"]["id"] == "x"


# --- law 6 -----------------------------------------------------------------------------------------------------------


def replayed(item: Item, model: str | None) -> tuple[list[Any], list[Any]]:
    """The parts of a recorded body and what the next request says of them."""
    decoder = CODECS[item.api].decoder(status=item.meta["status"], headers=item.headers, model=model)
    decoder.receive(item.body)
    response = decoder.finish()
    wire = json.loads(item.body)
    parts = (wire.get("response") or wire)["candidates"][0].get("content", {}).get("parts", [])
    request = LlmRequest([UserMessage("x"), response.message])
    body = json.loads(CODECS[item.api].encode(request, model or "any").body)
    contents = body.get("request", body)["contents"][1:]
    return parts, contents[0]["parts"] if contents else []


def wanted(part: dict[str, Any]) -> dict[str, Any]:
    call = part.get("functionCall")
    return part if call is None else {**part, "functionCall": {**call, "args": call.get("args") or {}}}


def whole_bodies() -> list[Item]:
    folder = find_recordings()
    folders = [FIXTURES / "google-generative-ai", FIXTURES / "google-code-assist"]
    items = [item for each in folders for item in read_items(each)]
    items += list(read_items(folder / "google-generative-ai")) if folder is not None else []
    return [item for item in items if item.body.lstrip().startswith(b"{") and b'"candidates"' in item.body]


@pytest.mark.parametrize("model", [None, "gemini-3"])
def test_every_whole_body_goes_back_part_by_part(model: str | None) -> None:
    items = whole_bodies()
    assert len(items) >= 3
    for item in items:
        parts, sent = replayed(item, model)
        assert sent == [wanted(part) for part in parts if part != {"text": ""}], item.name


def test_a_stream_goes_back_with_each_signature_on_its_part() -> None:
    decoder = CODECS["google-generative-ai"].decoder(status=200, headers=[], model="gemini-3")
    decoder.receive(
        sse(
            candidate({"text": "Hm", "thought": True}, {"text": ".", "thought": True}),
            candidate({"text": "a"}),
            candidate({"text": "b"}),
            candidate(BEGINNING, going_on(piece("$.q", stringValue="é"))),
            candidate({"functionCall": {}}),
            candidate({"text": "", "thoughtSignature": "Qg=="}, finish="STOP"),
        )
    )
    assert encoded(UserMessage("x"), decoder.finish().message)[1]["parts"] == [
        {"text": "Hm.", "thought": True},
        {"text": "ab"},
        {"functionCall": {"name": "f", "args": {"q": "é"}}, **SIGNED},
        {"text": "", "thoughtSignature": "Qg=="},
    ]


def test_what_is_said_later_leaves_what_was_said_as_it_was() -> None:
    messages: list[Message] = [
        UserMessage("a"),
        CALLS,
        ToolResultMessage("c1", [PICTURE]),
        ToolResultMessage("x", "2"),
        AssistantMessage("b"),
        UserMessage([TextPart("c", cache_breakpoint=True)]),
        CustomMessage("mark"),
        AssistantMessage([ToolCallPart("toolu|1", "f", origin=CLAUDE)]),
        ToolResultMessage("toolu|1", "3"),
    ]
    whole = encoded(*messages)
    turns = [1, 2, 4, 5, 6, 8]  # within a turn its content of results grows at its end
    for count in turns:
        part = encoded(*messages[:count])
        assert whole[: len(part)] == part
