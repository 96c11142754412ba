"""The words of a conversation: messages, requests, events, usage. Pure frozen values.

Knows what is said and asked. Refuses to know how any protocol writes it (that is ``wire``), where a
model runs, what a token costs and who pays.
"""

from tokenhouse.chat.events import (
    CallDelta,
    CallStarted,
    ChoiceEnded,
    Event,
    Finished,
    FinishReason,
    LogProbs,
    Opened,
    Passed,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Whole,
)
from tokenhouse.chat.messages import (
    Call,
    CallPart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    ResultPart,
    Role,
    TextPart,
)
from tokenhouse.chat.request import (
    Conversation,
    Dialect,
    Request,
    ResponseFormat,
    Sampling,
    Sizes,
    Tool,
    ToolChoice,
)
from tokenhouse.chat.usage import NO_USAGE, Source, Usage, estimate_tokens

__all__ = [
    "NO_USAGE",
    "Call",
    "CallDelta",
    "CallPart",
    "CallStarted",
    "ChoiceEnded",
    "Conversation",
    "Dialect",
    "Event",
    "FinishReason",
    "Finished",
    "ImagePart",
    "LogProbs",
    "Message",
    "OpaquePart",
    "Opened",
    "Part",
    "Passed",
    "ReasoningDelta",
    "ReasoningPart",
    "RefusalDelta",
    "Request",
    "ResponseFormat",
    "ResultPart",
    "Role",
    "Sampling",
    "Sizes",
    "Source",
    "TextDelta",
    "TextPart",
    "Tool",
    "ToolChoice",
    "Usage",
    "Whole",
    "estimate_tokens",
]
