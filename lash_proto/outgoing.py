"""The headers that go out with a call, the credential among them: whose they are, and where it may not go.

Decisions.
- What the caller writes himself beats the codec, and that the route. A credential of his own stands for the handle's.
- A credential goes over plain http to this machine and no other, unless the caller says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from . import __version__
from .codec import Auth, Route
from .errors import InsecureRequest, MissingCredential
from .failures import Failure
from .http import HeaderItems, HttpRequest, has_credential, merge_headers
from .http1 import split_url
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec
from .values import Secret, redact_json, redact_text

USER_AGENT = f"lash/{__version__}"

_SHORTEST_KEY = 8  # shorter ones are made up, and hiding them would garble ordinary words


@frozen(weakref_slot=False)
class Outgoing:
    """A call as it goes out: in whose name, where to, what was asked of which model, what the codec made of that."""

    auth: Auth
    route: Route
    request: LlmRequest | ImageRequest
    model: ModelSpec
    http: HttpRequest

    def headers(self) -> HeaderItems:
        """All of them. Raises MissingCredential."""
        route = self.route
        return merge_headers(
            {"user-agent": USER_AGENT, "accept-encoding": "identity"},
            route.headers,
            route.headers_for(self.request, self.model) if route.headers_for is not None else (),
            self.http.headers,
            self._credential(),
            self._own(),
        )

    def check(self) -> None:
        """Raises MissingCredential where there is none, InsecureRequest where it would go in the clear."""
        self._credential()
        if self.route.base_url.startswith("https://") or self.request.options.get("allow_http", False):
            return
        origin, _ = split_url(self.route.base_url)
        if origin.scheme == "http" and not origin.is_loopback and has_credential(self.headers()):
            raise InsecureRequest(origin.authority)

    def brings_own(self) -> bool:
        """Whether the caller's own headers bring a credential, or say that none is to go."""
        own = {name.lower() for name in self._own()}
        return not own.isdisjoint(("authorization", getattr(self.auth, "header", "authorization")))

    def without_keys(self, failure: Failure) -> Failure:
        """Some servers say a refused key back, and not every key has a shape that `redact_text` knows."""
        try:
            headers = self.headers()
        except MissingCredential:
            headers = merge_headers(self._own())
        words = [word for _, value in headers if isinstance(value, Secret) for word in value.reveal().split()]
        keys = [word for word in words if len(word) >= _SHORTEST_KEY]
        return evolve(
            failure,
            message=redact_text(failure.message, keys),
            code=None if failure.code is None else redact_text(failure.code, keys),
            raw=redact_json(failure.raw, keys),
        )

    def _credential(self) -> HeaderItems:
        try:
            return self.auth.headers()
        except MissingCredential:
            if not self.brings_own():
                raise
            return ()

    def _own(self) -> Mapping[str, Any]:
        return self.request.options.get("extra_headers") or {}
