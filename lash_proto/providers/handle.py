"""A provider as a value: where it is, how to sign in, which models it knows. Five parts, each replaceable.

`State` is the config that the other parts were made from, and with the kind it is the whole JSON form of a handle
(`ProviderSpec`): a credential is in no part but `Auth`, so no form of a handle can hold one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar, cast

from attrs import evolve, field, frozen

from ..codec import Auth, Readiness, Route
from ..codecs import CODECS
from ..errors import MissingCredential, UnsupportedRequest
from ..exchange import Exchange
from ..http import CREDENTIAL_HEADERS, HeaderItems
from ..machine import Ids
from ..messages import ImageRequest, LlmRequest, ProviderOptions
from ..models import ModelSpec
from ..renewal import is_renewable
from ..values import UNSET, Secret, Value
from .capabilities import Capabilities, capabilities_of

C = TypeVar("C", bound=Value)


@frozen(weakref_slot=False, getstate_setstate=False)
class ProviderSpec(Value):
    """The JSON form of a handle: its kind and what its factory was given, less the credential.

    Headers in `options` that hold a Secret or another credential are left out.
    """

    tag: ClassVar = ("type", "provider")
    kind: str
    state: Mapping[str, Any] = field(factory=dict[str, Any])
    options: ProviderOptions | None = None


_PLAIN = re.compile(r"[\x21-\x7e]+")
_KEY = re.compile(r"[\x20-\x7e]+")


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


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, Secret) or (value is not None and name.lower() in CREDENTIAL_HEADERS)


def _options(options: ProviderOptions | None) -> ProviderOptions:
    return ProviderOptions() if options is None else options


@frozen(weakref_slot=False)
class ProviderHandle:
    """A provider ready to be asked. Made by a factory (`anthropic()`), changed with `attrs.evolve`.

    `state` is what the factory was given (a None in it is left out). `readiness` has a machine that is run once before
    the first call; None: there is nothing to make ready, or it is done. `options` fill in what a request leaves unset.
    `routes` are those of models whose ids begin so, the longest beginning first; `route` is for all others, and
    `pictures` for an ImageRequest, None where the kind makes none. `keyed` changes what else follows from a key that is
    given.
    """

    kind: str
    state: Mapping[str, Any] = field(converter=_said)
    auth: Auth
    route: Route
    readiness: Readiness | None = None
    policy: ModelPolicy = AsNamed()
    options: ProviderOptions = field(default=None, converter=_options)
    pictures: Route | None = None
    routes: tuple[tuple[str, Route], ...] = ()
    keyed: Callable[[ProviderHandle, str], ProviderHandle] | None = None

    @property
    def spec(self) -> ProviderSpec:
        """The JSON form of this handle; `from_spec` makes the handle again."""
        options = self.options
        headers: Mapping[str, Any] = options.get("extra_headers") or {}
        plain = {name: value for name, value in headers.items() if not _is_secret(name, value)}
        if len(plain) < len(headers):
            options = evolve(options, extra_headers=plain or UNSET)
        return ProviderSpec(self.kind, self.state, None if options == type(options)() else options)

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
        """What requests may hold here, whatever the model: what each of the routes takes."""
        found = capabilities_of(self.route.codec)
        codecs: list[Any] = [self.route.codec]
        for _, route in self.routes:
            if route.codec not in codecs:
                codecs.append(route.codec)
                found = found.shared_with(capabilities_of(route.codec))
        return found

    def model(self, id: str | ModelSpec, **facts: Any) -> ModelSpec:
        """A model of this provider with what its host knows of it: fields of ModelSpec.

        They stand over those of the policy, and over the flags of its route.
        """
        spec = self.policy.spec(id)
        if spec.compat is None:
            spec = evolve(spec, compat=getattr(self.route_of(spec).codec, "compat", None))
        return evolve(spec, **facts)

    @property
    def has_key(self) -> bool:
        """Whether a credential is there, or none is needed."""
        return not isinstance(self.auth, KeyAuth) or bool(self.auth.key)

    def with_key(self, key: str | Secret | None) -> Self:
        """The same provider with another key; None, and an Auth of its own, leave the handle as it is.

        Raises ValueError, without showing it, for what cannot be a key.
        """
        if not key or not isinstance(self.auth, KeyAuth):
            return self
        text = (key.reveal() if isinstance(key, Secret) else key).strip()  # a file's last line has its line break
        if not _KEY.fullmatch(text):
            raise ValueError(f"the key for {self.kind} is none: it is empty, or holds what no header can hold")
        return self.with_auth(evolve(self.auth, key=Secret(text)))

    def with_auth(self, auth: Auth) -> Self:
        """The same provider with another credential, and whatever follows from its key."""
        handle = evolve(self, auth=auth)
        key = auth.key if isinstance(auth, KeyAuth) else None
        return handle if self.keyed is None or not key else cast("Self", self.keyed(handle, key.reveal()))

    def route_for(self, request: LlmRequest | ImageRequest, model: str | ModelSpec) -> Route:
        """Where such a request goes. Raises UnsupportedRequest for pictures from a kind that makes none."""
        route = self.pictures if isinstance(request, ImageRequest) else self.route_of(model)
        if route is None:
            raise UnsupportedRequest("an ImageRequest", f"the kind {self.kind} makes no pictures")
        return route

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
        limited: bool = False,
    ) -> Exchange:
        """The machine for one call. What the request leaves unset comes from the handle; `hooks` names those that the
        host will answer for (`exchange.ON_PAYLOAD`, `exchange.ON_RESPONSE`; `renewal.ON_RENEW`, `renewal.ON_RENEWED`),
        `limited` says that the driver has attempts wait for their turn.

        Raises UnsupportedRequest for pictures from a kind that makes none, for a conversation from one that makes
        nothing else, and for options of another dialect.
        """
        route = self.route_for(request, model)
        if isinstance(request, LlmRequest) and route == self.pictures:
            raise UnsupportedRequest("a conversation", f"the kind {self.kind} makes pictures only{_chat_of(self.kind)}")
        known: type[ProviderOptions] = getattr(route.codec, "options_type", ProviderOptions)
        if not issubclass(known, type(request.options)):
            given = type(request.options).__name__
            raise UnsupportedRequest(given, f"options of another dialect: {route.codec.api} takes {known.__name__}")
        # The handle's own may be those of its other dialect (words, pictures): what this one does not know is not said.
        options = known().over(request.options.over(self.options))
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
            handle=self if is_renewable(self) else None,
            limited=limited,
        )


def _chat_of(kind: str) -> str:
    from .presets import PRESETS

    return f'; for its chat there is openai_compatible(preset="{kind}")' if kind in PRESETS else ""


def codec_of(api: str, kind: str, **fields: Any) -> Any:
    """The dialect's codec as a kind speaks it."""
    return evolve(cast("Any", CODECS[api]), provider=kind, **fields)


