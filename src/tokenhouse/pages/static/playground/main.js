// The playground: one conversation at a time, asked over the public API with the visitor's own key.
import { priceOf, usd } from "../js/money.js";
import { Problem, ask, receipt, redeem, visit } from "./api.js";
import { countBody, openaiBody } from "./body.js";
import { highlight } from "./code.js";
import { Composer } from "./composer.js";
import { showList } from "./conversations.js";
import { byId, snippet } from "./dom.js";
import { Settings, firstSettings } from "./settings.js";
import { snippets } from "./snippets.js";
import { Shelf, readKey, writeKey } from "./store.js";
import { Transcript, nano } from "./transcript.js";

const root = byId("playground");
let code = takeCode();
const models = new Map(
  JSON.parse(root.dataset.models).map((model) => [model.id, { ...model, rates: priceOf(model.rates) }]),
);
const chooser = byId("pg-model");
const OPEN = "tokenhouse.open";

let shelf = null;
let conversation = null;
let busy = null;

const key = () => byId("pg-key").value.trim();
const model = () => models.get(conversation.model);

const settings = new Settings(() => {
  composer.changed();
  save();
});
const transcript = new Transcript({
  key,
  show,
  regenerate: (at = conversation.messages.length - 1) => {
    if (busy || settingsWrong()) return;
    conversation.messages.length = at;
    answer();
  },
  edit: (at, text) => {
    if (busy || settingsWrong()) return;
    const { images } = conversation.messages[at];
    conversation.messages.length = at;
    conversation.messages.push({ role: "user", text, images });
    answer();
  },
  result: (call, text) => {
    call.result = text;
    save();
  },
  go: () => {
    if (busy || settingsWrong()) return;
    giveResults();
    answer();
  },
});
const composer = new Composer({
  key,
  model,
  settings: () => conversation.settings,
  send,
  stop: () => busy?.abort(),
  draftBody: () => {
    try {
      return countBody(conversation, model(), withDraft());
    } catch {
      return null; // a schema is half written
    }
  },
});

/** The sign-in code of the address, which is gone from it at once. */
function takeCode() {
  const found = new URLSearchParams(location.hash.slice(1)).get("code");
  if (found !== null) history.replaceState(history.state, "", location.pathname + location.search);
  return found;
}

/** Each call of the last answer gets its result: an API takes no call without one. */
function giveResults() {
  for (const { id, name, result } of conversation.messages.at(-1)?.calls ?? []) {
    conversation.messages.push({ role: "tool", id, name, text: result ?? "" });
  }
}

function fresh(id) {
  const chosen = models.has(id) ? id : [...models.keys()][0];
  return {
    id: crypto.randomUUID?.() ?? String(Date.now() + Math.random()),
    title: "",
    model: chosen,
    settings: firstSettings(models.get(chosen)),
    messages: [],
    spent: "0",
    updated: Date.now(),
  };
}

function open(next) {
  busy?.abort();
  busy = null;
  conversation = next;
  if (!models.has(conversation.model)) conversation.model = chooser?.value ?? [...models.keys()][0];
  conversation.settings = { ...firstSettings(model()), ...conversation.settings };
  if (chooser) chooser.value = conversation.model;
  try {
    sessionStorage.setItem(OPEN, conversation.id);
  } catch {
    // a reload begins anew then
  }
  settings.show(conversation.settings, model());
  composer.note("");
  composer.busy(false);
  composer.modelChanged();
  show();
}

function show() {
  transcript.render(conversation, busy !== null);
  byId("pg-total").textContent = `${usd(BigInt(conversation.spent))} so far`;
  showList(mine(), conversation, {
    open: (id) => open(shelf.known.get(id)),
    rename: async (each, title) => {
      each.title = title;
      await shelf.put(each);
      show();
    },
    remove: async (id) => {
      await shelf.remove(id);
      if (id === conversation.id) open(fresh(conversation.model));
      else show();
    },
  });
}

/** On a model's own page: the conversations with that model. */
const mine = () => shelf.all().filter((each) => chooser !== null || models.has(each.model));

function save() {
  if (conversation.messages.length) shelf.put(conversation);
}

function withDraft() {
  if (composer.empty) return conversation.messages;
  const draft = { role: "user", text: composer.text, images: composer.images };
  return [...conversation.messages, draft];
}

function settingsWrong() {
  const wrong = settings.wrong();
  composer.note(wrong ?? "");
  return wrong !== null;
}

let visiting = null;
let lentKey = "";

