"""A provider that plays a script: for tests and demos, without a key and without a network.

The handle speaks a real dialect to its FauxProvider, so that what is tested is the codec and not a shortcut. A client
given this handle performs its calls with a FauxTransport.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from attrs import evolve, field, frozen

from ..codec import Route
from ..codecs import CODECS
from ..faux import FauxProvider
from ..faux.script import Scripted, check_speed
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle

BASE_URL = "http://faux.invalid"
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
    provider = replies if isinstance(replies, FauxProvider) else FauxProvider(replies)
    auth = KeyAuth("faux", "authorization", prefix="Bearer ", optional=True)
    codec: Any = evolve(cast("Any", CODECS[api]), provider="faux")
    state: dict[str, Any] = {"api": api}
    if pictures != PICTURES:
        state["pictures"] = pictures
    if tokens_per_second is not None:
        state["tokens_per_second"] = tokens_per_second
    return FauxHandle(
        kind="faux",
        state=state,
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(_BASES.get(api, BASE_URL), codec),
        options=options or ProviderOptions(),
        pictures=Route(BASE_URL + "/v1", evolve(cast("Any", CODECS[pictures]), provider="faux")),
        provider=provider,
        tokens_per_second=check_speed(tokens_per_second),
    )
