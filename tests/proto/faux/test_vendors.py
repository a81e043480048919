"""What the vendors' own SDKs need of the bytes they read, as `make peers` found it out."""

from __future__ import annotations

import json

import pytest

from lash_proto.faux import Answer, FauxProvider, FauxReply
from lash_proto.usage import LlmUsage


def ask(path: str, reply: FauxReply) -> Answer:
    body = json.dumps({"model": "m", "stream": True}).encode()
    return FauxProvider([reply]).answer("POST", path, (), body)


@pytest.mark.parametrize("verb", ["streamGenerateContent?alt=sse", "streamGenerateContent", "generateContent"])
@pytest.mark.parametrize("api", ["/v1/models/m:", "/v1beta/models/m:", "/v1internal:"])
def test_gemini_writes_no_line_end_that_is_not_one(api: str, verb: str) -> None:
    """google-genai splits lines with `str.splitlines`; protobuf's JSON writer escapes what that would split at."""
    answer = ask(api + verb, FauxReply("a\u2028b\u2029c\x85d<e>f\ufeffg é 世 👩\u200d🚀"))
    text = answer.body.decode()
    assert text.splitlines() == text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    for escaped in (r"\u2028", r"\u2029", r"\u0085", r"\u003c", r"\u003e", r"\ufeff", r"\u200d"):
        assert escaped in text
    assert "é 世 👩" in text


def test_the_responses_server_always_counts_reasoning() -> None:
    """`output_tokens_details` is a required field of the SDK's types."""
    for usage, counted in ((LlmUsage(3, output_tokens=4), 0), (LlmUsage(3, output_tokens=4, reasoning_tokens=2), 2)):
        last = ask("/v1/responses", FauxReply("Hi.", usage=usage)).chunks[-1].decode().partition("data: ")[2]
        assert json.loads(last)["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": counted}
