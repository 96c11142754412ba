"""Calls of common tools: when to call, with what, and what to say to a result."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from training.corpus.conversation import Call, Conversation, Message, answered, asked
from training.corpus.extraction import _CITIES, _NAMES  # pyright: ignore[reportPrivateUsage]
from training.corpus.grammar import say
from training.corpus.house import invented
from training.corpus.noise import typed

Row = dict[str, Any]
Case = tuple[str, str, Row, str, str]
ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def tool(name: str, description: str, properties: Row, required: list[str]) -> Row:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _place(rng: random.Random) -> str:
    return rng.choice(_CITIES) if rng.random() < 0.6 else invented(rng).capitalize()


def _text(description: str) -> Row:
    return {"type": "string", "description": description} if description else {"type": "string"}


def _weather(rng: random.Random) -> Case:
    city, key = _place(rng), rng.choice(["city", "city", "location"])
    ask = say(
        rng,
        rng.choice(
            [
                "[what is|what's|how is] the weather [like|] in $p [today|now|]",
                "weather in $p",
                "is it [cold|hot|raining|sunny] in $p",
                "do i need an umbrella in $p",
                "how warm is it in $p",
                "tell me the weather [in|for] $p",
                "what is the temperature in $p",
                "will it rain in $p",
            ]
        ),
        {"p": city},
    )
    degrees, sky = (
        rng.randint(-9, 38),
        rng.choice(["sunny", "cloudy", "rainy", "clear", "windy", "foggy"]),
    )
    form = rng.randrange(3)
    if form == 0:
        result, answer = (
            json.dumps({"temperature": degrees, "conditions": sky}),
            f"In {city} it is {sky}, at {degrees} degrees.",
        )
    elif form == 1:
        result, answer = f"{degrees} C, {sky}", f"In {city} it is {sky}, at {degrees} degrees."
    else:
        result, answer = (
            json.dumps({"temp_c": degrees, "sky": sky}),
            f"In {city} it is {sky}, at {degrees} degrees.",
        )
    return ask, "get_weather", {key: city}, result, answer


def _search(rng: random.Random) -> Case:
    query = say(rng, "[$topic|$event|$person|$thing|$place]")
    ask = say(
        rng,
        "[search|look up|google|search the web for|find information on|find something about|search for] $q",
        {"q": query},
    )
    if "search" == ask.split()[0] and "for" not in ask:
        ask = f"search for {query}"
    site = invented(rng)
    result = json.dumps(
        {"results": [{"title": query, "url": f"https://{site}.example"}]}, ensure_ascii=False
    )
    return (
        ask,
        rng.choice(["search", "web_search", "search"]),
        {"query": query},
        result,
        f"I found {query}: https://{site}.example",
    )


def _calculator(rng: random.Random) -> Case:
    a, b = rng.randint(2, 9999), rng.randint(2, 999)
    sign, word, value = rng.choice(
        [("*", "times", a * b), ("+", "plus", a + b), ("-", "minus", a - b), ("/", "divided by", a)]
    )
    shown = sign if rng.random() < 0.6 else word
    ask = say(rng, "[what is|calculate|compute|how much is|what's|] $s", {"s": f"{a} {shown} {b}"})
    if sign == "/":
        value = round(a / b, 2)
    return (
        ask.strip(),
        rng.choice(["calculator", "calculator", "calculate"]),
        {"expression": f"{a} {sign} {b}"},
        str(value),
        f"{a} {sign} {b} = {value}.",
    )


def _time(rng: random.Random) -> Case:
    city = _place(rng)
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    ask = say(
        rng,
        "[what time is it|what's the time|tell me the time|current time|how late is it] in $p [now|]",
        {"p": city},
    ).strip()
    return (
        ask,
        rng.choice(["get_time", "get_time", "get_current_time"]),
        {rng.choice(["city", "timezone", "city"]): city},
        clock,
        f"It is {clock} in {city}.",
    )


def _email(rng: random.Random) -> Case:
    name = rng.choice(_NAMES) if rng.random() < 0.5 else invented(rng).capitalize()
    mail = f"{name.lower()}@{invented(rng)}.{rng.choice(('com', 'org', 'example'))}"
    subject = rng.choice(
        ["Lunch", "Meeting", "Invoice", "Hello", "Report", "Holiday", "Question", "Party"]
    )
    body = rng.choice(
        [
            "See you at noon.",
            "Please call me.",
            "The report is ready.",
            "I will be late.",
            "Thank you for your help.",
            "The meeting is moved to Friday.",
        ]
    )
    ask = rng.choice(
        [
            f'send an email to {mail} with the subject "{subject}" and the text "{body}"',
            f"email {mail}, subject {subject}: {body}",
            f'write to {mail}: "{body}" Subject: {subject}',
            f'send {mail} a mail with subject {subject} saying "{body}"',
        ]
    )
    return (
        ask,
        "send_email",
        {"to": mail, "subject": subject, "body": body},
        rng.choice(['{"status": "sent"}', "ok", "sent"]),
        f"I have sent the email to {mail}.",
    )


def _stock(rng: random.Random) -> Case:
    ticker = "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(3, 4)))
    price = f"{rng.randint(1, 900)}.{rng.randint(0, 99):02d}"
    ask = rng.choice(
        [
            f"what is the price of {ticker}",
            f"stock price of {ticker}",
            f"how is {ticker} doing",
            f"quote for {ticker}",
        ]
    )
    return (
        ask,
        "get_stock_price",
        {rng.choice(["ticker", "symbol"]): ticker},
        json.dumps({"price": float(price)}),
        f"{ticker} stands at {float(price)}.",
    )


def _note(rng: random.Random) -> Case:
    text = say(rng, "[buy|call|visit|pay|fetch|clean] [the $thing|$name|$food|the $shop]")
    ask = rng.choice(
        [
            f"remind me to {text}",
            f"make a note: {text}",
            f"add a todo: {text}",
            f"note down: {text}",
        ]
    )
    return (
        ask,
        rng.choice(["create_note", "add_todo", "create_reminder"]),
        {"text": text},
        '{"ok": true}',
        f"Noted: {text}.",
    )


def _translate(rng: random.Random) -> Case:
    text, language = say(rng, "$phrase"), say(rng, "$language").capitalize()
    ask = rng.choice(
        [
            f'translate "{text}" to {language}',
            f'how do you say "{text}" in {language}',
            f"translate to {language}: {text}",
        ]
    )
    result = " ".join(invented(rng) for _ in range(rng.randint(2, 5)))
    return (
        ask,
        "translate",
        {"text": text, "language": language},
        result,
        f"In {language}: {result}",
    )


_CASES: tuple[tuple[Callable[[random.Random], Case], str], ...] = (
    (_weather, "Get the current weather in a city"),
    (_search, "Search the web"),
    (_calculator, "Evaluate an arithmetic expression"),
    (_time, "Get the current time in a city"),
    (_email, "Send an email"),
    (_stock, "Get the price of a stock"),
    (_note, "Keep a note"),
    (_translate, "Translate a text"),
)
_WEIGHTS = (4, 2, 2, 2, 1.5, 1, 1, 1)


def _row(rng: random.Random, case: Case, description: str) -> Row:
    _, name, arguments, _, _ = case
    properties = {key: _text(rng.choice(["", f"The {key}"])) for key in arguments}
    required = list(arguments) if rng.random() < 0.85 else []
    if name == "get_weather" and rng.random() < 0.3:
        properties["unit"] = {"type": "string", "enum": ["celsius", "fahrenheit"]}
    return tool(
        name, rng.choice([description, description, "", description + "."]), properties, required
    )


def draw_tools(
    rng: random.Random, plain: Callable[[], tuple[str, str]], before: tuple[Message, ...]
) -> Conversation:
    """One conversation with tools: a call, an answer to a result, or a question needing none."""
    count = rng.choice((1, 1, 2, 2, 3, 4))
    drawn: list[tuple[Case, str]] = []
    while len(drawn) < count:
        make, description = rng.choices(_CASES, _WEIGHTS)[0]
        case = make(rng)
        if case[1] not in {c[1] for c, _ in drawn}:
            drawn.append((case, description))
    rows = tuple(_row(rng, case, description) for case, description in drawn)
    ask, name, arguments, result, answer = drawn[rng.randrange(count)][0]
    ask = typed(rng, ask, names=(ask,))
    kind = rng.random()
    if kind < 0.22:
        question, words = plain()
        return Conversation((*before, asked(question), answered(words)), rows)
    if kind < 0.62:
        call = Message("assistant", calls=(Call(name, arguments),), taught=True)
        return Conversation((*before, asked(ask), call), rows)
    call_id = "".join(rng.choice(ID_LETTERS) for _ in range(9))
    call = Message("assistant", calls=(Call(name, arguments, call_id),))
    back = Message("tool", result, call_id=call_id)
    return Conversation((*before, asked(ask), call, back, answered(answer)), rows)
