"""Gemini Code Assist (WIRE 5a). Takes a Google access token and a project as given here."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url

BASE_URL = "https://cloudcode-pa.googleapis.com"


def google_oauth(
    access_token: str | Secret | None = None,
    *,
    project: str | None = None,
    base_url: str = BASE_URL,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Gemini by a Google account, through Code Assist. `api_key` is another name for `access_token`."""
    url = check_base_url("google_oauth", base_url)
    token = access_token or api_key
    auth = KeyAuth("google_oauth", "authorization", prefix="Bearer ")
    codec = evolve(cast("Any", CODECS["google-code-assist"]), provider="google_oauth", project=project)
    state: dict[str, Any] = {"base_url": base_url}
    if project:
        state["project"] = project
    return ProviderHandle(
        kind="google_oauth",
        state=state,
        auth=auth.with_key(token) if token else auth,
        route=Route(url, codec),
        options=options or ProviderOptions(),
    )