def flags_of(kind: str, class_: type[C], given: C | Mapping[str, Any] | None) -> C | None:
    """Compat flags as a factory takes them: the class, or its JSON form with or without the `type`.

    Raises ValueError for a flag that there is not, and TypeError for flags of another dialect.
    """
    if given is None or isinstance(given, class_):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"{kind}: compat is a {class_.__name__} or its JSON form, and not {type(given).__name__}")
    data = {**class_().to_json(), **given}
    if unknown := sorted(data.keys() - class_().to_json().keys()):
        raise ValueError(f"{kind}: {class_.__name__} has no flag {unknown[0]!r}")
    return class_.from_json(data)


def check_base_url(kind: str, base_url: str) -> str:
    """The URL without its last slash; ValueError for what no request could be sent to."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(base_url)
        port = parts.port  # raises where it is none
    except ValueError:  # whose message may quote what was meant as a password
        raise ValueError(f"{kind}: base_url is no URL: its host or port cannot be read") from None
    if parts.username or parts.password:
        raise ValueError(f"{kind}: base_url holds a user name or password; give a key as api_key instead")
    if "?" in base_url or "#" in base_url:  # where a key may stand, so it is not shown
        raise ValueError(f"{kind}: base_url must end before any ? or #")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"{kind}: base_url {base_url!r} is no http(s) URL")
    if not _PLAIN.fullmatch(base_url):
        rule = "write a name beyond ASCII as xn--..., and what is special in the path as %XX"
        raise ValueError(f"{kind}: base_url {base_url!r} holds blanks or characters that no URL has; {rule}")
    return base_url.rstrip("/")
