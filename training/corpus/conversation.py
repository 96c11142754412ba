"""What a sample of the corpus is: a conversation, and which of its messages are to be learnt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `id` is empty where the model is to write it (nine letters in history)."""

    name: str
    arguments: dict[str, Any]
    id: str = ""

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = {"name": self.name, "arguments": self.arguments}
        return row | {"id": self.id} if self.id else row


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `taught` marks the assistant's words that carry loss."""

    role: Role
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    taught: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages from the system prompt (if any) on, and the tools offered (OpenAI's rows)."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = field(default=())


def asked(text: str) -> Message:
    return Message("user", text)


def answered(text: str, *, taught: bool = True) -> Message:
    return Message("assistant", text, taught=taught)


def told(text: str) -> Message:
    return Message("system", text)
