"""What went wrong, told from a status, an error body and headers. The bodies are the shapes that WIRE lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.failures import (
    Failure,
    LashError,
    failure_of,
    http_date,
    is_context_overflow,
    kind_of,
    request_id_of,
    retry_after,
    unwrap_error,
)
from lash_proto.values import from_json


def openai(message: str, type: str | None = None, code: Any = None, **more: Any) -> Any:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


def anthropic(type: str, message: str, **more: Any) -> Any:
    return {"type": "error", "error": {"type": type, "message": message, **more}, "request_id": "req_011"}


def google(code: int, status: str, message: str, *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def reason(word: str) -> Any:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": word,
        "domain": "cloudcode-pa.googleapis.com",
    }


def delay(text: str) -> Any:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


def violated(id: str) -> Any:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]}


YES, NO = True, False
WINDOW = "Your input exceeds the context window of this model. Please adjust your input and try again."

# status, body, kind, retryable, code, retry_after
TABLE: list[tuple[int | None, Any, str, bool, str | None, float | None]] = [
    # OpenAI: WIRE 1g.
    (400, openai(WINDOW, "invalid_request_error", "context_length_exceeded"), "context_overflow", NO,
     "context_length_exceeded", None),
    (400, openai("Invalid prompt.", "invalid_request_error", "invalid_prompt"), "invalid_request", NO, "invalid_prompt",
     None),
    *[(400, openai("No.", "invalid_request_error", code), "invalid_request", NO, code, None)
      for code in ("unsupported_parameter", "unsupported_value", "previous_response_not_found",
                   "string_above_max_length")],
    (400, openai("Item 'rs_1' of type 'reasoning' was provided without its required following item.",
                 "invalid_request_error"), "invalid_request", NO, "invalid_request_error", None),
    (400, openai("No tool output found for function call call_1.", "invalid_request_error"), "invalid_request", NO,
     "invalid_request_error", None),
    (401, openai("Incorrect API key provided: sk-ab***yz.", "invalid_request_error", "invalid_api_key"),
     "authentication", NO, "invalid_api_key", None),
    (403, openai("Country not supported", "request_forbidden", "unsupported_country_region_territory"), "permission",
     NO, "unsupported_country_region_territory", None),
    (403, openai("Project `p` does not have access to model `m`", "invalid_request_error", "model_not_found"),
     "not_found", NO, "model_not_found", None),
    (403, openai("You have insufficient permissions.", "insufficient_permissions"), "permission", NO,
     "insufficient_permissions", None),
    (401, openai("No.", "authentication_error"), "authentication", NO, "authentication_error", None),
    (403, openai("No.", "permission_error"), "permission", NO, "permission_error", None),
    (429, openai("Later.", "rate_limit_error"), "rate_limit", YES, "rate_limit_error", None),
    (400, openai("No such style.", "image_generation_user_error"), "invalid_request", NO,
     "image_generation_user_error", None),
    (404, openai("The model `x` does not exist", "invalid_request_error", "model_not_found"), "not_found", NO,
     "model_not_found", None),
    (408, openai("Timed out."), "timeout", YES, None, None),
    (409, openai("Locked."), "other", YES, None, None),
    (422, openai("Unprocessable."), "invalid_request", NO, None, None),
    (429, openai("Rate limit reached for tokens per minute (TPM). Please try again in 1.3s.", "tokens",
                 "rate_limit_exceeded"), "rate_limit", YES, "rate_limit_exceeded", 1.3),
    (429, openai("Limit reached. Please try again in 120ms.", "requests", "rate_limit_exceeded"), "rate_limit", YES,
     "rate_limit_exceeded", 0.12),
    (429, openai("Limit reached. Please try again in 6m0s.", "requests", "rate_limit_exceeded"), "rate_limit", YES,
     "rate_limit_exceeded", 360.0),
    (429, openai("Slow down.", "rate_limit_error", "slow_down"), "rate_limit", YES, "slow_down", None),
    (429, openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"), "quota", NO,
     "insufficient_quota", None),
    (429, openai("No credit.", None, "credit_balance_exhausted"), "quota", NO, "credit_balance_exhausted", None),
    (429, openai("Hard limit.", None, "billing_hard_limit_reached"), "quota", NO, "billing_hard_limit_reached", None),
    (500, openai("The server had an error.", "server_error"), "server", YES, "server_error", None),
    (502, openai("Bad gateway."), "server", YES, None, None),
    (503, openai("Overloaded.", "service_unavailable_error", "server_is_overloaded"), "overloaded", YES,
     "server_is_overloaded", None),
    (503, openai("Slow down.", None, "slow_down"), "overloaded", YES, "slow_down", None),
    (504, openai("Gateway timeout."), "timeout", YES, None, None),
    # The same inside a response.failed.
    (None, {"code": "server_error", "message": "Oops."}, "server", YES, "server_error", None),
    (None, {"code": "rate_limit_exceeded", "message": "Please try again in 11.054s."}, "rate_limit", YES,
     "rate_limit_exceeded", 11.054),
    (None, {"code": "slow_down", "message": "Slow down."}, "overloaded", YES, "slow_down", None),
    (None, {"code": "invalid_prompt", "message": "No."}, "invalid_request", NO, "invalid_prompt", None),
    *[(None, {"code": code, "message": "No."}, "other", NO, code, None)
      for code in ("bio_policy", "misalignment_policy_violation", "data_residency_mismatch", "vector_store_timeout")],
    *[(None, {"code": code, "message": "No."}, "invalid_request", NO, code, None)
      for code in ("invalid_image", "invalid_image_format", "invalid_base64_image", "image_too_large",
                   "image_content_policy_violation", "unsupported_image_media_type", "empty_image_file",
                   "failed_to_download_image")],
    (503, openai("Later.", "temporarily_unavailable"), "overloaded", YES, "temporarily_unavailable", None),
    (None, {"type": "service_unavailable", "message": "Later."}, "overloaded", YES, "service_unavailable", None),
    # Chat servers: WIRE 2g.
    (429, {"error": {"code": 429, "message": "Provider returned error", "metadata": {"provider_name": "X",
                                                                                      "raw": "busy"}}},
     "rate_limit", YES, None, None),
    (200, {"error": {"code": 502, "message": "Provider returned error"}}, "server", YES, None, None),
    (400, {"error": {"code": 400, "message": "Provider returned error",
                     "metadata": {"raw": '{"message":"prompt is too long: 9 tokens > 8 maximum"}'}}},
     "context_overflow", NO, None, None),
    (400, {"error": "model requires more system memory"}, "invalid_request", NO, None, None),
    (400, {"code": "Client specified an invalid argument", "error": "Bad."}, "invalid_request", NO,
     "Client specified an invalid argument", None),
    (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.",
           "type": "BadRequestError", "param": None, "code": 400}, "context_overflow", NO, "BadRequestError", None),
    (422, {"detail": [{"loc": ["body", "model"], "msg": "field required", "type": "value_error.missing"}]},
     "invalid_request", NO, None, None),
    (400, {"message": "Bad.", "type": "invalid_request_error", "code": None}, "invalid_request", NO,
     "invalid_request_error", None),
    (400, {"error": {"code": 400, "message": "the request exceeds the available context size",
                     "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}}, "context_overflow", NO,
     "exceed_context_size_error", None),
    (429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 20 seconds."}, "rate_limit", YES, None,
     20.0),
    (400, [{"error": {"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT"}}], "invalid_request", NO,
     "INVALID_ARGUMENT", None),
    (429, {"error": {"code": "1308", "message": "Usage limit reached for 5 hour."}}, "quota", NO, "1308", None),
    (429, {"error": {"code": 1308, "message": "Usage limit reached for 5 hour."}}, "quota", NO, "1308", None),
    (400, {"error": {"code": "1261", "message": "Too long."}}, "context_overflow", NO, "1261", None),
    (400, openai("Failed to call a function.", "invalid_request_error", "tool_use_failed", failed_generation="<f>"),
     "invalid_request", NO, "tool_use_failed", None),
    (413, openai("Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7000.", "tokens",
                 "rate_limit_exceeded"), "context_overflow", NO, "rate_limit_exceeded", None),
    (498, openai("Flex tier capacity exceeded."), "overloaded", YES, None, None),
    (402, {"error": {"code": 402, "message": "This request requires more credits"}}, "quota", NO, None, None),
    (403, {"error": {"code": 403, "message": "Flagged.", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}},
     "permission", NO, None, None),
    (408, {"error": {"code": 408, "message": "Timed out."}}, "timeout", YES, None, None),
    (200, {"error": {"code": "429", "message": "Later."}}, "rate_limit", YES, "429", None),
    (400, {"error": {"code": "content_filter", "message": "Filtered.", "innererror": {
        "code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}}}, "invalid_request", NO,
     "content_filter", None),
    (429, openai("Please retry after 6 seconds.", None, "429"), "rate_limit", YES, "429", 6.0),
    (429, {"message": "You exceeded your current quota, please check your plan and billing details."}, "quota", NO,
     None, None),
    (429, {"message": "You exceeded your current quota. Please retry in 5s."}, "rate_limit", YES, None, 5.0),
    (429, {"message": "You exceeded your current quota. Please retry later."}, "rate_limit", YES, None, None),
    (429, {"error": {"type": "GoUsageLimitError", "message": "Wait."}}, "quota", NO, "GoUsageLimitError", None),
    *[(429, {"message": said}, "quota", NO, None, None)
      for said in ("Monthly usage limit reached", "Insufficient balance", "The team is out of budget.",
                   "You're out of extra usage", "You have reached your monthly spend limit")],
    (None, {"object": "error", "message": "EngineCore died.", "type": "InternalServerError", "code": 500}, "server",
     YES, "InternalServerError", None),
    # Copilot: WIRE 7.
    (401, "unauthorized: token expired", "authentication", NO, None, None),
    (402, openai("Used up.", None, "quota_exceeded"), "quota", NO, "quota_exceeded", None),
    (429, openai("Used up.", None, "quota_exceeded"), "quota", NO, "quota_exceeded", None),
    (403, openai("Access to this endpoint is forbidden."), "permission", NO, None, None),
    (413, "failed to parse request", "context_overflow", NO, None, None),
    (400, openai("prompt token count of 140000 exceeds the limit of 128000"), "context_overflow", NO, None, None),
    (466, "The API version is outdated.", "invalid_request", NO, None, None),
    (400, openai("The requested model is not supported.", None, "model_not_supported"), "invalid_request", NO,
     "model_not_supported", None),
    # Codex: WIRE 3.
    (429, {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus",
                     "resets_at": 1767225600, "resets_in_seconds": 3600}}, "quota", NO, "usage_limit_reached", 3600.0),
    (403, {"error": {"type": "usage_not_included", "message": "Not included."}}, "quota", NO, "usage_not_included",
     None),
    (400, {"detail": "Unsupported parameter: max_output_tokens"}, "invalid_request", NO, None, None),
    *[(429, {"error": {"code": code, "message": "Shared."}}, "quota", NO, code, None)
      for code in ("subscription_sharing_usage_limit_exceeded",
                   "subscription_sharing_workplace_individual_usage_limit_exceeded")],
    (429, {"error": {"type": "usage_not_included", "message": "Not included."}}, "quota", NO, "usage_not_included",
     None),
    (429, {"error": {"code": "rate_limit_exceeded", "message": "Later."}}, "rate_limit", YES, "rate_limit_exceeded",
     None),
    *[(None, {"code": code, "message": "Later."}, "overloaded", YES, code, None)
      for code in ("server_is_overloaded", "slow_down")],
    (None, {"code": "insufficient_quota", "message": "No."}, "quota", NO, "insufficient_quota", None),
    (None, {"code": "context_length_exceeded", "message": "No."}, "context_overflow", NO, "context_length_exceeded",
     None),
    (None, {"code": "usage_not_included", "message": "No."}, "quota", NO, "usage_not_included", None),
    # Anthropic: WIRE 4g.
    (400, anthropic("invalid_request_error", "max_tokens: too large"), "invalid_request", NO, "invalid_request_error",
     None),
    (400, anthropic("invalid_request_error", "Limit.", details={"error_code": "enforced_spend_limit_reached"}),
     "quota", NO, "invalid_request_error", None),
    (400, anthropic("invalid_request_error", "Limit.", details={"error_code": "contract_spend_limit_reached"}),
     "quota", NO, "invalid_request_error", None),
    (429, anthropic("rate_limit_error", "Slower.", details={"error_code": "ramp_limit_exceeded"}), "rate_limit", YES,
     "rate_limit_error", None),
    (400, anthropic("invalid_request_error", "Third-party apps now draw from your extra usage, not your plan limits."),
     "quota", NO, "invalid_request_error", None),
    (400, anthropic("invalid_request_error", "Your credit balance is too low to access the API."), "quota", NO,
     "invalid_request_error", None),
    (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
     "context_overflow", NO, "invalid_request_error", None),
    (400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 8 > 16"),
     "context_overflow", NO, "invalid_request_error", None),
    (401, anthropic("authentication_error", "invalid x-api-key"), "authentication", NO, "authentication_error", None),
    (402, anthropic("billing_error", "Pay."), "quota", NO, "billing_error", None),
    (403, anthropic("permission_error", "No."), "permission", NO, "permission_error", None),
    (404, anthropic("not_found_error", "model: x"), "not_found", NO, "not_found_error", None),
    (408, anthropic("timeout_error", "Late."), "timeout", YES, "timeout_error", None),
    (504, anthropic("timeout_error", "Late."), "timeout", YES, "timeout_error", None),
    (409, anthropic("conflict_error", "Busy."), "other", YES, "conflict_error", None),
    (413, anthropic("request_too_large", "Request exceeds the maximum size"), "context_overflow", NO,
     "request_too_large", None),
    (429, anthropic("rate_limit_error", "This request would exceed your rate limit of 1 input tokens per minute."),
     "rate_limit", YES, "rate_limit_error", None),
    (500, anthropic("api_error", "Internal server error"), "server", YES, "api_error", None),
    (529, anthropic("overloaded_error", "Overloaded"), "overloaded", YES, "overloaded_error", None),
    (200, anthropic("overloaded_error", "Overloaded"), "overloaded", YES, "overloaded_error", None),
    (200, anthropic("api_error", "Internal"), "server", YES, "api_error", None),
    # Google: WIRE 5g.
    (400, google(400, "INVALID_ARGUMENT", "Bad."), "invalid_request", NO, "INVALID_ARGUMENT", None),
    (400, google(400, "FAILED_PRECONDITION", "User location is not supported"), "invalid_request", NO,
     "FAILED_PRECONDITION", None),
    (400, google(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)"),
     "context_overflow", NO, "INVALID_ARGUMENT", None),
    (401, google(401, "UNAUTHENTICATED", "No."), "authentication", NO, "UNAUTHENTICATED", None),
    (403, google(403, "PERMISSION_DENIED", "Off.", reason("SERVICE_DISABLED")), "permission", NO, "PERMISSION_DENIED",
     None),
    (404, google(404, "NOT_FOUND", "No model."), "not_found", NO, "NOT_FOUND", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Later.", reason("RATE_LIMIT_EXCEEDED"), delay("34.07s")), "rate_limit",
     YES, "RESOURCE_EXHAUSTED", 34.07),
    (429, google(429, "RESOURCE_EXHAUSTED", "Later.", delay("900ms")), "rate_limit", YES, "RESOURCE_EXHAUSTED", 0.9),
    (429, google(429, "RESOURCE_EXHAUSTED", "Please retry in 12.3s."), "rate_limit", YES, "RESOURCE_EXHAUSTED", 12.3),
    (429, google(429, "RESOURCE_EXHAUSTED", "Used up. Your quota will reset after 18h31m10s.",
                 reason("QUOTA_EXHAUSTED")), "quota", NO, "RESOURCE_EXHAUSTED", 66670.0),
    (429, google(429, "RESOURCE_EXHAUSTED", "No capacity.", reason("MODEL_CAPACITY_EXHAUSTED")), "quota", NO,
     "RESOURCE_EXHAUSTED", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "No credit.", reason("INSUFFICIENT_G1_CREDITS_BALANCE")), "quota", NO,
     "RESOURCE_EXHAUSTED", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Day.", violated("GenerateRequestsPerDayPerProjectPerModel")), "quota", NO,
     "RESOURCE_EXHAUSTED", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Day.", violated("DailyTokens")), "quota", NO, "RESOURCE_EXHAUSTED", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Minute.", violated("GenerateRequestsPerMinute")), "rate_limit", YES,
     "RESOURCE_EXHAUSTED", 60.0),
    (429, google(429, "RESOURCE_EXHAUSTED", "Minute.", violated("GenerateRequestsPerMinute"), delay("7s")),
     "rate_limit", YES, "RESOURCE_EXHAUSTED", 7.0),
    (429, google(429, "RESOURCE_EXHAUSTED", "Day.", violated("GenerateRequestsPerDay"), delay("7s")), "quota", NO,
     "RESOURCE_EXHAUSTED", 7.0),
    (429, google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing "
                 "details.\n* Quota exceeded for metric: requests, limit: 20"), "rate_limit", YES, "RESOURCE_EXHAUSTED",
     None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Later.", reason("RATE_LIMIT_EXCEEDED")), "rate_limit", NO,
     "RESOURCE_EXHAUSTED", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Later.", {"reason": "RATE_LIMIT_EXCEEDED"}), "rate_limit", YES,
     "RESOURCE_EXHAUSTED", None),
    (400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason("API_KEY_INVALID")),
     "authentication", NO, "INVALID_ARGUMENT", None),
    (403, google(403, "PERMISSION_DENIED", "Verify your account.", reason("VALIDATION_REQUIRED")), "permission", NO,
     "PERMISSION_DENIED", None),
    (413, google(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."), "context_overflow", NO,
     "INVALID_ARGUMENT", None),
    (502, google(502, "UNAVAILABLE", "Bad gateway."), "overloaded", YES, "UNAVAILABLE", None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: x"), "quota", NO, "RESOURCE_EXHAUSTED",
     None),
    (499, google(499, "CANCELLED", "Cancelled."), "cancelled", YES, "CANCELLED", None),
    (500, google(500, "INTERNAL", "Oops."), "server", YES, "INTERNAL", None),
    (503, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", YES, "UNAVAILABLE", None),
    (504, google(504, "DEADLINE_EXCEEDED", "Late."), "timeout", YES, "DEADLINE_EXCEEDED", None),
    (200, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", YES, "UNAVAILABLE", None),
    # Statuses alone: WIRE 12.2.
    *[(status, None, "server", YES, None, None) for status in (500, 502, 520, 521, 522, 523, 524, 599)],
    (529, None, "overloaded", YES, None, None),
    (418, None, "invalid_request", NO, None, None),
    (425, None, "other", YES, None, None),
    (402, None, "quota", NO, None, None),
    (413, None, "context_overflow", NO, None, None),
    (304, None, "other", NO, None, None),
    (None, None, "other", NO, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "retryable", "code", "wait"), TABLE)
def test_an_error_is_what_the_table_says(
    status: int | None, body: Any, kind: str, retryable: bool, code: str | None, wait: float | None
) -> None:
    failure = failure_of(body, status=status)
    assert (failure.kind, failure.retryable, failure.code) == (kind, retryable, code)
    assert failure.retry_after == (None if wait is None else pytest.approx(wait))
    assert from_json(json.loads(json.dumps(failure.to_json()))) == failure


# WIRE 12.3, a text for each alternative, as the providers word it.
OVERFLOWS = """
prompt is too long: 200001 tokens > 200000 maximum
Prompt too long
prompt exceeds max length
request_too_large
Input is too long for requested model.
Your input exceeds the context window of this model
This exceeds the model's maximum context length of 4096 tokens
context window exceeded
The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).
This model's maximum prompt length is 131072 but the request contains 537812 tokens.
Please reduce the length of the messages or completion.
This endpoint's maximum context length is 65536 tokens.
exceeds the maximum allowed input length of 8000 tokens
The input (9000 tokens) is longer than the model's context length (8192 tokens).
prompt token count of 9000 exceeds the limit of 8192
the request exceeds the available context size, try increasing it
tokens to keep is greater than the context length
invalid params, context window exceeds limit
Your request exceeded model token limit: 131072
Prompt contains 9 tokens, too large for model with 8 maximum context length
model_context_window_exceeded
prompt too long; exceeded max context length by 4 tokens
Range of input length should be [1, 30720]
context_length_exceeded
Context length exceeded
input length and `max_tokens` exceed context limit: 1 + 2 > 2
prompt has 40000 tokens, but the configured context size is 32768
too many tokens
token limit exceeded
Please reduce the length of your prompt.
The input exceeds the maximum number of tokens.
""".strip().splitlines()


@pytest.mark.parametrize("text", OVERFLOWS)
def test_a_full_context_window_is_told_by_its_text(text: str) -> None:
    assert is_context_overflow(text)
    assert kind_of(400, ("invalid_request_error",), text) == "context_overflow"


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached: too many tokens per minute",
        "too many requests, token limit exceeded",
        "Throttling error: too many tokens, please wait",
        "Service unavailable: too many tokens",
        "Too many tokens per day, please wait before trying again.",
        "The number of tools exceeds the limit of 128",
        "Quota: token limit exceeded",
        "You said too little",
        "",
    ],
)
def test_a_limit_on_the_rate_is_no_full_context_window(text: str) -> None:
    assert not is_context_overflow(text)


def test_a_megabyte_of_half_a_text_takes_no_time() -> None:
    assert not is_context_overflow("input token count " * 60_000)
    assert failure_of({"message": "try again in " * 80_000}, status=429).retry_after is None


def test_the_message_is_found_wherever_it_stands() -> None:
    def said(error: Any, status: int | None = 400) -> str:
        return failure_of(error, status=status).message

    assert said(openai("A.")) == "A."
    assert said({"detail": "B."}) == "B."
    assert said({"error": "C."}) == "C."
    assert said({"msg": "D."}) == "D."
    assert said("E.") == "E."
    assert said({"detail": [{"msg": "F"}, {"msg": "G"}, {}]}) == "F; G"
    assert said({"type": "H"}) == "H"
    assert said({}) == "HTTP 400"
    assert said({}, None) == "the provider reported an error without a message"


def test_raw_is_the_inner_object_without_secrets() -> None:
    key = "sk-" + "x" * 24
    failure = failure_of(openai(f"Wrong key {key}", "t", hint=[key]), status=401)
    assert failure.raw == {"message": "Wrong key ***", "type": "t", "param": None, "code": None, "hint": ["***"]}
    assert key not in repr(failure) + json.dumps(failure.to_json())
    assert failure_of(None, status=500).raw is None


def test_an_error_is_unwrapped() -> None:
    assert unwrap_error([{"error": {"code": 1}}]) == {"code": 1}
    assert unwrap_error([1, 2]) == [1, 2]
    assert unwrap_error({"error": "text"}) == {"error": "text"}
    assert unwrap_error({"error": {}}) == {"error": {}}
    assert unwrap_error("text") == "text"


def test_the_default_is_the_kind_where_nothing_tells() -> None:
    assert failure_of({"message": "?"}, default="server").kind == "server"
    assert failure_of({"code": "invalid_api_key"}, default="server").kind == "authentication"
    assert failure_of({"code": "server_error"}, default="other").retryable


@pytest.mark.parametrize(
    ("said", "body", "retryable"),
    [
        ("true", openai("Bad."), True),
        ("false", openai("Bad.", "server_error"), False),
        (" True", openai("Bad."), True),
        ("maybe", openai("Bad.", "server_error"), True),
        ("true", openai("Pay.", "insufficient_quota"), False),
    ],
)
def test_the_server_may_say_whether_to_try_again(said: str, body: Any, retryable: bool) -> None:
    assert failure_of(body, status=400, headers=[("X-Should-Retry", said)]).retryable is retryable


def test_the_headers_of_a_success_say_nothing_of_an_error_in_its_body() -> None:
    """Recorded: Anthropic sends `retry-after` with a 200, and so does Hugging Face."""
    headers = [("retry-after", "58"), ("x-should-retry", "false")]
    for status in (None, 200):
        told = failure_of(anthropic("overloaded_error", "Overloaded"), status=status, headers=headers)
        assert (told.retryable, told.retry_after) == (True, None)
    told = failure_of(anthropic("overloaded_error", "Overloaded"), status=529, headers=headers)
    assert (told.retryable, told.retry_after) == (False, 58.0)


# --- waits -----------------------------------------------------------------------------------------------------------

NOON = 1767268800.0  # 2026-01-01 12:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("retry-after", "3")], 3.0),
        ([("Retry-After", " 2.5 ")], 2.5),
        ([("retry-after", "0")], 0.0),
        ([("retry-after-ms", "250")], 0.25),
        ([("retry-after-ms", "250"), ("retry-after", "9")], 0.25),
        ([("retry-after-ms", "soon"), ("retry-after", "9")], 9.0),
        ([("retry-after", "-1")], None),
        ([("retry-after", "soon")], None),
        ([("retry-after", "1e9")], None),
        ([("retry-after", "9" * 400)], None),
        ([("retry-after", "Thu, 01 Jan 2026 12:00:30 GMT")], 30.0),
        ([("retry-after", "Thu, 01 Jan 2026 11:59:30 GMT")], 0.0),
        ([("retry-after", "Thu, 01 Jan 2026 12:00:30 GMT"), ("date", "Thu, 01 Jan 2026 12:00:20 GMT")], 10.0),
        ([("retry-after", "Thu, 01 Jan 2026 12:00:30 GMT"), ("date", "now")], 30.0),
    ],
)
def test_how_long_the_server_asks_to_wait(headers: list[tuple[str, str]], seconds: float | None) -> None:
    assert retry_after(headers, NOON) == seconds


def test_a_date_without_any_clock_says_nothing() -> None:
    assert retry_after([("retry-after", "Thu, 01 Jan 2026 12:00:30 GMT")]) is None


def test_a_header_beats_what_the_body_asks() -> None:
    body = google(429, "RESOURCE_EXHAUSTED", "Please retry in 12.3s.", delay("34s"))
    assert failure_of(body, status=429, headers=[("retry-after", "5")]).retry_after == 5.0
    assert failure_of(body, status=429, headers=[("x-other", "5")]).retry_after == 34.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"details": [{"retryDelay": "soon"}], "message": "try again in 5 minutes"}, None),
        ({"details": [{"retryDelay": ""}, {"retryDelay": "2s"}]}, 2.0),
        ({"resets_in_seconds": -5}, None),
        ({"message": "Try again in 1h."}, 3600.0),
        ({"message": "Try again in 2 s."}, 2.0),
        ({"message": "Retry in a while, or reset after lunch."}, None),
    ],
)
def test_what_a_body_asks(body: Any, seconds: float | None) -> None:
    assert failure_of(body, status=429).retry_after == seconds
    assert failure_of(body, status=400).retry_after is None


# RFC 9110 5.6.7; the epoch and leap days by hand.
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800.0),
        ("Fri, 01 Mar 2024 00:00:00 GMT", 1709251200.0),
        ("Wednesday, 01-Jan-69 00:00:00 GMT", 3124224000.0),
        (" Thu, 01 Jan 1970 00:01:00 GMT ", 60.0),
        ("Thu, 01 Foo 1970 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 CET", None),
        ("1970-01-01", None),
        ("", None),
    ],
)
def test_dates_are_read_by_hand(text: str, seconds: float | None) -> None:
    assert http_date(text) == seconds


@pytest.mark.parametrize(
    "name", ["x-request-id", "Request-Id", "apim-request-id", "x-github-request-id", "x-generation-id"]
)
def test_the_request_id_is_in_whichever_header_the_provider_uses(name: str) -> None:
    assert request_id_of([("x-other", "o"), (name, "req-1")]) == "req-1"
    assert request_id_of([(name, "")]) is None


def test_an_error_holds_a_failure_and_a_response_or_neither() -> None:
    failure = Failure("server", "Oops.")
    assert LashError("Oops.", failure=failure).failure is failure
    assert (LashError().failure, LashError().response, str(LashError("x"))) == (None, None, "x")


def test_a_key_that_is_said_back_as_a_code_is_hidden() -> None:
    key = "sk-" + "a1" * 12
    failure = failure_of({"error": {"code": key}}, status=401)
    assert (failure.code, failure.message, failure.raw) == ("***", "***", {"code": "***"})
