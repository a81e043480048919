"""The core of lash: requests become bytes and bytes become events. It decides everything and touches nothing.

Every public name can be had from here and is imported on first use (PEP 562): who decodes one dialect pays for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .admission import Limits as Limits
    from .codecs import CODECS as CODECS
    from .codecs.anthropic_messages.options import AnthropicOptions as AnthropicOptions
    from .codecs.google.options import GoogleOptions as GoogleOptions
    from .codecs.openai_completions.options import ChatOptions as ChatOptions
    from .codecs.openai_images.options import ImagesOptions as ImagesOptions
    from .codecs.openai_responses.options import ResponsesOptions as ResponsesOptions
    from .codecs.openrouter_images.options import OpenRouterImagesOptions as OpenRouterImagesOptions
    from .compat import AnthropicCompat as AnthropicCompat
    from .compat import ChatCompat as ChatCompat
    from .compat import GoogleCompat as GoogleCompat
    from .compat import ResponsesCompat as ResponsesCompat
    from .effects import Abort as Abort
    from .effects import AskHost as AskHost
    from .effects import CallHttp as CallHttp
    from .effects import RunTool as RunTool
    from .errors import APIConnectionError as APIConnectionError
    from .errors import APIError as APIError
    from .errors import APIStatusError as APIStatusError
    from .errors import APITimeoutError as APITimeoutError
    from .errors import AuthenticationError as AuthenticationError
    from .errors import BadRequestError as BadRequestError
    from .errors import ContextOverflowError as ContextOverflowError
    from .errors import InsecureRequest as InsecureRequest
    from .errors import InternalServerError as InternalServerError
    from .errors import MissingCredential as MissingCredential
    from .errors import NotFoundError as NotFoundError
    from .errors import OutputError as OutputError
    from .errors import OverloadedError as OverloadedError
    from .errors import PermissionDeniedError as PermissionDeniedError
    from .errors import QuotaExceededError as QuotaExceededError
    from .errors import RateLimitError as RateLimitError
    from .errors import StreamTruncatedError as StreamTruncatedError
    from .errors import UnsupportedRequest as UnsupportedRequest
    from .exchange import Exchange as Exchange
    from .failures import Failure as Failure
    from .failures import LashError as LashError
    from .failures import LocalProtocolError as LocalProtocolError
    from .failures import RemoteProtocolError as RemoteProtocolError
    from .handoff import Handoff as Handoff
    from .handoff import Loss as Loss
    from .happenings import BodyEnded as BodyEnded
    from .happenings import BodyReceived as BodyReceived
    from .happenings import Cancelled as Cancelled
    from .happenings import Connected as Connected
    from .happenings import Failed as Failed
    from .happenings import HeadReceived as HeadReceived
    from .happenings import HostAnswered as HostAnswered
    from .happenings import ToolReturned as ToolReturned
    from .happenings import Woke as Woke
    from .http import HttpRequest as HttpRequest
    from .http import ResponseHead as ResponseHead
    from .http1 import Http1Exchange as Http1Exchange
    from .machine import Done as Done
    from .machine import Ids as Ids
    from .machine import Machine as Machine
    from .messages import AssistantMessage as AssistantMessage
    from .messages import AudioPart as AudioPart
    from .messages import CustomMessage as CustomMessage
    from .messages import DocumentPart as DocumentPart
    from .messages import ImagePart as ImagePart
    from .messages import ImageRequest as ImageRequest
    from .messages import JsonObject as JsonObject
    from .messages import JsonSchema as JsonSchema
    from .messages import LlmRequest as LlmRequest
    from .messages import OpaquePart as OpaquePart
    from .messages import Origin as Origin
    from .messages import ProviderOptions as ProviderOptions
    from .messages import ProviderTool as ProviderTool
    from .messages import ReasoningPart as ReasoningPart
    from .messages import RefusalPart as RefusalPart
    from .messages import TextPart as TextPart
    from .messages import ToolCallPart as ToolCallPart
    from .messages import ToolDefinition as ToolDefinition
    from .messages import ToolResultMessage as ToolResultMessage
    from .messages import UserMessage as UserMessage
    from .models import Capability as Capability
    from .models import ModelSpec as ModelSpec
    from .models import nearest_level as nearest_level
    from .models import supported_levels as supported_levels
    from .prices import Cost as Cost
    from .prices import Prices as Prices
    from .prices import PriceTier as PriceTier
    from .replies import Attempt as Attempt
    from .replies import AttemptReset as AttemptReset
    from .replies import LlmResponse as LlmResponse
    from .replies import PartAdded as PartAdded
    from .replies import ReasoningDelta as ReasoningDelta
    from .replies import ReasoningEnd as ReasoningEnd
    from .replies import ReasoningStart as ReasoningStart
    from .replies import ResponseEnd as ResponseEnd
    from .replies import ResponseStart as ResponseStart
    from .replies import TextDelta as TextDelta
    from .replies import TextEnd as TextEnd
    from .replies import TextStart as TextStart
    from .replies import ToolCallDelta as ToolCallDelta
    from .replies import ToolCallEnd as ToolCallEnd
    from .replies import ToolCallStart as ToolCallStart
    from .replies import UsageUpdate as UsageUpdate
    from .schema import output_of as output_of
    from .schema import parse_output as parse_output
    from .schema import schema_of as schema_of
    from .tokens import estimate_tokens as estimate_tokens
    from .tokens import is_overflow as is_overflow
    from .tools import Tool as Tool
    from .tools import ToolArgumentsError as ToolArgumentsError
    from .tools import ToolCallError as ToolCallError
    from .tools import ToolContext as ToolContext
    from .tools import ToolResult as ToolResult
    from .tools import UnknownToolError as UnknownToolError
    from .tools import tool as tool
    from .tools import validate_tool_arguments as validate_tool_arguments
    from .tools import validate_tool_call as validate_tool_call
    from .usage import LlmUsage as LlmUsage
    from .values import UNSET as UNSET
    from .values import JsonFormError as JsonFormError
    from .values import Secret as Secret
    from .values import from_json as from_json
    from .values import to_json as to_json

_WHERE: dict[str, str] = {
    name: module
    for module, names in {
        "admission": "Limits",
        "codecs": "CODECS",
        "codecs.anthropic_messages.options": "AnthropicOptions",
        "codecs.google.options": "GoogleOptions",
        "codecs.openai_completions.options": "ChatOptions",
        "codecs.openai_images.options": "ImagesOptions",
        "codecs.openai_responses.options": "ResponsesOptions",
        "codecs.openrouter_images.options": "OpenRouterImagesOptions",
        "compat": "AnthropicCompat ChatCompat GoogleCompat ResponsesCompat",
        "effects": "Abort AskHost CallHttp RunTool",
        "errors": "APIConnectionError APIError APIStatusError APITimeoutError AuthenticationError BadRequestError"
        " ContextOverflowError InsecureRequest InternalServerError MissingCredential NotFoundError OutputError"
        " OverloadedError PermissionDeniedError QuotaExceededError RateLimitError StreamTruncatedError"
        " UnsupportedRequest",
        "exchange": "Exchange",
        "failures": "Failure LashError LocalProtocolError RemoteProtocolError",
        "handoff": "Handoff Loss",
        "happenings": "BodyEnded BodyReceived Cancelled Connected Failed HeadReceived HostAnswered ToolReturned Woke",
        "http": "HttpRequest ResponseHead",
        "http1": "Http1Exchange",
        "machine": "Done Ids Machine",
        "messages": "AssistantMessage AudioPart CustomMessage DocumentPart ImagePart ImageRequest JsonObject JsonSchema"
        " LlmRequest OpaquePart Origin ProviderOptions ProviderTool ReasoningPart RefusalPart TextPart ToolCallPart"
        " ToolDefinition ToolResultMessage UserMessage",
        "models": "Capability ModelSpec nearest_level supported_levels",
        "prices": "Cost PriceTier Prices",
        "replies": "Attempt AttemptReset LlmResponse PartAdded ReasoningDelta ReasoningEnd ReasoningStart ResponseEnd"
        " ResponseStart TextDelta TextEnd TextStart ToolCallDelta ToolCallEnd ToolCallStart UsageUpdate",
        "schema": "output_of parse_output schema_of",
        "tokens": "estimate_tokens is_overflow",
        "tools": "Tool ToolArgumentsError ToolCallError ToolContext ToolResult UnknownToolError tool"
        " validate_tool_arguments validate_tool_call",
        "usage": "LlmUsage",
        "values": "UNSET JsonFormError Secret from_json to_json",
    }.items()
    for name in names.split()
}

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Abort",
    "AnthropicCompat",
    "AnthropicOptions",
    "AskHost",
    "AssistantMessage",
    "Attempt",
    "AttemptReset",
    "AudioPart",
    "AuthenticationError",
    "BadRequestError",
    "BodyEnded",
    "BodyReceived",
    "CODECS",
    "CallHttp",
    "Cancelled",
    "Capability",
    "ChatCompat",
    "ChatOptions",
    "Connected",
    "Cost",
    "ContextOverflowError",
    "CustomMessage",
    "DocumentPart",
    "Done",
    "Exchange",
    "Failed",
    "Failure",
    "GoogleCompat",
    "GoogleOptions",
    "Handoff",
    "HeadReceived",
    "HostAnswered",
    "Http1Exchange",
    "HttpRequest",
    "Ids",
    "ImagePart",
    "ImageRequest",
    "ImagesOptions",
    "InsecureRequest",
    "InternalServerError",
    "JsonFormError",
    "JsonObject",
    "JsonSchema",
    "LashError",
    "Limits",
    "LlmRequest",
    "LlmResponse",
    "LlmUsage",
    "LocalProtocolError",
    "Loss",
    "Machine",
    "MissingCredential",
    "ModelSpec",
    "NotFoundError",
    "OpaquePart",
    "OpenRouterImagesOptions",
    "Origin",
    "OutputError",
    "OverloadedError",
    "PartAdded",
    "PermissionDeniedError",
    "PriceTier",
    "Prices",
    "ProviderOptions",
    "ProviderTool",
    "QuotaExceededError",
    "RateLimitError",
    "ReasoningDelta",
    "ReasoningEnd",
    "ReasoningPart",
    "ReasoningStart",
    "RefusalPart",
    "RemoteProtocolError",
    "ResponseEnd",
    "ResponseHead",
    "ResponseStart",
    "ResponsesCompat",
    "ResponsesOptions",
    "RunTool",
    "Secret",
    "StreamTruncatedError",
    "TextDelta",
    "TextEnd",
    "TextPart",
    "TextStart",
    "Tool",
    "ToolArgumentsError",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallError",
    "ToolCallPart",
    "ToolCallStart",
    "ToolContext",
    "ToolDefinition",
    "ToolResult",
    "ToolResultMessage",
    "ToolReturned",
    "UNSET",
    "UnknownToolError",
    "UnsupportedRequest",
    "UsageUpdate",
    "UserMessage",
    "Woke",
    "__version__",
    "estimate_tokens",
    "from_json",
    "is_overflow",
    "nearest_level",
    "output_of",
    "parse_output",
    "schema_of",
    "supported_levels",
    "to_json",
    "tool",
    "validate_tool_arguments",
    "validate_tool_call",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
