// "View code": exactly this conversation, in four languages. The key is never in it.

const KEY = "YOUR_API_KEY";
const SDK = new Set([
  "model", "messages", "temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty",
  "seed", "stop", "reasoning_effort", "tools", "tool_choice", "response_format",
]);

/** → [[language, code], …] in the order of the tabs. */
export function snippets(url, body) {
  return [
    ["python", python(url, body)],
    ["javascript", javascript(url, body)],
    ["bash", curl(url, body)],
    ["php", php(url, body)],
  ];
}

function python(url, body) {
  const lines = ["from openai import OpenAI", ""];
  lines.push(`client = OpenAI(base_url="${url}/v1", api_key="${KEY}")`, "");
  lines.push("answer = client.chat.completions.create(");
  const extra = {};
  for (const [name, value] of Object.entries(body)) {
    if (SDK.has(name)) lines.push(`    ${name}=${pythonValue(value, 1)},`);
    else extra[name] = value;
  }
  if (Object.keys(extra).length) lines.push(`    extra_body=${pythonValue(extra, 1)},`);
  lines.push(")", "message = answer.choices[0].message");
  lines.push("print(message.tool_calls or message.content)");
  lines.push("print(answer.usage)  # usage.cost is what it cost, in dollars", "");
  return lines.join("\n");
}

const PYTHON = {
  plain: (value) => (value === null ? "None" : value === true ? "True" : value === false ? "False" : JSON.stringify(value)),
  list: ["[", "]"], map: ["{", "}"], colon: ": ", key: (key) => JSON.stringify(key), step: "    ",
  none: "{}",
};
const SCRIPT = {
  ...PYTHON,
  plain: (value) => JSON.stringify(value),
  key: (key) => (/^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key)),
  step: "  ",
};
const PHP = {
  plain: (value) => (typeof value === "string" ? phpText(value) : JSON.stringify(value)),
  list: ["[", "]"], map: ["[", "]"], colon: " => ", key: (key) => phpText(key), step: "    ",
  none: "new stdClass()",
};
const phpText = (text) => `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;

const pythonValue = (value, depth) => literal(value, PYTHON, depth);

/** A JSON value in a language's own words; what is short stands on one line. */
function literal(value, words, depth) {
  if (value === null || typeof value !== "object") return words.plain(value);
  const [open, close] = Array.isArray(value) ? words.list : words.map;
  const each = Array.isArray(value)
    ? value.map((inner) => literal(inner, words, depth + 1))
    : Object.entries(value).map(
        ([key, inner]) => words.key(key) + words.colon + literal(inner, words, depth + 1),
      );
  if (!each.length) return Array.isArray(value) ? "[]" : words.none;
  const spaced = words === SCRIPT && open === "{" ? " " : "";
  const line = open + spaced + each.join(", ") + spaced + close;
  if (line.length <= 72 && !line.includes("\n")) return line;
  const margin = words.step.repeat(depth + 1);
  return `${open}\n${each.map((item) => `${margin}${item},\n`).join("")}${words.step.repeat(depth)}${close}`;
}

function javascript(url, body) {
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${url}/v1", apiKey: "${KEY}" });

const answer = await client.chat.completions.create(${literalLines(body)});
const message = answer.choices[0].message;
console.log(message.tool_calls ?? message.content);
console.log(answer.usage); // usage.cost is what it cost, in dollars
`;
}

function literalLines(body) {
  const lines = Object.entries(body).map(
    ([key, value]) => `  ${SCRIPT.key(key)}: ${literal(value, SCRIPT, 1)},\n`,
  );
  return `{\n${lines.join("")}}`;
}

function curl(url, body) {
  const text = JSON.stringify(body, null, 2).replace(/'/g, "'\\''");
  return `curl ${url}/v1/chat/completions \\
  -H 'Authorization: Bearer ${KEY}' \\
  -H 'Content-Type: application/json' \\
  -d '${text}'
`;
}

function php(url, body) {
  return `<?php
$body = ${literal(body, PHP, 0)};
$context = stream_context_create([
    'http' => [
        'method' => 'POST',
        'header' => [
            'Authorization: Bearer ${KEY}',
            'Content-Type: application/json',
        ],
        'content' => json_encode($body),
        'ignore_errors' => true,
    ],
]);
echo file_get_contents('${url}/v1/chat/completions', false, $context), "\\n";
`;
}
