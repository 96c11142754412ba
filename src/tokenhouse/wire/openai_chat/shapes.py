"""The chat-completions request as OpenAI writes it, typed and with its ranges. Unknown fields pass."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Positive = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]


class CacheControl(Struct, gc=False):
    type: str | None = None
    ttl: str | None = None


class ImageUrl(Struct, gc=False):
    url: Text
    detail: str | None = None


class FileShape(Struct, gc=False):
    """A file that the provider keeps (``file_id``), or its content as a data: address."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class ContentPart(Struct):
    """``text``, ``image_url``, ``refusal``, or a kind of its own (its raw JSON is kept elsewhere)."""

    type: str
    text: str | None = None
    image_url: str | ImageUrl | None = None
    refusal: str | None = None
    file: FileShape | None = None
    cache_control: CacheControl | None = None


class Called(Struct, gc=False):
    name: Text
    arguments: str | None = None


class ToolCall(Struct):
    id: Text
    type: str | None = None
    function: Called | None = None


class StoredAudio(Struct, gc=False):
    id: str | None = None


class ChatMessage(Struct):
    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: Called | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: Raw = Raw()
    audio: StoredAudio | None = None
    prefix: bool | None = None


class FunctionShape(Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class ToolShape(Struct):
    type: str | None = None
    function: FunctionShape | None = None
    cache_control: CacheControl | None = None


class NamedFunction(Struct, gc=False):
    name: Text


class AllowedTool(Struct, gc=False):
    type: str | None = None
    function: NamedFunction | None = None


class AllowedTools(Struct):
    tools: Annotated[list[AllowedTool], Meta(min_length=1)]
    mode: str = "auto"


class NamedChoice(Struct):
    """A function's name, or (``allowed_tools``) the tools among which the model may choose now."""

    type: str | None = None
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(Struct):
    name: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class FormatShape(Struct):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


class ChatBody(Struct, kw_only=True):
    """The whole body. None is null or absent, which OpenAI treats alike."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    model: str | None = None
    model_id: str | None = None
    stream: bool | None = None
    streaming: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    min_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Meta(gt=0, le=2)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Meta(max_length=16)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: FormatShape | None = None
    tools: list[ToolShape] | None = None
    tool_choice: str | NamedChoice | None = None
    functions: list[FunctionShape] | None = None
    function_call: str | NamedFunction | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    metadata: dict[str, Raw] | None = None
    store: bool | None = None
    service_tier: str | None = None
    modalities: list[str] | None = None
    continue_final_message: bool | None = None
    cache_control: CacheControl | None = None
    verbosity: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
