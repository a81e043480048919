"""The ChatGPT subscription's Responses backend (WIRE 3). Takes an access token and account id as given here.

The backend expects an `originator` on every request: ours says lash. Clients that it does not know may be turned away
before the API is reached; whose name to give is the caller's to say (`identity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..codec import Route
from ..compat import CODEX
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of

BASE_URL: Final = "https://chatgpt.com/backend-api/codex"

_HINT: Final = (
    "lash names itself as originator, and this backend may serve only clients that it knows: codex(identity={...}) "
    "sends the headers that are yours to send"
)


def codex(
    access_token: str | Secret | None = None,
    *,
    account_id: str | None = None,
    base_url: str = BASE_URL,
    identity: Mapping[str, str] | None = None,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Codex models by a ChatGPT subscription. `api_key` is another name for `access_token`.

    `identity` holds headers of every request, `originator` and `user-agent` among them.
    """
    extra = (("chatgpt-account-id", account_id),) if account_id else ()
    named = {name.lower(): value for name, value in (identity or {}).items()}
    return ProviderHandle(
        kind="codex",
        state={"base_url": base_url, "account_id": account_id or None, "identity": dict(identity or {}) or None},
        auth=KeyAuth("codex", extra=extra),
        route=Route(
            check_base_url("codex", base_url),
            codec_of("openai-responses", "codex", compat=CODEX),
            tuple({"originator": "lash", **named}.items()),
            hints={} if named else {403: _HINT},
        ),
        options=options,
    ).with_key(access_token or api_key)