/** A visitor without a key gets one for the day, where the house lends them. It is kept nowhere. */
async function borrow() {
  const note = byId("pg-key-note");
  visiting ??= visit();
  try {
    const lent = await visiting;
    byId("pg-key").value = lentKey = lent.key;
    note.textContent = `Trying it out: $${lent.cap} are on the house until midnight UTC.`;
    composer.changed();
    return true;
  } catch (error) {
    composer.note(error.message);
    byId("pg-key").focus();
    return false;
  } finally {
    visiting = null;
  }
}

async function send() {
  if (busy || visiting) return;
  if (composer.empty) {
    composer.field.focus();
    return;
  }
  if (!key() && root.dataset.visitors && !(await borrow())) return;
  if (!key()) {
    composer.note("Put your API key into the field above first.");
    byId("pg-key").focus();
    return;
  }
  if (!/^[!-~]+$/.test(key())) {
    composer.note("A key has no blanks and no letters beyond a to z. Copy it again.");
    byId("pg-key").focus();
    return;
  }
  if (settingsWrong()) return;
  if (composer.images.length && !model().image) {
    composer.note("This model reads text only. Take the images away, or choose one that sees them.");
    return;
  }
  const text = composer.text;
  giveResults();
  conversation.messages.push({ role: "user", text, images: [...composer.images] });
  composer.clear();
  answer();
}

/** Asks for the next message and shows it as it comes. */
async function answer() {
  const asked = conversation;
  const body = openaiBody(asked, model(), asked.messages);
  const message = {
    role: "assistant", text: "", reasoning: "", calls: [], details: [], finish: null, used: null,
    requestId: "", problem: null, stopped: false, firstMs: null, totalMs: 0,
    json: body.response_format !== undefined,
  };
  asked.messages.push(message);
  asked.updated = Date.now();
  const mineNow = (busy = new AbortController());
  const began = performance.now();
  composer.busy(true);
  composer.note("");
  show();
  save();
  try {
    await ask(key(), body, {
      signal: mineNow.signal,
      opened: (id) => (message.requestId = id),
      chunk: (piece) => {
        take(message, piece, performance.now() - began);
        if (conversation === asked) transcript.grow(message);
      },
    });
  } catch (error) {
    if (error.name === "AbortError") message.stopped = true;
    else message.problem = problemOf(error);
  }
  message.totalMs = performance.now() - began;
  if (busy === mineNow) busy = null;
  if (conversation === asked && !busy) {
    composer.busy(false);
    composer.changed();
    charge(asked, message);
    show();
    if (message.problem?.status === 401) {
      if (key() === lentKey) byId("pg-key").value = ""; // the day is over: the next one is lent anew
      byId("pg-key").focus();
    }
  } else {
    charge(asked, message);
  }
  if (message.used || !message.requestId) return;
  await lookUp(message);
  charge(asked, message);
  const editing = transcript.log.querySelector(".pg-editing");
  if (conversation === asked && !busy && !editing) show();
}

/** Adds what the answer cost to the conversation's sum, and keeps both. */
function charge(asked, { used }) {
  if (used?.cost) asked.spent = String(BigInt(asked.spent) + BigInt(used.cost));
  if (shelf.known.has(asked.id)) shelf.put(asked);
}

function problemOf(error) {
  if (!(error instanceof Problem)) throw error;
  const { status, message, retryAfter, code: why } = error;
  return { status, message, retryAfter, code: why };
}

/** Puts a piece of the stream to what is there. */
function take(message, piece, atMs) {
  if (piece.usage) {
    message.used = {
      prompt: piece.usage.prompt_tokens,
      completion: piece.usage.completion_tokens,
      cost: nano(piece.usage.cost)?.toString() ?? null,
    };
  }
  const choice = piece.choices?.[0];
  if (!choice) return;
  const { delta } = choice;
  message.finish = choice.finish_reason ?? message.finish;
  if (!delta) return;
  const thought = delta.reasoning_content ?? delta.reasoning ?? "";
  if (delta.content || thought || delta.tool_calls) message.firstMs ??= atMs;
  message.text += delta.content ?? "";
  message.text += delta.refusal ?? "";
  message.reasoning += thought;
  message.details.push(...(delta.reasoning_details ?? []));
  for (const part of delta.tool_calls ?? []) {
    const call = (message.calls[part.index ?? 0] ??= { id: "", name: "", arguments: "" });
    call.id ||= part.id ?? "";
    call.name ||= part.function?.name ?? "";
    call.arguments += part.function?.arguments ?? "";
  }
}

