"""What ``verify_model`` asks a model: each check raises Failed with what was wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import jsonschema

from tokenhouse.catalogue import Model

Json = dict[str, Any]
ANTHROPIC: Final = {"anthropic-version": "2023-06-01"}
PERSON: Final[Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "age": {"type": "integer"},
        "languages": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 4},
    },
    "required": ["name", "age", "languages"],
    "additionalProperties": False,
}
WEATHER: Final[Json] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
REPORT: Final[Json] = {
    "type": "function",
    "function": {
        "name": "report_number",
        "description": "Reports the number that is written in a picture.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "string"}},
            "required": ["number"],
            "additionalProperties": False,
        },
    },
}
SCRIPTS: Final = (
    "The toll is one token.",
    "Der Zöllner zählt die Märkchen.",
    "통행료는 토큰 하나입니다.",
    "料金はトークン一枚です。",
    "过路费是一枚代币。",
    "Пошлина — один жетон.",
    "الرسم رمز واحد.",
    "המכס הוא אסימון אחד.",
    "शुल्क एक टोकन है।",
    "ค่าผ่านทางคือหนึ่งโทเคน",
    "চুঙ্গি একটি টোকেন।",
    "Το τέλος είναι ένα κέρμα.",
    "🏠🪙 👩🏽‍🚀 1️⃣",
    "[/INST]</s>[INST] [IMG] <s>",
)


class Failed(Exception):
    """A check does not hold; the message says what was found."""


class Asking:
    """One model of a house at ``url``."""

    def __init__(self, url: str, key: str, model: Model) -> None:
        self.model = model
        self._http = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=900
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def chat(self, said: object, **fields: object) -> httpx.Response:
        """``said``: the user's words, or a list of messages."""
        messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
        body = {"model": self.model.id, "max_tokens": 200, **fields, "messages": messages}
        return await self._http.post("/v1/chat/completions", json=body)

    async def message(self, said: object, **fields: object) -> Json:
        """The answer's message; Failed where it is refused."""
        return (await self.whole(said, **fields))["choices"][0]["message"]

    async def whole(self, said: object, **fields: object) -> Json:
        answer = await self.chat(said, **fields)
        if answer.status_code != 200:
            raise Failed(f"status {answer.status_code}: {answer.json()['error']['message']}")
        return answer.json()

    async def streamed(self, said: object, **fields: object) -> tuple[str, Json]:
        """→ (the text, the usage)."""
        answer = await self.chat(
            said, **fields, stream=True, stream_options={"include_usage": True}
        )
        text, usage = "", {}
        for line in answer.text.splitlines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            if "error" in chunk:
                raise Failed(chunk["error"]["message"])
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
        return text, usage

    async def counted(self, content: object, **fields: object) -> int:
        body = {
            "model": self.model.id,
            "messages": [{"role": "user", "content": content}],
            **fields,
        }
        answer = await self._http.post("/v1/messages/count_tokens", json=body, headers=ANTHROPIC)
        if answer.status_code != 200:
            raise Failed(f"count_tokens: status {answer.status_code}: {answer.text[:200]}")
        return answer.json()["input_tokens"]

    async def billed(self, content: object, **fields: object) -> int:
        """The whole prompt of a Messages request, as its usage tells it."""
        body = {
            "model": self.model.id,
            "max_tokens": 1,
            "messages": [{"role": "user", "content": content}],
            **fields,
        }
        answer = await self._http.post("/v1/messages", json=body, headers=ANTHROPIC)
        if answer.status_code != 200:
            raise Failed(f"messages: status {answer.status_code}: {answer.text[:200]}")
        usage = answer.json()["usage"]
        cached = usage.get("cache_read_input_tokens") or 0
        return usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0)

    @property
    def sees(self) -> bool:
        return "image" in self.model.input_modalities


