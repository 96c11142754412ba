"""What an older Python SDK does against a house; run as a program with that SDK on its path.

``python clients_script.py URL KEY`` prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anthropic

SAID = "naïver 🦊 日本語"
TOOL: dict[str, Any] = {
    "name": "look",
    "description": "Look.",
    "input_schema": {"type": "object", "properties": {"heard": {"type": "string"}}},
}


def main(url: str, key: str) -> dict[str, Any]:
    client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    turn: Any = {"role": "user", "content": SAID}
    asked: dict[str, Any] = {"model": "echo", "max_tokens": 300, "messages": [turn]}
    forced: dict[str, Any] = {**asked, "tools": [TOOL], "tool_choice": {"type": "any"}}
    nobody: dict[str, Any] = {**asked, "model": "nobody"}
    warm: dict[str, Any] = {**asked, "temperature": 0.5}
    whole = client.messages.create(**warm)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    with client.messages.stream(**forced) as stream:
        called: Any = stream.get_final_message().content[-1]
    count = client.messages.count_tokens(model="echo", messages=[turn])
    try:
        client.messages.create(**nobody)
        refused = ""
    except anthropic.NotFoundError as error:
        refused = type(error).__name__
    return {
        "version": anthropic.__version__,
        "whole": getattr(whole.content[0], "text", ""),
        "streamed": getattr(streamed.content[0], "text", ""),
        "usages": [whole.usage.input_tokens, streamed.usage.input_tokens],
        "called": called.input,
        "counted": count.input_tokens > 0,
        "refused": refused,
        "models": [model.id for model in client.models.list()],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:3])))
