"""What a caller says to a client who wants pictures, made into an ImageRequest. Shared by the twins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import evolve, fields

from lash_proto.messages import ImagePart, ImageRequest, ProviderOptions, TextPart

from .requests import refuse_unknown

PicturePrompt: TypeAlias = str | Iterable[TextPart | ImagePart] | ImageRequest
"""What can be asked: a text, texts with pictures to start from, or a whole request."""

_REQUEST = frozenset(field.name for field in fields(ImageRequest)) - {"prompt", "options"}


def image_request_of(
    prompt: PicturePrompt, knobs: Mapping[str, Any], options: ProviderOptions, dialect: type[ProviderOptions]
) -> ImageRequest:
    """The request for a prompt and its keywords, which are fields of ImageRequest or of its options.

    `options` are the client's, `dialect` the class of options that the provider's pictures know; of the client's own
    dialect for words nothing is taken. TypeError for a keyword that is neither, and for options of another dialect.
    """
    knobs = dict(knobs)
    said: ProviderOptions = knobs.pop("options", None) or ProviderOptions()
    request = prompt if isinstance(prompt, ImageRequest) else ImageRequest(prompt)
    settings = {name: knobs.pop(name) for name in list(knobs) if name in _REQUEST}
    given = said.over(request.options)
    if not issubclass(dialect, type(given)):
        raise TypeError(f"{type(given).__name__} are options of another dialect; this one takes {dialect.__name__}")
    known = {field.name for field in fields(dialect)}
    refuse_unknown(knobs, known, _REQUEST, f"neither ImageRequest nor {dialect.__name__} has it")
    merged = dialect().over(given).over(options)
    return evolve(request, options=evolve(merged, **knobs), **settings)