/** An answer that was cut tells no usage: its receipt does. */
async function lookUp(message) {
  try {
    const told = await receipt(key(), message.requestId, { early: true });
    message.used = {
      prompt: told.tokens_prompt,
      completion: told.tokens_completion,
      cost: nano(Number(told.total_cost))?.toString() ?? null,
    };
  } catch {
    message.used = null; // the receipt below the answer can still be asked for
  }
}

function viewCode() {
  if (settingsWrong()) return;
  let messages = withDraft();
  const last = messages.findLastIndex((message) => message.role !== "assistant");
  messages = messages.slice(0, last + 1);
  if (!messages.length) messages = [{ role: "user", text: "Hello!" }];
  const body = openaiBody(conversation, model(), messages);
  snippets(root.dataset.url, body).forEach(([language, text], at) => {
    byId(`pg-panel-${at + 1}`).replaceChildren(snippet(text, highlight(text, language)));
  });
  byId("pg-code").showModal();
}

function wireKey() {
  const field = byId("pg-key");
  field.value = readKey();
  field.addEventListener("input", () => {
    writeKey(key());
    composer.changed();
  });
  byId("pg-key-show").addEventListener("click", (event) => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    event.target.textContent = shown ? "Show" : "Hide";
  });
  byId("pg-key-forget").addEventListener("click", () => {
    field.value = "";
    writeKey("");
    composer.changed();
    field.focus();
  });
}

async function signIn() {
  const note = byId("pg-key-note");
  note.textContent = "Signing in …";
  try {
    const secret = await redeem(code);
    byId("pg-key").value = secret;
    writeKey(secret);
    note.textContent = "Signed in. The key stays in this browser; forget it when it isn’t yours.";
    composer.changed();
    composer.field.focus({ preventScroll: true });
  } catch (error) {
    note.textContent = error.message;
    note.classList.add("pg-bad");
  }
}

function wireButtons() {
  byId("pg-new").addEventListener("click", begin);
  byId("pg-view").addEventListener("click", viewCode);
  byId("pg-help").addEventListener("click", () => byId("pg-keys").showModal());
  for (const starter of root.querySelectorAll("[data-prompt]")) {
    starter.addEventListener("click", () => {
      composer.fill(starter.textContent);
      send();
    });
  }
  for (const toggle of root.querySelectorAll(".pg-toggle")) {
    toggle.addEventListener("click", () => {
      const isOpen = byId(toggle.getAttribute("aria-controls")).classList.toggle("open");
      toggle.setAttribute("aria-expanded", String(isOpen));
    });
  }
  for (const dialog of root.querySelectorAll("dialog")) {
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  chooser?.addEventListener("change", () => {
    conversation.model = chooser.value;
    const { settings: values } = conversation;
    if (Number(values.max_tokens) > model().max_tokens) values.max_tokens = String(model().max_tokens);
    settings.show(values, model());
    composer.modelChanged();
    save();
  });
}

function begin() {
  open(fresh(conversation.model));
  composer.field.focus({ preventScroll: true });
}

const SHORTCUTS = {
  KeyN: begin,
  KeyR: () => {
    const last = conversation.messages.length - 1;
    if (conversation.messages[last]?.role === "assistant") transcript.acts.regenerate(last);
  },
  KeyE: () => !busy && transcript.editLast(conversation.messages),
  KeyC: viewCode,
  KeyM: () => composer.field.focus(),
};

function wireShortcuts() {
  document.addEventListener("keydown", (event) => {
    if (root.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && busy) {
      busy.abort();
    } else if (event.key === "/" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      byId("pg-keys").showModal();
    } else if (event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey && SHORTCUTS[event.code]) {
      event.preventDefault();
      SHORTCUTS[event.code]();
    }
  });
}

async function start() {
  wireKey();
  const signingIn = code === null ? null : signIn();
  addEventListener("hashchange", () => {
    code = takeCode();
    if (code !== null) signIn();
  });
  shelf = await Shelf.open();
  const asked = new URLSearchParams(location.search);
  let known = null;
  try {
    known = shelf.known.get(sessionStorage.getItem(OPEN)) ?? null;
  } catch {
    // nothing to go on with
  }
  const wanted = asked.get("model") ?? chooser?.value;
  const goesOn = known !== null && !asked.has("prompt") && mine().includes(known);
  open(goesOn ? known : fresh(wanted));
  wireButtons();
  wireShortcuts();
  root.dataset.ready = "yes";
  if (asked.has("prompt")) composer.fill(asked.get("prompt"));
  await signingIn;
}

start();