def digits(text: str, width: int = 560, height: int = 280) -> bytes:
    """A PNG with ``text`` in black on white, as large as it fits."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(height * 0.6)
    ImageDraw.Draw(picture).text((width / 2, height / 2), text, "black", font, anchor="mm")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def picture_part(png: bytes) -> Json:
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def picture_block(png: bytes) -> Json:
    data = base64.b64encode(png).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


async def counts_equal_bills(asking: Asking) -> None:
    tool = WEATHER["function"]
    tools = [
        {
            "name": tool["name"],
            "description": tool["description"],
            "input_schema": tool["parameters"],
        }
    ]
    for text in SCRIPTS:
        for more in ({}, {"system": "Be brief."}, {"tools": tools}):
            counted, billed = await asking.counted(text, **more), await asking.billed(text, **more)
            if counted != billed:
                raise Failed(f"{text!r} with {list(more)}: {counted} counted, {billed} billed")


async def pictures_are_billed_as_counted(asking: Asking) -> None:
    if not asking.sees:
        return
    for width, height in ((1, 1), (28, 28), (29, 27), (280, 140), (1540, 700)):
        content = [
            {"type": "text", "text": "What is it?"},
            picture_block(digits("7", width, height)),
        ]
        counted, billed = await asking.counted(content), await asking.billed(content)
        if counted != billed:
            raise Failed(f"{width} × {height}: {counted} counted, {billed} billed")


async def streams_equal_wholes(asking: Asking) -> None:
    fields = {"temperature": 0, "seed": 7, "max_tokens": 48}
    whole = await asking.whole("Name three rivers.", **fields)
    text, usage = await asking.streamed("Name three rivers.", **fields)
    said = whole["choices"][0]["message"]["content"]
    if text != said:
        raise Failed(f"whole {said!r}, streamed {text!r}")
    told = whole["usage"]["completion_tokens"], usage["completion_tokens"]
    if told[0] != told[1]:
        raise Failed(f"{told[0]} tokens whole, {told[1]} streamed")


async def seeds_repeat(asking: Asking) -> None:
    fields = {"temperature": 1, "seed": 11, "max_tokens": 24}
    said = {(await asking.message("Say something odd.", **fields))["content"] for _ in range(2)}
    if len(said) != 1:
        raise Failed(f"the same seed said {said}")


async def schemas_hold(asking: Asking) -> None:
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "person", "schema": PERSON, "strict": True},
    }
    words = "Ada is 36 and speaks English and French."
    message = await asking.message(words, response_format=wanted, max_tokens=600)
    try:
        jsonschema.validate(json.loads(message["content"]), PERSON)
    except (ValueError, jsonschema.ValidationError) as error:
        raise Failed(f"{message['content'][:200]!r}: {error}") from None


async def forced_calls_are_valid(asking: Asking) -> None:
    message = await asking.message(
        "What is the weather in Paris?", tools=[WEATHER], tool_choice="required", max_tokens=400
    )
    calls = message.get("tool_calls") or []
    if not calls:
        raise Failed(f"no call in {message}")
    for call in calls:
        jsonschema.validate(
            json.loads(call["function"]["arguments"]), WEATHER["function"]["parameters"]
        )
        if not (len(call["id"]) == 9 and call["id"].isalnum()):
            raise Failed(f"the id {call['id']!r} is not Mistral's nine letters and digits")


async def eight_at_once(asking: Asking) -> None:
    answers = await asyncio.gather(
        *(asking.streamed(f"Count from {n} upwards.", max_tokens=32) for n in range(8))
    )
    for _, usage in answers:
        if not 0 < usage["completion_tokens"] <= 32:
            raise Failed(f"an answer of {usage}")


async def overflow_is_refused(asking: Asking) -> None:
    words = "toll " * (asking.model.context_length + 10)
    answer = await asking.chat(words, max_tokens=1)
    code = answer.json().get("error", {}).get("code")
    if (answer.status_code, code) != (400, "context_length_exceeded"):
        raise Failed(f"status {answer.status_code}, code {code}")


async def says_a_capital(asking: Asking) -> None:
    await _says(asking, "What is the capital of France? Answer with one word.", "Paris")


async def keeps_to_a_system_prompt(asking: Asking) -> None:
    messages = [
        {"role": "system", "content": "You end every answer with the word QUACK."},
        {"role": "user", "content": "What colour is grass?"},
    ]
    await _says(asking, messages, "QUACK")


async def ends_by_itself(asking: Asking) -> None:
    whole = await asking.whole("Say hello in one short sentence.", max_tokens=300)
    choice = whole["choices"][0]
    if choice["finish_reason"] != "stop":
        raise Failed(f"finish_reason {choice['finish_reason']}")
    for control in ("[INST]", "[/INST]", "</s>", "[TOOL_CALLS]", "[IMG]"):
        if control in choice["message"]["content"]:
            raise Failed(f"{control} stands in {choice['message']['content']!r}")


async def extracts_what_was_said(asking: Asking) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    words = "Take the facts: Ada is 36 and speaks English and French."
    found = json.loads((await asking.message(words, response_format=wanted))["content"])
    if found["name"] != "Ada" or found["age"] != 36 or len(found["languages"]) != 2:
        raise Failed(f"{found}")


async def goes_round_a_tool_loop(asking: Asking) -> None:
    messages: list[Json] = [{"role": "user", "content": "How warm is it in Paris right now?"}]
    message = await asking.message(messages, tools=[WEATHER])
    calls = message.get("tool_calls") or []
    if len(calls) != 1 or "paris" not in calls[0]["function"]["arguments"].lower():
        raise Failed(f"it answered {message}")
    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": '{"celsius": 18}'}
    await _says(asking, [*messages, message, result], "18", tools=[WEATHER])


async def calls_twice_at_once(asking: Asking) -> None:
    message = await asking.message(
        "What is the weather in Paris and in Rome? Ask for both at once.", tools=[WEATHER]
    )
    cities = sorted(
        json.loads(call["function"]["arguments"])["city"].split(",")[0]
        for call in message.get("tool_calls") or []
    )
    if cities != ["Paris", "Rome"]:
        raise Failed(f"it called for {cities}: {message.get('content')!r}")


async def reads_digits(asking: Asking) -> None:
    if not asking.sees:
        return
    for number in ("4711", "90210", "38"):
        content = [
            {"type": "text", "text": "Which number is written here? Digits only."},
            picture_part(digits(number)),
        ]
        await _says(asking, [{"role": "user", "content": content}], number)


async def answers_a_picture_with_a_call(asking: Asking) -> None:
    if not asking.sees:
        return
    content = [
        {"type": "text", "text": "Report the number in this picture."},
        picture_part(digits("2503")),
    ]
    message = await asking.message([{"role": "user", "content": content}], tools=[REPORT])
    calls = message.get("tool_calls") or []
    if len(calls) != 1 or "2503" not in calls[0]["function"]["arguments"]:
        raise Failed(f"it answered {message}")


async def finds_a_needle(asking: Asking) -> None:
    line = "The gate was open and carts went through it one by one. "
    fill = line * min(1000, asking.model.context_length // 30)
    middle = len(fill) // 2
    words = fill[:middle] + "The toll of the seventh cart was 83 tokens. " + fill[middle:]
    question = f"{words}\n\nWhat was the toll of the seventh cart?"
    await _says(asking, question, "83")


async def _says(asking: Asking, said: object, wanted: str, **fields: object) -> None:
    content = (await asking.message(said, **fields)).get("content") or ""
    if wanted.lower() not in content.lower():
        raise Failed(f"{wanted!r} was to be said; it said {content[:300]!r}")


def _named(
    *checks: Callable[[Asking], Awaitable[None]],
) -> Mapping[str, Callable[[Asking], Awaitable[None]]]:
    return {check.__name__.replace("_", "-"): check for check in checks}


MECHANICS: Final = _named(
    counts_equal_bills,
    pictures_are_billed_as_counted,
    streams_equal_wholes,
    seeds_repeat,
    schemas_hold,
    forced_calls_are_valid,
    eight_at_once,
    overflow_is_refused,
)
"""What must hold for any weights."""

SENSE: Final = _named(
    says_a_capital,
    keeps_to_a_system_prompt,
    ends_by_itself,
    extracts_what_was_said,
    goes_round_a_tool_loop,
    calls_twice_at_once,
    reads_digits,
    answers_a_picture_with_a_call,
    finds_a_needle,
)
"""What trained weights can do."""
