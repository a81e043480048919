"""A model as the host knows it. No catalogue is shipped and nothing is guessed from a name.

A string makes a spec of which nothing is known but its id; encoders then send what was asked for in the dialect's own
form and let the provider judge.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from .compat import Compat
from .values import Value


@frozen(weakref_slot=False, getstate_setstate=False)
class ModelSpec(Value):
    """A model id, sent as it stands, with what the host knows of it. Limits are in tokens."""

    tag: ClassVar = ("type", "model")
    id: str
    compat: Compat | None = None
    max_output_tokens: int | None = None
    context_window: int | None = None

    @classmethod
    def of(cls, model: str | ModelSpec) -> ModelSpec:
        """The spec itself, or one for a bare id."""
        return model if isinstance(model, ModelSpec) else cls(model)
