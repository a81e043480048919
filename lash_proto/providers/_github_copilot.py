"""GitHub Copilot (WIRE 7): one host, three dialects, told apart by the model. Takes a Copilot token as given here.

Which models speak which dialect is a table in the State, by how their ids begin; a host that has read `GET /models`
gives that list's `supported_endpoints` instead. The backend serves clients that it knows by headers of their own
(editor, plugin, integration). Whose they are is not lash's to say: `identity` is empty, and a refusal says that it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from ..codec import Route
from ..compat import AnthropicCompat, ChatCompat, ResponsesCompat
from ..errors import UnsupportedRequest
from ..messages import AssistantMessage, ImagePart, LlmRequest, ProviderOptions, ToolResultMessage, UserMessage
from ..models import ModelSpec
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of
from .registry import VARIABLES

BASE_URL: Final = "https://api.individual.githubcopilot.com"

CHAT: Final = "/chat/completions"

ENDPOINTS: Final[Mapping[str, str]] = {
    "claude-": "/v1/messages",
    "gpt-5": "/responses",
    "gpt-6": "/responses",
    "grok-4.5": "/responses",
    "grok-5": "/responses",
    "mai-": "/responses",
    "oswe": "/responses",
}
"""Where models go whose ids begin so; all others to `/chat/completions`."""

# The reference client sends Copilot no effort "none" either.
_OFF: Final = {"off": ""}

# In the order of choice where a model has several.
_DIALECTS: Final[Mapping[str, tuple[str, Any]]] = {
    "/v1/messages": ("anthropic-messages", AnthropicCompat()),
    "/responses": ("openai-responses", ResponsesCompat(store=None, cache_lifetime=None, effort_words=_OFF)),
    CHAT: (
        "openai-completions",
        ChatCompat(
            prompt_cache_key=False,
            cache_lifetime=None,
            custom_tools=False,
            budget_field="thinking_budget",
            show_reasoning={},
            effort_words=_OFF,
        ),
    ),
}


@frozen(weakref_slot=False)
class SpokenModels:
    """The policy that refuses a model none of whose endpoints lash speaks."""

    endpoints: Mapping[str, str | Sequence[str]]

    def spec(self, model: str | ModelSpec) -> ModelSpec:
        """The model to ask for. Raises UnsupportedRequest."""
        spec = ModelSpec.of(model)
        fitting = max((begins for begins in self.endpoints if spec.id.startswith(begins)), key=len, default=None)
        said = self.endpoints[fitting] if fitting is not None else ()
        if said and fitting is not None and _endpoint(fitting, said) is None:
            raise UnsupportedRequest(
                f"model {spec.id!r}", f"it is at {', '.join(said)}; lash speaks {', '.join(_DIALECTS)}"
            )
        return spec


_HINT: Final = (
    "lash sends no identity headers of others, and Copilot serves only clients that it knows by them: "
    "github_copilot(identity={...}) sends those that are yours to send"
)
_PROXY: Final = re.compile(r"(?:^|;)proxy-ep=proxy\.([A-Za-z0-9.-]+)(?:;|$)")


def github_copilot(
    access_token: str | Secret | None = None,
    *,
    base_url: str | None = None,
    endpoints: Mapping[str, str | Sequence[str]] | None = None,
    identity: Mapping[str, str] | None = None,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Models of a Copilot subscription. `api_key` is another name for `access_token`, the short-lived Copilot token.

    Without a `base_url` calls go where the token says, else to the host for individuals. `endpoints` maps beginnings of
    model ids to one of their endpoints or to all of them.
    """
    url = check_base_url("github-copilot", base_url or BASE_URL)
    table = ENDPOINTS if endpoints is None else endpoints
    headers = tuple((identity or {}).items())
    made = {
        endpoint: Route(
            url,
            codec_of(api, "github-copilot", compat=compat),
            headers,
            headers_for=request_headers,
            hints={} if headers else dict.fromkeys((400, 401, 403, 404), _HINT),
        )
        for endpoint, (api, compat) in _DIALECTS.items()
    }
    return ProviderHandle(
        kind="github-copilot",
        state={"endpoints": dict(table), "base_url": base_url, "identity": dict(identity or {}) or None},
        auth=KeyAuth("github-copilot", variables=VARIABLES["github-copilot"]),
        route=made[CHAT],
        routes=tuple((begins, made[found]) for begins, said in table.items() if (found := _endpoint(begins, said))),
        policy=SpokenModels(table),
        options=options,
        keyed=_with_token,
    ).with_key(access_token or api_key)


def _with_token(handle: ProviderHandle, token: str) -> ProviderHandle:
    """A token says where its calls go, unless the caller does."""
    found = _PROXY.search(token)
    url = BASE_URL if found is None else f"https://api.{found[1]}"
    if "base_url" in handle.state:
        return handle
    return evolve(
        handle,
        route=evolve(handle.route, base_url=url),
        routes=tuple((begins, evolve(route, base_url=url)) for begins, route in handle.routes),
    )


def request_headers(request: LlmRequest, model: ModelSpec) -> tuple[tuple[str, str], ...]:
    """What Copilot asks of a request: who began the turn (it counts those of users), and whether there are pictures.

    None go to a model that is known not to see.
    """
    said = [m for m in request.messages if isinstance(m, (UserMessage, AssistantMessage, ToolResultMessage))]
    headers = [
        ("x-initiator", "agent" if said and not isinstance(said[-1], UserMessage) else "user"),
        ("openai-intent", "conversation-edits"),
    ]
    shown = [m.content for m in said if not isinstance(m, AssistantMessage) and not isinstance(m.content, str)]
    sees = model.inputs is None or "image" in model.inputs
    if sees and any(isinstance(part, ImagePart) for content in shown for part in content):
        headers.append(("copilot-vision-request", "true"))
    return tuple(headers)


def _endpoint(begins: str, said: str | Sequence[str]) -> str | None:
    """The endpoint to take; None where a model has several and none that lash speaks."""
    if isinstance(said, str):
        if said not in _DIALECTS:
            raise ValueError(f"github-copilot: {begins!r} goes to {said!r}; lash knows {', '.join(_DIALECTS)}")
        return said
    return next((endpoint for endpoint in _DIALECTS if endpoint in said), None)
