# Law: any text, in any cut, gives the same value and error; valid JSON gives its value; nothing is ever raised.

"""JSON as it grows under fuzzing: `python fuzz/fuzz_partial_json.py fuzz/corpus/partial_json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from lash_proto.partial_json import PartialArguments, PartialJson, parse_arguments
from lash_proto.values import clean, parse_json


def check(data: bytes) -> None:
    """Feed the text whole, singly and in two, and beside the standard library's own reading. The law, asserted."""
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data and is_wtf_8(data) else "replace")
    whole = parsed([text])
    repr(whole.value)
    json.dumps(whole.value, ensure_ascii=False).encode()
    cut = data[0] % len(text) if text else 0
    for fragments in ([*text], [text[:cut], text[cut:]]):
        other = parsed(fragments)
        # By repr: 1 and 1.0 and true are equal.
        assert (repr(other.value), other.error) == (repr(whole.value), whole.error)

    log = PartialArguments()
    views = [log.view(log.append(fragment)) for fragment in text]
    if views:
        last = views[-1].to_dict()
        middle = views[len(views) // 2].to_dict()
        assert views[-1] == last
        assert views[len(views) // 2] == middle
        assert last == (whole.value if isinstance(whole.value, dict) else {})

    arguments, error = parse_arguments(text)
    json.dumps(arguments, ensure_ascii=False).encode()
    if is_json(text):
        if not has_long_number(text):
            assert whole.error is None
            assert repr(whole.value) == repr(cleaned(text))
    else:
        assert arguments == {}
        assert error is not None or not text.strip(" \t\n\r")


def parsed(fragments: list[str]) -> PartialJson:
    """The parser after these fragments, its value asked for after each."""
    parser = PartialJson()
    for fragment in fragments:
        parser.receive(fragment)
        assert parser.value is parser.value
    return parser


def is_wtf_8(data: bytes) -> bool:
    """Whether these are UTF-8 but for lone surrogates."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def is_json(text: str) -> bool:
    """By the strict reading, which bounds the depth."""
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def has_long_number(text: str) -> bool:
    """A fraction may be longer than `partial_json` reads; the strict reading has no such bound."""
    run = 0
    for character in text:
        run = run + 1 if character in "-+.eE0123456789" else 0
        if run > 4300:
            return True
    return False


def cleaned(text: str) -> Any:
    """The standard library's value, its strings made encodable."""
    return clean_all(json.loads(text, object_pairs_hook=lambda pairs: {clean(key): item for key, item in pairs}))


def clean_all(value: Any) -> Any:
    """The same value with every string made encodable."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_all(item) for item in value]
    if isinstance(value, dict):
        return {key: clean_all(item) for key, item in value.items()}
    return value


def main() -> None:
    """Run until a finding."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
