// The official JavaScript SDKs against a house, unmodified:
// `node test_js_sdks.mjs anthropic|openai TASK URL KEY MODULES` prints one JSON object.
// MODULES is the directory that they are installed in.
import { createRequire } from "node:module";

const [sdk, task, url, key, modules] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const SAID = "naïver 🦊 日本語";
const LOOK = {
  type: "object",
  properties: { heard: { type: "string" }, at: { type: "integer" } },
};
const PATIENCE = { maxRetries: 0, timeout: 60_000 };

/** What a call threw, as the SDK shows it; the part of the answer that had come before. */
async function thrown(asking, before = () => "") {
  try {
    await asking();
  } catch (error) {
    const { name } = error.constructor;
    const body = error.error ?? null;
    return {
      name,
      status: error.status ?? null,
      retryAfter: error.headers?.get("retry-after") ?? null,
      requestId: error.requestID ?? error.headers?.get("x-request-id") ?? null,
      message: String(body?.error?.message ?? body?.message ?? error.message),
      before: before(),
    };
  }
  return { name: "", before: before() };
}

function anthropic() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: url, apiKey: key, ...PATIENCE });
  const asked = (text, more = {}) => ({
    model: "echo",
    max_tokens: 300,
    messages: [{ role: "user", content: text }],
    ...more,
  });
  const tool = { name: "look", description: "Look.", input_schema: LOOK };
  // without what differs each time, and what only the accumulator adds
  const same = ({ id, usage, parsed_output, ...message }) => ({
    ...message,
    usage: { in: usage.input_tokens, out: usage.output_tokens },
    content: message.content.map(({ id, parsed_output, ...block }) => block),
  });
  const both = async (fields) => {
    const whole = await client.messages.create(fields);
    const streamed = await client.messages.stream(fields).finalMessage();
    return [same(whole), same(streamed)];
  };
  const text = (message) =>
    message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

  return {
    async answers() {
      const models = [];
      for await (const model of client.models.list({ limit: 1000 })) models.push(model.id);
      return {
        text: await both(asked(SAID)),
        cut: await both(asked(SAID, { max_tokens: 2 })),
        tool: await both(asked(SAID, { tools: [tool], tool_choice: { type: "any" } })),
        thought: await both(
          asked(SAID, { max_tokens: 4000, thinking: { type: "enabled", budget_tokens: 1024 } }),
        ),
        said: text(await client.messages.create(asked(SAID))),
        models,
      };
    },

    async counts() {
      const { max_tokens, ...fields } = asked(SAID, { tools: [tool] });
      const burst = Array.from({ length: 26 }, () => client.messages.countTokens(fields));
      const counted = new Set((await Promise.all(burst)).map((each) => each.input_tokens));
      return { counted: [...counted] };
    },

    async tools() {
      const ran = [];
      const asking = (stream) =>
        client.beta.messages.toolRunner({
          ...asked("look twice"),
          stream,
          tools: [{ ...tool, run: (input) => (ran.push(input), `seen at ${input.at}`) }],
        });
      const whole = await asking(false).runUntilDone();
      const runner = asking(true);
      let streamed = "";
      for await (const stream of runner) streamed = text(await stream.finalMessage());
      return { whole: text(whole), streamed, ran };
    },

    async errors() {
      const bad = new Anthropic({ baseURL: url, apiKey: "sk-wrong", ...PATIENCE });
      const ask = (said, more) => () => client.messages.create(asked(said, more));
      let heard = "";
      const breaking = () =>
        client.messages.stream(asked("break off")).on("text", (piece) => (heard += piece));
      return {
        unknown: await thrown(ask(SAID, { model: "nobody" })),
        key: await thrown(() => bad.messages.create(asked(SAID))),
        field: await thrown(ask(SAID, { max_tokens: -1 })),
        busy: await thrown(ask("slow down")),
        broken: await thrown(ask("fall over")),
        late: await thrown(() => breaking().finalMessage(), () => heard),
      };
    },

    async leaves() {
      const stream = client.messages.stream(asked("hold on"));
      return thrown(async () => {
        stream.on("text", () => stream.abort());
        await stream.finalMessage();
      });
    },
  };
}

function openai() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, ...PATIENCE });
  const chat = client.chat.completions;
  const asked = (text, more = {}) => ({
    model: "echo",
    messages: [{ role: "user", content: text }],
    ...more,
  });
  const tool = { type: "function", function: { name: "look", parameters: LOOK } };
  const same = ({ model, choices, usage }) => ({
    model,
    usage: { in: usage.prompt_tokens, out: usage.completion_tokens },
    choices: choices.map(({ finish_reason, message }) => ({
      finish_reason,
      content: message.content ?? null,
      reasoning: message.reasoning_content ?? null,
      calls: (message.tool_calls ?? []).map((call) => call.function),
    })),
  });
  const both = async (fields) => {
    const usage = { stream_options: { include_usage: true } };
    const whole = await chat.create(fields);
    const streamed = await chat.stream({ ...fields, ...usage }).finalChatCompletion();
    for (const call of streamed.choices[0].message.tool_calls ?? [])
      delete call.function.parsed_arguments;
    return [same(whole), same(streamed)];
  };

  return {
    async answers() {
      const models = [];
      for await (const model of client.models.list()) models.push(model.id);
      return {
        text: await both(asked(SAID)),
        cut: await both(asked(SAID, { max_tokens: 2 })),
        tool: await both(asked(SAID, { tools: [tool], tool_choice: "required" })),
        warm: await both(asked(SAID, { temperature: 0.3, top_p: 0.9 })),
        said: (await chat.create(asked(SAID))).choices[0].message.content,
        models,
      };
    },

    async tools() {
      const ran = [];
      const look = {
        type: "function",
        function: {
          name: "look",
          description: "Look.",
          parameters: LOOK,
          parse: JSON.parse,
          function: (input) => (ran.push(input), `seen at ${input.at}`),
        },
      };
      const fields = asked("look twice", { tools: [look] });
      return {
        whole: await chat.runTools(fields).finalContent(),
        streamed: await chat.runTools({ ...fields, stream: true }).finalContent(),
        ran,
      };
    },

    async errors() {
      const bad = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-wrong", ...PATIENCE });
      const ask = (said, more) => () => chat.create(asked(said, more));
      let heard = "";
      const breaking = () =>
        chat.stream(asked("break off")).on("content", (piece) => (heard += piece));
      return {
        unknown: await thrown(ask(SAID, { model: "nobody" })),
        key: await thrown(() => bad.chat.completions.create(asked(SAID))),
        field: await thrown(ask(SAID, { max_tokens: -1 })),
        busy: await thrown(ask("slow down")),
        broken: await thrown(ask("fall over")),
        late: await thrown(() => breaking().finalChatCompletion(), () => heard),
      };
    },

    async leaves() {
      const stream = chat.stream(asked("hold on"));
      return thrown(async () => {
        stream.on("content", () => stream.abort());
        await stream.finalChatCompletion();
      });
    },
  };
}

console.log(JSON.stringify(await { anthropic, openai }[sdk]()[task]()));
