"""Gemini Code Assist (WIRE 5a). Takes a Google access token and a project as given here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..codec import Route
from ..compat import GoogleCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of, flags_of

BASE_URL: Final = "https://cloudcode-pa.googleapis.com"


def google_oauth(
    access_token: str | Secret | None = None,
    *,
    project: str | None = None,
    base_url: str = BASE_URL,
    compat: GoogleCompat | Mapping[str, Any] | None = None,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Gemini by a Google account, through Code Assist. `api_key` is another name for `access_token`."""
    flags = flags_of("google_oauth", GoogleCompat, compat)
    given = {} if flags is None else {"compat": flags}
    return ProviderHandle(
        kind="google_oauth",
        state={
            "base_url": base_url,
            "project": project or None,
            "compat": None if flags is None else flags.to_json(),
        },
        auth=KeyAuth("google_oauth"),
        route=Route(
            check_base_url("google_oauth", base_url),
            codec_of("google-code-assist", "google_oauth", project=project, **given),
        ),
        options=options,
    ).with_key(access_token or api_key)
