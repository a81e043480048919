"""Handles, keys and the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

import lash_proto
from lash_proto import providers
from lash_proto.codecs import CODECS
from lash_proto.codecs.anthropic_messages import AnthropicOptions
from lash_proto.codecs.openai_images import ImagesOptions
from lash_proto.codecs.openai_responses import ResponsesOptions
from lash_proto.compat import CODEX, AnthropicCompat, ChatCompat, GoogleCompat
from lash_proto.errors import MissingCredential, UnsupportedRequest
from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.happenings import BodyEnded, BodyReceived, HeadReceived
from lash_proto.machine import Ids
from lash_proto.messages import ImageRequest, LlmRequest, ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers import (
    FauxHandle,
    KeyAuth,
    ProviderHandle,
    ProviderSpec,
    anthropic,
    codex,
    faux,
    from_spec,
    github_copilot,
    google,
    google_oauth,
    kinds,
    make_handle,
    openai,
    openai_compatible,
    openrouter,
    register,
    register_all,
    registry,
    split_model,
)
from lash_proto.values import Secret, from_json
from tests.proto.tiny import Tiny

KEY = "k-12345"
LOCAL = "http://localhost:11434/v1"


def first_call(given: ProviderHandle, model: str = "m") -> Any:
    (effect,) = given.exchange(LlmRequest("Hi"), model).start(0.0)
    return effect


@pytest.mark.parametrize(
    ("made", "url", "header", "value"),
    [
        (openai(KEY), "https://api.openai.com/v1/responses", "authorization", f"Bearer {KEY}"),
        (anthropic(KEY), "https://api.anthropic.com/v1/messages", "authorization", f"Bearer {KEY}"),
        (anthropic(KEY, key_header="X-Api-Key"), "https://api.anthropic.com/v1/messages", "x-api-key", KEY),
        (openai_compatible(KEY, base_url=LOCAL), LOCAL + "/chat/completions", "authorization", f"Bearer {KEY}"),
        (codex(KEY), "https://chatgpt.com/backend-api/codex/responses", "authorization", f"Bearer {KEY}"),
        (codex(api_key=KEY), "https://chatgpt.com/backend-api/codex/responses", "authorization", f"Bearer {KEY}"),
        (
            google(KEY),
            "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
            "x-goog-api-key",
            KEY,
        ),
        (
            google_oauth(KEY, project="p"),
            "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse",
            "authorization",
            f"Bearer {KEY}",
        ),
        (google_oauth(api_key=KEY, project="p"), None, "authorization", f"Bearer {KEY}"),
        (faux(api_key=KEY), "https://faux.invalid/v1/messages", "authorization", f"Bearer {KEY}"),
    ],
)
def test_a_call_goes_to_its_provider_with_its_key(
    made: ProviderHandle, url: str | None, header: str, value: str
) -> None:
    effect = first_call(made)
    assert url is None or effect.url == url
    assert dict(effect.headers)[header] == Secret(value)
    assert KEY not in repr(made) + repr(effect) + json.dumps(made.spec.to_json())
    assert made.has_key


def test_codex_says_whose_account_it_is_and_who_we_are() -> None:
    headers = dict(first_call(codex(KEY, account_id="acc-1")).headers)
    assert (headers["chatgpt-account-id"], headers["originator"]) == ("acc-1", "lash")
    assert "chatgpt-account-id" not in dict(first_call(codex(KEY)).headers)
    assert codex(KEY).route.codec.compat == CODEX  # type: ignore[attr-defined]


def test_codex_gives_the_name_that_the_caller_gives() -> None:
    register_all()
    named = codex(KEY, identity={"Originator": "mine", "User-Agent": "mine/1"})
    headers = dict(first_call(named).headers)
    assert (headers["originator"], headers["user-agent"]) == ("mine", "mine/1")
    assert first_call(from_spec(named.spec, api_key=KEY)) == first_call(named)


OAUTH = "sk-ant-oat01-made-up"


def test_a_subscriptions_token_brings_its_beta_and_is_a_bearer() -> None:
    later = anthropic(key_header="x-api-key", betas=["files-api-2025-04-14"]).with_key(OAUTH)
    headers = dict(first_call(later).headers)
    assert headers["anthropic-beta"] == "oauth-2025-04-20,files-api-2025-04-14"
    assert headers["authorization"] == Secret(f"Bearer {OAUTH}")
    assert "x-api-key" not in headers
    assert "anthropic-beta" not in dict(first_call(anthropic(KEY)).headers)


def test_anthropics_version_betas_and_flags_are_the_handles_and_in_its_saved_form() -> None:
    register_all()
    flags = AnthropicCompat(message_stop_required=False)
    made = anthropic(KEY, version="2026-10-21", betas=("b-1", "b-2"), compat=flags, identity={"x-app": "mine"})
    headers = dict(first_call(made).headers)
    assert (headers["anthropic-version"], headers["anthropic-beta"], headers["x-app"]) == (
        "2026-10-21",
        "b-1,b-2",
        "mine",
    )
    assert made.route.codec.compat == flags  # type: ignore[attr-defined]
    again = from_spec(from_json(made.spec.to_json()), api_key=KEY)  # type: ignore[arg-type]
    assert again == made


@pytest.mark.parametrize(
    ("made", "status", "word"),
    [
        (codex(KEY), 403, "codex(identity={...})"),
        (codex(KEY), 400, None),
        (codex(KEY, identity={"originator": "mine"}), 403, None),
        (anthropic(OAUTH), 400, "anthropic(identity={...})"),
        (anthropic(OAUTH, identity={"x-app": "mine"}), 400, None),
        (anthropic(KEY), 400, None),
    ],
)
def test_a_refusal_says_that_lash_names_nobody_else(made: ProviderHandle, status: int, word: str | None) -> None:
    machine = made.exchange(LlmRequest("Hi"), "m")
    (call,) = machine.start(0.0)
    machine.receive(HeadReceived(call.id, status, (("content-type", "application/json"),)), 0.1)
    machine.receive(BodyReceived(call.id, b'{"error":{"type":"permission_error","message":"Not for you."}}'), 0.2)
    error = machine.receive(BodyEnded(call.id), 0.3)[-1].result.error
    assert error.message.startswith("Not for you.")
    assert (word in error.message) if word else error.message == "Not for you."


@pytest.mark.parametrize(("make", "api"), [(google, "google-generative-ai"), (google_oauth, "google-code-assist")])
def test_which_gemini_is_asked_is_the_handles_to_say(make: Any, api: str) -> None:
    made = make(KEY, compat={"type": "google_compat", "thinking": "budget"})
    assert made.route.codec.compat == GoogleCompat(thinking="budget")
    assert from_spec(made.spec, api_key=KEY) == made
    assert make(KEY).route.codec.compat == CODECS[api].compat  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (openai(), "no key for openai: set OPENAI_API_KEY, or give one to openai(...)"),
        (anthropic(), "no key for anthropic: set ANTHROPIC_OAUTH_TOKEN or ANTHROPIC_API_KEY, or give one to "),
        (google(), "no key for google: set GEMINI_API_KEY, or give one to google(...)"),
        (codex(), "no key for codex: give one to codex(...)"),
        (google_oauth(project="p"), "no key for google_oauth: give one to google_oauth(...)"),
    ],
)
def test_without_a_key_a_call_says_where_one_is_looked_for(made: ProviderHandle, message: str) -> None:
    assert not made.has_key
    with pytest.raises(MissingCredential) as caught:
        first_call(made)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("made", [openai_compatible(base_url=LOCAL), faux()])
def test_servers_that_may_need_no_key_are_sent_none(made: ProviderHandle) -> None:
    assert "authorization" not in dict(first_call(made).headers)


def test_a_key_given_later_replaces_one_given_before() -> None:
    made = openai("old").with_key(Secret(KEY))
    assert dict(first_call(made).headers)["authorization"] == Secret(f"Bearer {KEY}")
    assert made.variables == ("OPENAI_API_KEY",)


def test_an_auth_of_ones_own_is_left_alone() -> None:
    class Mine:
        def headers(self) -> Any:
            return (("x-mine", Secret("s")),)

    made = evolve(openai(), auth=Mine())
    assert (made.variables, made.has_key, made.with_key("k")) == ((), True, made)
    assert dict(first_call(made).headers)["x-mine"] == Secret("s")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://host/v1",
        "https://",
        "https://user@host/v1",
        "https://:secret@host/v1",
        "ftp://me:secret@host/v1",
        "https://host/v1?key=secret",
        "host/v1?key=secret",
        "https://host/v1#x",
    ],
)
def test_a_base_url_that_no_request_could_use_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"openai-compatible: base_url") as caught:
        openai_compatible(base_url=url)
    assert "secret" not in str(caught.value)


def test_openai_compatible_needs_a_base_url_and_openai_takes_none() -> None:
    with pytest.raises(ValueError, match="needs a base_url"):
        openai_compatible(KEY)
    with pytest.raises(TypeError):
        openai(KEY, base_url=LOCAL)  # type: ignore[call-arg]


def test_a_slash_at_the_end_of_a_base_url_does_no_harm() -> None:
    assert first_call(openai_compatible(base_url=LOCAL + "/")).url == LOCAL + "/chat/completions"


FLAGS = ChatCompat(finish_reason_required=False)


@pytest.mark.parametrize(
    ("made", "state"),
    [
        (openai(KEY), {}),
        (anthropic(KEY), {"base_url": "https://api.anthropic.com", "key_header": "authorization"}),
        (openai_compatible(KEY, base_url=LOCAL), {"base_url": LOCAL}),
        (openai_compatible(KEY, base_url=LOCAL, compat=FLAGS), {"base_url": LOCAL, "compat": FLAGS.to_json()}),
        (codex(KEY), {"base_url": "https://chatgpt.com/backend-api/codex"}),
        (codex(KEY, account_id="a"), {"base_url": "https://chatgpt.com/backend-api/codex", "account_id": "a"}),
        (google(KEY), {"base_url": "https://generativelanguage.googleapis.com"}),
        (google_oauth(KEY), {"base_url": "https://cloudcode-pa.googleapis.com"}),
        (google_oauth(KEY, project="p"), {"base_url": "https://cloudcode-pa.googleapis.com", "project": "p"}),
        (faux(api="openai-responses"), {"api": "openai-responses"}),
        (faux(tokens_per_second=20), {"api": "anthropic-messages", "tokens_per_second": 20}),
        (
            faux(pictures="openrouter-images"),
            {"api": "anthropic-messages", "pictures": "openrouter-images"},
        ),
        (openrouter(KEY), {"base_url": "https://openrouter.ai/api/v1"}),
    ],
)
def test_a_spec_makes_the_handle_again_with_the_key_given_anew(made: ProviderHandle, state: dict[str, Any]) -> None:
    register_all()
    form = json.loads(json.dumps(made.spec.to_json()))
    assert form == {"v": 1, "type": "provider", "kind": made.kind, "state": state}
    spec = from_json(form)
    assert isinstance(spec, ProviderSpec)
    again = from_spec(spec, api_key=KEY)
    assert (again.kind, again.route, again.pictures, again.spec) == (made.kind, made.route, made.pictures, made.spec)
    assert again.auth == made.with_key(KEY).auth


def test_options_of_the_handle_fill_in_what_the_request_leaves_unset() -> None:
    made = openai(KEY, options=ProviderOptions(max_retries=7, retry_after_output=True, idle_timeout=None))
    exchange = made.exchange(LlmRequest("Hi", options=ProviderOptions(max_retries=1)), "m", seed=b"s", ids=Ids(4))
    assert exchange.request.options.max_retries == 1
    assert exchange.request.options.idle_timeout is None
    assert (exchange.retry_after_output, exchange.provider, exchange.seed, exchange.ids.last) == (
        True,
        "openai",
        b"s",
        4,
    )
    assert exchange.model == ModelSpec("m")
    assert not made.exchange(LlmRequest("Hi"), "m", retry_after_output=False).retry_after_output
    assert not openai(KEY).exchange(LlmRequest("Hi"), "m", stream=False).stream


@pytest.mark.parametrize("api", [api for api in CODECS if not api.endswith("-images")])
def test_the_faux_provider_answers_in_every_dialect(api: str) -> None:
    made = faux(["One.", FauxReply("Two."), lambda call: FauxReply(f"{call.model}.")], api=api)
    assert isinstance(made, FauxHandle)
    for text in ("One.", "Two.", "m.", f"This is m, played by lash's faux provider over {api}."):
        effect = first_call(made)
        path = effect.url.removeprefix("https://faux.invalid")
        answer = made.provider.answer(effect.method, path, (), effect.body)
        decoder = made.route.codec.decoder(status=answer.status, headers=answer.headers, model="m")
        decoder.receive(answer.body)
        response = decoder.finish()
        assert (response.text, response.provider) == (text, "faux")


@pytest.mark.parametrize("speed", [0, -1.5, float("nan")])
def test_a_faux_provider_that_never_says_a_word_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match=f"tokens_per_second {speed!r}: it must be above 0"):
        faux(tokens_per_second=speed)


def test_a_faux_provider_may_be_shared() -> None:
    shared = FauxProvider()
    assert faux(shared).provider is shared


# --- the registry ----------------------------------------------------------------------------------------------------


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", {})


@pytest.mark.usefixtures("empty")
def test_a_kind_that_nobody_registered_is_a_clear_error() -> None:
    with pytest.raises(
        ValueError, match=r"no provider kind 'openai' is registered \(there are: none; call register_al"
    ):
        make_handle("openai")
    register_all()
    with pytest.raises(ValueError, match=r"no provider kind 'opnai' is registered \(there are: openai, openai-compat"):
        from_spec(ProviderSpec("opnai"))


@pytest.mark.usefixtures("empty")
def test_registering_all_twice_does_no_harm_and_keeps_what_was_registered_by_hand() -> None:
    mine = faux()
    register("openai", lambda **options: mine)
    register_all()
    register_all()
    assert make_handle("openai") is mine
    assert set(kinds()) >= {
        "openai",
        "openai-compatible",
        "codex",
        "anthropic",
        "google_oauth",
        "google",
        "github-copilot",
        "openrouter",
        "faux",
    }
    assert make_handle("anthropic", api_key=KEY).kind == "anthropic"


@pytest.mark.parametrize("kind", ["", "a:b"])
def test_a_kinds_name_has_no_colon(kind: str) -> None:
    with pytest.raises(ValueError, match="is no name for a kind"):
        register(kind, faux)


def test_a_model_is_named_by_kind_and_name() -> None:
    assert split_model("anthropic:claude-opus-5") == ("anthropic", "claude-opus-5")
    assert split_model("openai-compatible:meta/llama:free") == ("openai-compatible", "meta/llama:free")
    for text in ("claude", ":claude", "anthropic:", ""):
        with pytest.raises(ValueError, match="names no model: write it as"):
            split_model(text)


@pytest.mark.parametrize(
    ("made", "url"),
    [
        (openai(KEY), "https://api.openai.com/v1/images/generations"),
        (openai_compatible(KEY, base_url=LOCAL), LOCAL + "/images/generations"),
        (
            openai_compatible(KEY, preset="azure", base_url=LOCAL, api_version="v1"),
            LOCAL + "/images/generations?api-version=v1",
        ),
        (openai_compatible(KEY, preset="openrouter"), "https://openrouter.ai/api/v1/chat/completions"),
        (openrouter(KEY), "https://openrouter.ai/api/v1/chat/completions"),
        (faux(), "https://faux.invalid/v1/images/generations"),
    ],
)
def test_pictures_have_a_route_of_their_own(made: ProviderHandle, url: str) -> None:
    exchange = made.exchange(ImageRequest("An otter"), "m", stream=False)
    (effect,) = exchange.start(0.0)
    assert (effect.url, exchange.provider) == (url, made.kind)


def test_a_kind_without_pictures_and_one_with_nothing_else_say_so() -> None:
    with pytest.raises(UnsupportedRequest, match="the kind codex makes no pictures"):
        codex(KEY).exchange(ImageRequest("An otter"), "m")
    assert codex(KEY).picture_options_type is ProviderOptions
    with pytest.raises(MissingCredential, match=r"set OPENROUTER_API_KEY, or give one to openrouter\(\.\.\.\)"):
        openrouter().exchange(ImageRequest("An otter"), "m").start(0.0)
    with pytest.raises(
        UnsupportedRequest,
        match=r'openrouter makes pictures only; for its chat there is openai_compatible\(preset="openrouter"\)',
    ):
        first_call(openrouter(KEY))


def test_a_handle_knows_the_options_of_its_dialect() -> None:
    assert openai().picture_options_type is ImagesOptions
    assert issubclass(anthropic().options_type("m"), ProviderOptions)
    assert evolve(openai(), route=evolve(openai().route, codec=Tiny())).options_type("m") is ProviderOptions


def test_every_public_name_is_had_from_the_top() -> None:
    assert [name for name in lash_proto.__all__ if not hasattr(lash_proto, name)] == []
    assert set(lash_proto.__all__) - {"__version__"} <= set(dir(lash_proto))
    with pytest.raises(AttributeError, match="'lash_proto' has no attribute 'nobody'"):
        _ = lash_proto.nobody


def test_every_name_of_the_room_is_there_and_no_other() -> None:
    for name in providers.__all__:
        assert getattr(providers, name) is not None
    assert isinstance(anthropic().auth, KeyAuth)
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        _ = providers.nobody


# --- what a user may get wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://h\n/", "holds blanks"),
        ("http://ex ample.com", "holds blanks"),
        ("https://münchen.de", "xn--"),
        ("http://h:99999", "is no URL"),
        ("http://h:0", "is no http"),
        ("http://[::1", "is no URL"),
        ("https://h/#", "before any"),
        ("https://h/?", "before any"),
        ("ftp://h", "is no http"),
        ("h/v1", "is no http"),
        ("https://u:p@h", "user name or password"),
    ],
)
@pytest.mark.parametrize(
    "make", [anthropic, openai_compatible, codex, google, google_oauth, openrouter, github_copilot]
)
def test_a_base_url_that_no_call_could_go_to_is_refused_when_it_is_given(make: Any, url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        make(KEY, base_url=url)
    assert str(caught.value).startswith(
        make.__name__.replace("openai_c", "openai-c").replace("b_c", "b-c") + ": base_url"
    )


@pytest.mark.parametrize("key", ["a\nb", " ", "schlüssel", "a\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="the key for openai is none") as caught:
        openai(key)
    assert key.strip() == "" or key not in str(caught.value)


def test_the_line_break_at_the_end_of_a_keys_file_is_no_part_of_it() -> None:
    assert openai(f"{KEY}\n") == openai(KEY)


def test_flags_are_known_ones_of_the_right_dialect() -> None:
    made = openai_compatible(base_url=LOCAL, compat={"max_tokens_field": "max_tokens"})
    assert made.route.codec.compat == ChatCompat(max_tokens_field="max_tokens")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="ChatCompat has no flag 'max_token_field'"):
        openai_compatible(base_url=LOCAL, compat={"max_token_field": "max_tokens"})
    with pytest.raises(TypeError, match="compat is a ChatCompat or its JSON form, and not AnthropicCompat"):
        openai_compatible(base_url=LOCAL, compat=AnthropicCompat())  # type: ignore[arg-type]


def test_a_preset_can_be_named_where_a_kind_can() -> None:
    register_all()
    assert make_handle("groq", api_key=KEY) == openai_compatible(KEY, preset="groq")
    assert make_handle("openrouter").kind == "openrouter"  # a kind goes first
    with pytest.raises(ValueError, match=r"no provider kind 'grok' is registered \(there are: .*; presets: .*groq"):
        make_handle("grok")


def test_a_saved_form_that_its_kind_cannot_have_is_named() -> None:
    register_all()
    with pytest.raises(ValueError, match="no 'openai' can be made of its saved form: .*unexpected keyword.*base_url"):
        from_spec(ProviderSpec("openai", {"base_url": LOCAL}))


def test_a_server_gives_its_name_to_what_it_says_so_that_no_other_gets_it_back() -> None:
    def provider(made: ProviderHandle) -> Any:
        return made.route.codec.provider  # type: ignore[attr-defined]

    assert provider(openai_compatible(KEY, preset="groq")) == "groq"
    assert provider(openai_compatible(KEY, preset="groq", base_url=LOCAL)) == "groq"
    assert provider(openai_compatible(base_url=LOCAL)) == "localhost:11434/v1"


def test_options_of_another_dialect_are_refused_and_the_handles_own_are_no_harm() -> None:
    with pytest.raises(UnsupportedRequest, match="AnthropicOptions: .* another dialect: openai-responses"):
        openai(KEY).exchange(LlmRequest("Hi", options=AnthropicOptions(top_k=3)), "m")
    drawing = openai(KEY, options=ResponsesOptions(verbosity="low", max_retries=5))
    machine = drawing.exchange(ImageRequest("An otter"), "m")
    assert (type(machine.request.options), machine.request.options.max_retries) == (ImagesOptions, 5)
    body = json.loads(drawing.exchange(LlmRequest("Hi"), "m").start(0.0)[0].body)
    assert body["text"] == {"verbosity": "low"}


def test_a_saved_handle_keeps_its_options_and_no_secret() -> None:
    register_all()
    headers: dict[str, str | Secret | None] = {"x-a": "1", "x-key": Secret("s-12345678")}
    options = ProviderOptions(cache_retention="long", reasoning="low", extra_headers=headers)
    saved = openai(KEY, options=options).spec
    assert "s-12345678" not in json.dumps(saved.to_json())
    again = from_spec(from_json(saved.to_json()), api_key=KEY)  # type: ignore[arg-type]
    assert again.options == evolve(options, extra_headers={"x-a": "1"})
    assert openai(KEY).spec == ProviderSpec("openai")
    only = openai(options=ProviderOptions(extra_headers={"x-key": Secret("s-12345678")}))
    assert only.spec == ProviderSpec("openai")
