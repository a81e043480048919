"""What a caller says to a client becomes a request; the clients' own tests have the rest."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lash_io import Client
from lash_io.requests import request_of
from lash_proto import JsonObject, JsonSchema, LlmRequest, OutputError, ProviderOptions, parse_output, schema_of
from lash_proto.faux import FauxReply
from lash_proto.providers import faux


@dataclass
class City:
    name: str
    people: int | None = None


def test_a_type_is_an_output() -> None:
    asked = JsonSchema("City", schema_of(City))
    assert request_of("Hi", {"output": City}, ProviderOptions()).output == asked
    assert request_of("Hi", {"output": schema_of(City)}, ProviderOptions()).output == JsonSchema("output", asked.schema)
    assert request_of("Hi", {"output": JsonObject()}, ProviderOptions()).output == JsonObject()
    assert request_of("Hi", {}, ProviderOptions()).output is None
    held = LlmRequest("Hi", output=asked)
    assert request_of(held, {}, ProviderOptions()).output == asked
    assert request_of(held, {"output": None}, ProviderOptions()).output is None
    with pytest.raises(TypeError, match="complex"):
        request_of("Hi", {"output": complex}, ProviderOptions())


def test_a_client_asks_for_a_type_and_its_reply_becomes_one() -> None:
    script = [FauxReply('{"name": "Oslo", "people": null}'), FauxReply("Oslo.")]
    with Client(faux(script, api="openai-responses"), model="any") as client:
        reply = client.complete("Which city?", output=City)
        assert parse_output(reply, City) == City("Oslo")
        assert [note.partition(":")[0] for note in reply.notes] == ["output"]
        with pytest.raises(OutputError, match="not JSON"):
            parse_output(client.complete("Which city?", output=City), City)
