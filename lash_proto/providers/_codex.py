"""The ChatGPT subscription's Responses backend (WIRE 3). Takes an access token and account id as given here.

The backend expects an `originator` on every request: ours says lash.
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..compat import CODEX
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url

BASE_URL = "https://chatgpt.com/backend-api/codex"


def codex(
    access_token: str | Secret | None = None,
    *,
    account_id: str | None = None,
    base_url: str = BASE_URL,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Codex models by a ChatGPT subscription. `api_key` is another name for `access_token`."""
    url = check_base_url("codex", base_url)
    token = access_token or api_key
    auth = KeyAuth(
        "codex",
        "authorization",
        prefix="Bearer ",
        extra=(("chatgpt-account-id", account_id),) if account_id else (),
    )
    codec = evolve(cast("Any", CODECS["openai-responses"]), provider="codex", compat=CODEX)
    state: dict[str, Any] = {"base_url": base_url}
    if account_id:
        state["account_id"] = account_id
    return ProviderHandle(
        kind="codex",
        state=state,
        auth=auth.with_key(token) if token else auth,
        route=Route(url, codec),
        options=options or ProviderOptions(),
    )
