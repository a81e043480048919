"""A provider that plays a script: for tests and demos, without a key and without a network.

The handle speaks a real dialect to its FauxProvider, so that what is tested is the codec and not a shortcut. A client
given this handle performs its calls with a FauxTransport.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from ..codec import Route
from ..faux import FauxProvider
from ..faux.script import Scripted, check_speed
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, codec_of

BASE_URL = "https://faux.invalid"
PICTURES = "openai-images"

# Where a real server of each dialect has its base URL, so that paths are recognised.
_BASES = {"openai-completions": BASE_URL + "/v1", "openai-responses": BASE_URL + "/v1"}


@frozen(weakref_slot=False)
class FauxHandle(ProviderHandle):
    """A handle whose calls a client performs by asking `provider`, not the network, at the speed asked for."""

    provider: FauxProvider = field(factory=FauxProvider, kw_only=True)
    tokens_per_second: float | None = field(default=None, kw_only=True)


def faux(
    replies: Iterable[Scripted | str] | FauxProvider = (),
    *,
    api: str = "anthropic-messages",
    pictures: str = PICTURES,
    tokens_per_second: float | None = None,
    api_key: str | Secret | None = None,
    options: ProviderOptions | None = None,
) -> FauxHandle:
    """A handle whose provider gives `replies` in order, in the dialect `api`; after them it says who it is.

    Asked for pictures it gives those among the replies, in the dialect `pictures`. Streams come at `tokens_per_second`,
    four characters being a token; without it they come at once.
    """
    return FauxHandle(
        kind="faux",
        state={
            "api": api,
            "pictures": None if pictures == PICTURES else pictures,
            "tokens_per_second": tokens_per_second,
        },
        auth=KeyAuth("faux", optional=True),
        route=Route(_BASES.get(api, BASE_URL), codec_of(api, "faux")),
        options=options,
        pictures=Route(BASE_URL + "/v1", codec_of(pictures, "faux")),
        provider=replies if isinstance(replies, FauxProvider) else FauxProvider(replies),
        tokens_per_second=check_speed(tokens_per_second),
    ).with_key(api_key)
