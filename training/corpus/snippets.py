"""Snippets of code that the guide gives, filled with a house's URL and a model's id."""

from __future__ import annotations

from collections.abc import Mapping

PYTHON = """```python
from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="YOUR_API_KEY")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
)
print(answer.choices[0].message.content)
```"""

PYTHON_STREAM = """```python
from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key="YOUR_API_KEY")
stream = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")
```"""

JAVASCRIPT = """```javascript
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: "YOUR_API_KEY" }});
const answer = await client.chat.completions.create({{
  model: "{model}",
  messages: [{{ role: "user", content: "Hello!" }}],
}});
console.log(answer.choices[0].message.content);
```"""

CURL = """```bash
curl {url}/v1/chat/completions \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
```"""

PHP = """```php
$ch = curl_init("{url}/v1/chat/completions");
curl_setopt_array($ch, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => ["Authorization: Bearer YOUR_API_KEY", "Content-Type: application/json"],
    CURLOPT_POSTFIELDS => json_encode([
        "model" => "{model}",
        "messages" => [["role" => "user", "content" => "Hello!"]],
    ]),
]);
echo curl_exec($ch);
```"""

CLAUDE = """```python
from anthropic import Anthropic

client = Anthropic(base_url="{url}", api_key="YOUR_API_KEY")
answer = client.messages.create(
    model="{model}",
    max_tokens=200,
    messages=[{{"role": "user", "content": "Hello!"}}],
)
print(answer.content[0].text)
```"""

ALL = {
    "py": PYTHON,
    "pystream": PYTHON_STREAM,
    "js": JAVASCRIPT,
    "curl": CURL,
    "php": PHP,
    "claude": CLAUDE,
}


def snippets(url: str, model: str) -> Mapping[str, str]:
    """Every snippet for a house at `url`, under its slot's name."""
    return {name: text.format(url=url, model=model) for name, text in ALL.items()}


def bare_snippets() -> Mapping[str, str]:
    """The same for a house that is not in sight: what to fill in stands in capitals."""
    filled = {n + "0": t.format(url="YOUR_HOUSE_URL", model="MODEL_ID") for n, t in ALL.items()}
    note = "\nPut the URL of your house and a model's id in."
    return {name: text + note for name, text in filled.items()}
