"""Quick starts: the same question in four languages, by SDK and by plain HTTP. Run by the tests as they
are printed, but for the key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tokenhouse.catalogue import Model
from tokenhouse.pages.site import Site

KEY: Final = "YOUR_API_KEY"
MAX_TOKENS: Final = 1000


@dataclass(frozen=True, slots=True)
class Snippet:
    """``language``: what colours it. ``install``: what has to be there first, as a command."""

    way: str
    language: str
    code: str
    install: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One language of the quick start, in all its ways."""

    name: str
    snippets: tuple[Snippet, ...]


def quick_start(model: Model, site: Site) -> tuple[Tab, ...]:
    """Python, JavaScript, cURL and PHP. Ways that this house doesn't serve are not shown."""
    words = _Words(model.id, site, min(MAX_TOKENS, model.max_output_tokens))
    return (
        Tab("Python", tuple(_python(words))),
        Tab("JavaScript", tuple(_javascript(words))),
        Tab("cURL", tuple(_curl(words))),
        Tab("PHP", tuple(_php(words))),
    )


def quick_lines(model: Model, site: Site, key: str) -> tuple[Snippet, ...]:
    """One call by curl, and by each SDK in Python, with ``key`` in it: to be pasted as it stands."""
    words = _Words(model.id, site, min(MAX_TOKENS, model.max_output_tokens))
    chosen = (next(_curl(words)), *(each for each in _python(words) if each.install))
    return tuple(replace(each, code=each.code.replace(KEY, key)) for each in chosen)


@dataclass(frozen=True, slots=True)
class _Words:
    model: str
    site: Site
    max_tokens: int

    def body(self, **more: object) -> str:
        """The plain request, as JSON over several lines."""
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Hello!"}],
            "max_tokens": self.max_tokens,
            **more,
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in body.items()]
        return "{\n" + ",\n".join(lines) + "\n}"


def _python(words: _Words) -> Iterator[Snippet]:
    url, model, most = words.site.url, words.model, words.max_tokens
    yield Snippet(
        "OpenAI SDK",
        "python",
        f"""\
from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="{KEY}")

answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
    max_tokens={most},
)
print(answer.choices[0].message.content)
print(answer.usage)  # usage.cost is what it cost, in dollars
""",
        "pip install openai",
    )
    if words.site.has_messages:
        yield Snippet(
            "Anthropic SDK",
            "python",
            f"""\
from anthropic import Anthropic

client = Anthropic(base_url="{url}", api_key="{KEY}")

message = client.messages.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
    max_tokens={most},
)
print(message.content[0].text)
print(message.usage)
""",
            "pip install anthropic",
        )
    yield _python_plain(words)


def _python_plain(words: _Words) -> Snippet:
    url, model, most = words.site.url, words.model, words.max_tokens
    return Snippet(
        "Plain HTTP",
        "python",
        f"""\
import json
import urllib.request

body = {{
    "model": "{model}",
    "messages": [{{"role": "user", "content": "Hello!"}}],
    "max_tokens": {most},
}}
request = urllib.request.Request(
    "{url}/v1/chat/completions",
    data=json.dumps(body).encode(),
    headers={{
        "Authorization": "Bearer {KEY}",
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request) as response:
    print(json.dumps(json.load(response), indent=2))
""",
    )


def _javascript(words: _Words) -> Iterator[Snippet]:
    url, model, most = words.site.url, words.model, words.max_tokens
    yield Snippet(
        "OpenAI SDK",
        "javascript",
        f"""\
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "{KEY}" }});

const answer = await client.chat.completions.create({{
  model: "{model}",
  messages: [{{ role: "user", content: "Hello!" }}],
  max_tokens: {most},
}});
console.log(answer.choices[0].message.content);
console.log(answer.usage); // usage.cost is what it cost, in dollars
""",
        "npm install openai",
    )
    if words.site.has_messages:
        yield Snippet(
            "Anthropic SDK",
            "javascript",
            f"""\
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{ baseURL: "{url}", apiKey: "{KEY}" }});

const message = await client.messages.create({{
  model: "{model}",
  messages: [{{ role: "user", content: "Hello!" }}],
  max_tokens: {most},
}});
console.log(message.content[0].text);
console.log(message.usage);
""",
            "npm install @anthropic-ai/sdk",
        )
    yield Snippet(
        "Plain HTTP",
        "javascript",
        f"""\
const response = await fetch("{url}/v1/chat/completions", {{
  method: "POST",
  headers: {{
    Authorization: "Bearer {KEY}",
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    model: "{model}",
    messages: [{{ role: "user", content: "Hello!" }}],
    max_tokens: {most},
  }}),
}});
console.log(JSON.stringify(await response.json(), null, 2));
""",
    )


def _curl(words: _Words) -> Iterator[Snippet]:
    url = words.site.url
    json_type = "-H 'Content-Type: application/json'"
    yield Snippet(
        "OpenAI protocol",
        "bash",
        f"""\
curl {url}/v1/chat/completions \\
  -H 'Authorization: Bearer {KEY}' \\
  {json_type} \\
  -d '{words.body()}'
""",
    )
    if words.site.has_messages:
        yield Snippet(
            "Anthropic protocol",
            "bash",
            f"""\
curl {url}/v1/messages \\
  -H 'x-api-key: {KEY}' \\
  -H 'anthropic-version: 2023-06-01' \\
  {json_type} \\
  -d '{words.body()}'
""",
        )
    yield Snippet(
        "Streamed",
        "bash",
        f"""\
curl --no-buffer {url}/v1/chat/completions \\
  -H 'Authorization: Bearer {KEY}' \\
  {json_type} \\
  -d '{words.body(stream=True)}'
""",
    )


def _php(words: _Words) -> Iterator[Snippet]:
    yield Snippet("OpenAI protocol", "php", _php_post(words, "/v1/chat/completions", _BEARER))
    if words.site.has_messages:
        yield Snippet("Anthropic protocol", "php", _php_post(words, "/v1/messages", _X_API_KEY))


_BEARER: Final = (f"Authorization: Bearer {KEY}",)
_X_API_KEY: Final = (f"x-api-key: {KEY}", "anthropic-version: 2023-06-01")


def _php_post(words: _Words, path: str, headers: tuple[str, ...]) -> str:
    lines = [f"            '{header}'," for header in (*headers, "Content-Type: application/json")]
    return f"""\
<?php
$body = [
    'model' => '{words.model}',
    'messages' => [['role' => 'user', 'content' => 'Hello!']],
    'max_tokens' => {words.max_tokens},
];
$context = stream_context_create([
    'http' => [
        'method' => 'POST',
        'header' => [
{chr(10).join(lines)}
        ],
        'content' => json_encode($body),
        'ignore_errors' => true,
    ],
]);
echo file_get_contents('{words.site.url}{path}', false, $context), "\\n";
"""
