// What the JavaScript SDKs do against a house: `node clients_script.mjs anthropic|openai URL KEY MODULES`
// prints one JSON object. MODULES is the directory that they are installed in.
import { createRequire } from "node:module";

const [sdk, url, key, modules] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const SAID = "naïver 🦊 日本語";
const SCHEMA = { type: "object", properties: { heard: { type: "string" } } };

async function anthropic() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const messages = [{ role: "user", content: SAID }];
  const asked = { model: "echo", max_tokens: 300, messages };
  const tool = { name: "look", description: "Look.", input_schema: SCHEMA };
  const whole = await client.messages.create(asked);
  const streamed = await client.messages.stream(asked).finalMessage();
  const forced = { ...asked, tools: [tool], tool_choice: { type: "any" } };
  const called = (await client.messages.stream(forced).finalMessage()).content.at(-1);
  const count = await client.messages.countTokens({ model: "echo", messages });
  const refused = await client.messages.create({ ...asked, model: "nobody" }).catch((error) => error);
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  return {
    whole: whole.content[0].text,
    streamed: streamed.content[0].text,
    usages: [whole.usage.input_tokens, streamed.usage.input_tokens],
    called: called.input,
    counted: count.input_tokens > 0,
    refused: refused.constructor.name,
    models,
  };
}

async function openai() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const chat = client.chat.completions;
  const asked = { model: "echo", messages: [{ role: "user", content: SAID }] };
  const usage = { stream_options: { include_usage: true } };
  const tool = { type: "function", function: { name: "look", parameters: SCHEMA } };
  const whole = await chat.create(asked);
  const streamed = await chat.stream({ ...asked, ...usage }).finalChatCompletion();
  const forced = { ...asked, tools: [tool], tool_choice: "required" };
  const called = (await chat.stream(forced).finalChatCompletion()).choices[0].message.tool_calls[0];
  const refused = await chat.create({ ...asked, model: "nobody" }).catch((error) => error);
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  return {
    whole: whole.choices[0].message.content,
    streamed: streamed.choices[0].message.content,
    usages: [whole.usage.prompt_tokens, streamed.usage.prompt_tokens],
    called: JSON.parse(called.function.arguments),
    counted: true,
    refused: refused.constructor.name,
    models,
  };
}

console.log(JSON.stringify(await { anthropic, openai }[sdk]()));
