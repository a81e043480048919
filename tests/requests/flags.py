"""Flags of servers that nobody runs: every compat flag that changes a request, in any company that makes sense."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from .parts import Draw, rarely
from .targets import CHAT, GEMINI, MESSAGES, RESPONSES

_LEVELS: Final = st.sampled_from(
    [None, {"minimal": "low", "xhigh": "high", "max": "high"}, {"off": "none", "minimal": None, "max": None}]
)
_TEMPLATE: Final = {
    "enable_thinking": {"$var": "thinking.enabled"},
    "effort": {"$var": "thinking.effort", "omit_when_off": True},
    "budget": {"$var": "thinking.budget"},
    "keep": True,
}


@st.composite
def _chat(draw: Draw) -> dict[str, Any]:
    formats = ("openai", "openrouter", "deepseek", "zai", "together", "qwen", "qwen-chat-template", "string", "none")
    said: dict[str, Any] = {
        "thinking_format": draw(st.sampled_from([*formats, "chat-template", "baseten", "ant-ling"]))
    }
    if said["thinking_format"] in ("chat-template", "baseten"):
        said["template"] = _TEMPLATE
    said["effort_words"] = {"low": "low", "high": "high"} if said["thinking_format"] == "ant-ling" else draw(_LEVELS)
    for name, values in {
        "system_role": ("developer",),
        "max_tokens_field": ("max_tokens",),
        "usage_in_stream": (False,),
        "effort_beside_thinking": (True,),
        "budget_field": ("thinking_budget",),
        "replay_reasoning": (False,),
        "reasoning_as_text": (True,),
        "reasoning_content_required": (True,),
        "reasoning_filler": (" ",),
        "tool_result_name": (True,),
        "assistant_after_tool_result": (True,),
        "content_required": (True,),
        "tools_with_history": (True,),
        "tool_stream": (True,),
        "strict_tools": (False,),
        "custom_tools": (False,),
        "json_schema": (False,),
        "refuses": (("seed", "store"), ("logit_bias",)),
        "prompt_cache_key": (False,),
        "cache_marks": ("anthropic", "gemini", "openai"),
        "marker_ttl": (False,),
        "cache_lifetime": ("options", None),
        "session_headers": (("x-session-id", "x-session-affinity"),),
        "store": (False, True),
        "body": ({"provider": {"only": ["a"]}, "temperature": 0.5},),
        "demoted_reasoning": (False,),
    }.items():
        if rarely(draw, 4):
            said[name] = draw(st.sampled_from(values))
    if "store" in said.get("refuses", ()):
        said.pop("store", None)
    return said


@st.composite
def _some(draw: Draw, /, **values: tuple[Any, ...]) -> dict[str, Any]:
    """Some of these flags turned."""
    return {name: draw(st.sampled_from(of)) for name, of in values.items() if rarely(draw, 3)}


FLAGS: Final[dict[str, st.SearchStrategy[dict[str, Any]]]] = {
    CHAT: _chat(),
    RESPONSES: _some(
        system_role=("developer", "system"),
        default_instructions=("You are a helpful assistant.",),
        store=(None, True),
        encrypted_reasoning=(True, False),
        stream_only=(True,),
        strict_tools=(None, True),
        custom_tools=(False,),
        effort_words=({"off": None, "max": "xhigh"},),
        min_output_tokens=(100,),
        prompt_cache_key=(False,),
        cache_breakpoints=(True,),
        cache_lifetime=("options", None),
        headers=({"x-a": "1"},),
        session_headers=(("session-id",),),
        demoted_reasoning=(False,),
    ),
    MESSAGES: _some(
        adaptive_thinking=(False,),
        effort_words=({"off": None, "max": "xhigh"},),
        sampling=(False,),
        strict_tools=(False,),
        eager_input_streaming=(False,),
        tool_markers=(False,),
        marker_ttl=(False,),
        session_headers=(("x-session-id",),),
        demoted_reasoning=(True,),
    ),
    GEMINI: _some(
        json_schema=(False,),
        thinking=("budget",),
        call_ids_required=(True,),
        signature_sentinel=(False,),
        tool_result_parts=(False,),
        validated_mode=(False,),
        demoted_reasoning=(False,),
    ),
}
"""By dialect. GoogleCompat's `labels` and `server_tool_calls` are left as the codec has them: they tell Vertex and Code
Assist from the Gemini API, and each refuses the other's."""
