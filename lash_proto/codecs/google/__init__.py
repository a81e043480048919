"""The Gemini API (`google-generative-ai`; Vertex too) and Gemini Code Assist (`google-code-assist`); WIRE 5.

One dialect, two envelopes: Code Assist wraps request and response in an object and puts the model into the body. Which
Gemini is asked is for `GoogleCompat` to say; nothing is read out of a model's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar

from attrs import frozen

from ...compat import GoogleCompat
from ...http import HttpRequest
from ...messages import LlmRequest
from ...models import ModelSpec
from ...values import JsonDict
from .._encoder import body_text, fit_request, http_request
from .contents import Contents
from .decode import GoogleDecoder
from .encode import generate_content, model_resource, numbers_of
from .options import GoogleOptions

__all__ = ["GoogleCodeAssist", "GoogleDecoder", "GoogleGenerativeAI", "GoogleOptions"]


@frozen(weakref_slot=False)
class GoogleGenerativeAI:
    """The codec `google-generative-ai`.

    For Vertex, `api_version` is `v1` and the model's id its whole name (`projects/.../publishers/google/models/...`).
    """

    api: ClassVar[str] = "google-generative-ai"
    options_type: ClassVar[type[GoogleOptions]] = GoogleOptions

    provider: str | None = None
    compat: GoogleCompat = GoogleCompat()
    api_version: str = "v1beta"

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """`POST /v1beta/models/{model}:streamGenerateContent`. Raises UnsupportedRequest."""
        spec = ModelSpec.of(model)
        compat = _compat(spec, self.compat)
        contents = Contents(self.api, self.provider, spec.id, compat)
        request = fit_request(request, spec, contents.notes, numbers_of(compat))
        body = generate_content(request, contents, request.options, compat)
        path = f"/{self.api_version}/{model_resource(spec.id)}:{_method(stream)}"
        return http_request(path, body, request.options, stream=stream, notes=contents.notes)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> GoogleDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return GoogleDecoder(self.api, self.provider, status, tuple(headers), spec)


@frozen(weakref_slot=False)
class GoogleCodeAssist:
    """The codec `google-code-assist`. `project` is the Google Cloud project that the account works in."""

    api: ClassVar[str] = "google-code-assist"
    options_type: ClassVar[type[GoogleOptions]] = GoogleOptions

    provider: str | None = None
    compat: GoogleCompat = GoogleCompat(server_tool_calls=False, labels=True)
    project: str | None = None

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """`POST /v1internal:streamGenerateContent`. Raises UnsupportedRequest for what Code Assist cannot be told."""
        spec = ModelSpec.of(model)
        compat = _compat(spec, self.compat)
        contents = Contents(self.api, self.provider, spec.id, compat)
        request = fit_request(request, spec, contents.notes, numbers_of(compat))
        inner = generate_content(request, contents, request.options, compat)
        if request.session_id:
            inner["session_id"] = request.session_id
        body: JsonDict = {"model": spec.id.removeprefix("models/")}
        if self.project and self.project.strip():
            body["project"] = self.project
        # Required (WIRE 5a). Made from the prompt, so that the same request is the same bytes.
        body["user_prompt_id"] = request.request_id or sha256(body_text(inner).encode()).hexdigest()[:32]
        body["request"] = inner
        path = f"/v1internal:{_method(stream)}"
        return http_request(path, body, request.options, stream=stream, notes=contents.notes)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> GoogleDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return GoogleDecoder(self.api, self.provider, status, tuple(headers), spec, wrapped=True)


def _method(stream: bool) -> str:
    return "streamGenerateContent?alt=sse" if stream else "generateContent"


def _compat(spec: ModelSpec, ours: GoogleCompat) -> GoogleCompat:
    return spec.compat if isinstance(spec.compat, GoogleCompat) else ours
