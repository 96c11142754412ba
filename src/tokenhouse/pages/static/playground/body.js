// A conversation and its settings → what is sent. Two forms: OpenAI's, which is answered and shown as
// code, and Anthropic's, which counts tokens.

const NUMBERS = ["temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "top_k", "min_p", "repetition_penalty", "seed"];

/** What the settings leave unsaid, the model's own defaults decide. */
export function openaiBody(conversation, model, messages) {
  const settings = conversation.settings;
  const body = { model: model.id, messages: [] };
  if (settings.system.trim()) body.messages.push({ role: "system", content: settings.system });
  for (const message of messages) body.messages.push(...openaiMessages(message));
  for (const name of NUMBERS) if (settings[name] !== "") body[name] = Number(settings[name]);
  const stop = settings.stop.split("\n").filter((line) => line !== "");
  if (stop.length) body.stop = stop;
  if (model.reasoning && settings.reasoning_effort) body.reasoning_effort = settings.reasoning_effort;
  const tools = toolsOf(settings, model);
  if (tools.length) {
    body.tools = tools.map((tool) => ({ type: "function", function: tool }));
    if (settings.tool_choice !== "auto") body.tool_choice = settings.tool_choice;
  }
  if (model.json && settings.format === "json_object") body.response_format = { type: "json_object" };
  if (model.json && settings.format === "json_schema") {
    const schema = { name: "answer", schema: JSON.parse(settings.schema) };
    body.response_format = { type: "json_schema", json_schema: schema };
  }
  return body;
}

function openaiMessages(message) {
  if (message.role === "tool") {
    return [{ role: "tool", tool_call_id: message.id, content: message.text }];
  }
  if (message.role === "user") {
    if (!message.images?.length) return [{ role: "user", content: message.text }];
    const pictures = message.images.map((url) => ({ type: "image_url", image_url: { url } }));
    const text = message.text ? [{ type: "text", text: message.text }] : [];
    return [{ role: "user", content: [...text, ...pictures] }];
  }
  if (!message.text && !message.calls?.length) return [];
  const said = { role: "assistant", content: message.text || null };
  if (message.calls?.length) {
    said.tool_calls = message.calls.map(({ id, name, arguments: given }) => ({
      id,
      type: "function",
      function: { name, arguments: given || "{}" },
    }));
  }
  if (message.details?.length) said.reasoning_details = message.details;
  return [said];
}

export function toolsOf(settings, model) {
  if (!model.tools) return [];
  return settings.tools.map(({ name, description, parameters }) => ({
    name: name.trim(),
    ...(description.trim() ? { description } : {}),
    parameters: JSON.parse(parameters),
  }));
}

export function countBody(conversation, model, messages) {
  const settings = conversation.settings;
  const body = { model: model.id, messages: [] };
  if (settings.system.trim()) body.system = settings.system;
  const tools = toolsOf(settings, model);
  if (tools.length) {
    body.tools = tools.map(({ name, description, parameters }) => ({
      name,
      ...(description ? { description } : {}),
      input_schema: parameters,
    }));
  }
  for (const message of messages) {
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = blocksOf(message);
    if (!content.length) continue;
    const last = body.messages.at(-1);
    if (last?.role === role) last.content.push(...content);
    else body.messages.push({ role, content });
  }
  return body;
}

function blocksOf(message) {
  const blocks = [];
  if (message.role === "tool") {
    return [{ type: "tool_result", tool_use_id: message.id, content: message.text }];
  }
  if (message.text.trim()) blocks.push({ type: "text", text: message.text });
  for (const url of message.images ?? []) {
    const [, type, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url);
    blocks.push({ type: "image", source: { type: "base64", media_type: type, data } });
  }
  for (const { id, name, arguments: given } of message.calls ?? []) {
    blocks.push({ type: "tool_use", id, name, input: parsed(given) });
  }
  return blocks;
}

function parsed(text) {
  try {
    const value = JSON.parse(text || "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
