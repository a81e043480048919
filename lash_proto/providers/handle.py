"""A provider as a value: where it is, how to sign in, which models it knows. Five parts, each replaceable.

`State` is the config that the other parts were made from, and with the kind it is the whole JSON form of a handle
(`ProviderSpec`): a credential is in no part but `Auth`, so no form of a handle can hold one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self, cast

from attrs import evolve, field, frozen

from ..codec import Auth, Route
from ..codecs import CODECS
from ..errors import MissingCredential, UnsupportedRequest
from ..exchange import Exchange
from ..http import HeaderItems
from ..machine import Ids, Machine
from ..messages import ImageRequest, LlmRequest, ProviderOptions
from ..models import ModelSpec
from ..values import Secret, Value
from .capabilities import Capabilities, capabilities_of


@frozen(weakref_slot=False, getstate_setstate=False)
class ProviderSpec(Value):
    """The JSON form of a handle: its kind and what its factory was given, less the credential."""

    tag: ClassVar = ("type", "provider")
    kind: str
    state: Mapping[str, Any] = field(factory=dict[str, Any])


def _lower(name: str) -> str:
    return name.lower()


@frozen(weakref_slot=False)
class KeyAuth:
    """A key in one header, as a bearer token in `authorization`.

    `variables` are the environment variables that a client looks in, in order. `optional`: the server may need none (a
    local one), and then none is sent.
    """

    kind: str
    header: str = field(default="authorization", converter=_lower)
    key: Secret | None = None
    variables: tuple[str, ...] = ()
    optional: bool = False
    extra: HeaderItems = ()

    def headers(self) -> HeaderItems:
        """The headers that carry the key. Raises MissingCredential, naming where a key is looked for."""
        if not self.key:
            if self.optional:
                return self.extra
            raise MissingCredential(self._what_to_do())
        said = self.key.reveal()
        return ((self.header, Secret(f"Bearer {said}" if self.header == "authorization" else said)), *self.extra)

    def _what_to_do(self) -> str:
        where = f"set {' or '.join(self.variables)}, or " if self.variables else ""
        return f"no key for {self.kind}: {where}give one to {self.kind.replace('-', '_')}(...)"


class ModelPolicy(Protocol):
    """What a kind makes of a model's name."""

    def spec(self, model: str | ModelSpec) -> ModelSpec:
        """The model to ask for: aliases resolved, capability filled in where the host knows it."""
        ...


@frozen(weakref_slot=False)
class AsNamed:
    """The policy that changes nothing: ids are sent as they stand, and nothing is known of them."""

    def spec(self, model: str | ModelSpec) -> ModelSpec:
        """The spec itself, or one for a bare id."""
        return ModelSpec.of(model)


def _said(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if value is not None}


def _options(options: ProviderOptions | None) -> ProviderOptions:
    return ProviderOptions() if options is None else options


@frozen(weakref_slot=False)
class ProviderHandle:
    """A provider ready to be asked. Made by a factory (`anthropic()`), changed with `attrs.evolve`.

    `state` is what the factory was given (a None in it is left out). `readiness` is a machine to be run once before the
    first call, None where there is nothing to make ready. `options` fill in what a request leaves unset. `routes` are
    those of models whose ids begin so, the longest beginning first; `route` is for all others, and `pictures` for an
    ImageRequest, None where the kind makes none. `keyed` changes what else follows from a key that is given.
    """

    kind: str
    state: Mapping[str, Any] = field(converter=_said)
    auth: Auth
    route: Route
    readiness: Machine[Any] | None = None
    policy: ModelPolicy = AsNamed()
    options: ProviderOptions = field(default=None, converter=_options)
    pictures: Route | None = None
    routes: tuple[tuple[str, Route], ...] = ()
    keyed: Callable[[ProviderHandle, str], ProviderHandle] | None = None

    @property
    def spec(self) -> ProviderSpec:
        """The JSON form of this handle; `from_spec` makes the handle again."""
        return ProviderSpec(self.kind, self.state)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables in which a client looks for this handle's key, in order."""
        return self.auth.variables if isinstance(self.auth, KeyAuth) else ()

    def route_of(self, model: str | ModelSpec) -> Route:
        """Where a model's conversations go."""
        id = self.policy.spec(model).id
        fitting = [(begins, route) for begins, route in self.routes if id.startswith(begins)]
        return max(fitting, key=lambda entry: len(entry[0]))[1] if fitting else self.route

    def options_type(self, model: str | ModelSpec) -> type[ProviderOptions]:
        """The class of options that a model's dialect knows, with the knobs that it alone has."""
        return getattr(self.route_of(model).codec, "options_type", ProviderOptions)

    @property
    def picture_options_type(self) -> type[ProviderOptions]:
        """The same for pictures."""
        return getattr(self.pictures and self.pictures.codec, "options_type", ProviderOptions)

    @property
    def capabilities(self) -> Capabilities:
        """What requests may hold here, whatever the model."""
        return capabilities_of(self.route.codec)

    def model(self, id: str | ModelSpec, **facts: Any) -> ModelSpec:
        """A model of this provider with what its host knows of it: fields of ModelSpec, over those of the policy."""
        return evolve(self.policy.spec(id), **facts)

    @property
    def has_key(self) -> bool:
        """Whether a credential is there, or none is needed."""
        return not isinstance(self.auth, KeyAuth) or bool(self.auth.key)

    def with_key(self, key: str | Secret | None) -> Self:
        """The same provider with another key; None, and an Auth of its own, leave the handle as it is."""
        if not key or not isinstance(self.auth, KeyAuth):
            return self
        secret = key if isinstance(key, Secret) else Secret(key)
        handle = evolve(self, auth=evolve(self.auth, key=secret))
        return handle if self.keyed is None else cast("Self", self.keyed(handle, secret.reveal()))

    def exchange(
        self,
        request: LlmRequest | ImageRequest,
        model: str | ModelSpec,
        *,
        stream: bool = True,
        seed: bytes = b"",
        ids: Ids | None = None,
        retry_after_output: bool | None = None,
        hooks: Iterable[str] = (),
    ) -> Exchange:
        """The machine for one call. What the request leaves unset comes from the handle; `hooks` names those that the
        host will answer for (`exchange.ON_PAYLOAD`, `exchange.ON_RESPONSE`).

        Raises UnsupportedRequest for pictures from a kind that makes none.
        """
        route = self.pictures if isinstance(request, ImageRequest) else self.route_of(model)
        if route is None:
            raise UnsupportedRequest("an ImageRequest", f"the kind {self.kind} makes no pictures")
        options = request.options.over(self.options)
        allowed = options.get("retry_after_output", False) if retry_after_output is None else retry_after_output
        return Exchange(
            route=route,
            auth=self.auth,
            request=evolve(request, options=options),
            model=self.policy.spec(model),
            provider=self.kind,
            stream=stream,
            seed=seed,
            ids=ids if ids is not None else Ids(),
            retry_after_output=allowed,
            hooks=frozenset(hooks),
        )


def codec_of(api: str, kind: str, **fields: Any) -> Any:
    """The dialect's codec as a kind speaks it."""
    return evolve(cast("Any", CODECS[api]), provider=kind, **fields)


def check_base_url(kind: str, base_url: str) -> str:
    """The URL without its last slash; ValueError for what no request could be sent to."""
    from urllib.parse import urlsplit

    parts = urlsplit(base_url)
    if parts.username or parts.password:
        raise ValueError(f"{kind}: base_url holds a user name or password; give a key as api_key instead")
    if parts.query or parts.fragment:  # where a key may stand, so it is not shown
        raise ValueError(f"{kind}: base_url must end before any ? or #")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{kind}: base_url {base_url!r} is no http(s) URL")
    return base_url.rstrip("/")
