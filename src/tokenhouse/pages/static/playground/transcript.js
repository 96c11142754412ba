// The transcript: each message as an article; an answer that grows is shown anew once per frame.
import { usd } from "../js/money.js";
import { receipt as fetchReceipt } from "./api.js";
import { button, byId, h } from "./dom.js";
import { show } from "./markdown.js";
import { highlight } from "./code.js";

const NEAR = 60;

export class Transcript {
  /** `acts`: regenerate(at), edit(at, text), result(call, text), go(), show(), key(). */
  constructor(acts) {
    this.acts = acts;
    this.log = byId("pg-log");
    this.empty = byId("pg-empty");
    this.frame = 0;
    this.growing = null;
    this.shown = null;
    this.kept = new WeakMap();
  }

  /** What has changed anew; the rest stays, so that a screen reader says only what is new. */
  render(conversation, isBusy) {
    const { log } = this;
    const { messages } = conversation;
    const follows = isBusy || this.shown !== conversation || this.#atEnd();
    this.shown = conversation;
    this.growing = null;
    log.setAttribute("aria-busy", String(isBusy));
    const nodes = messages.map((message, at) => this.#article(message, at, messages, isBusy)).filter(Boolean);
    if (!nodes.length) nodes.push(this.empty);
    for (const child of [...log.children]) if (!nodes.includes(child)) child.remove();
    nodes.forEach((node, at) => {
      if (log.children[at] !== node) log.insertBefore(node, log.children[at] ?? null);
    });
    if (follows) log.scrollTop = messages.length ? log.scrollHeight : 0;
  }

  #atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
  }

  /** The last answer has grown. */
  grow(message) {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.growing) return;
      const follows = this.#atEnd();
      this.growing(message);
      if (follows) this.log.scrollTop = this.log.scrollHeight;
    });
  }

  #article(message, at, messages, isBusy) {
    if (message.role === "tool") return null; // its text stands in the call's field
    const last = at === messages.length - 1;
    const grows = last && isBusy;
    const state = [at, last, grows, message.used, message.problem, message.stopped, message.totalMs];
    const signature = JSON.stringify([...state, resultsAfter(messages, at)]);
    let found = this.kept.get(message);
    if (found?.signature !== signature) {
      const made = message.role === "user" ? this.#user(message, at, last) : this.#answer(message, at, messages, grows);
      found = { signature, ...made };
      this.kept.set(message, found);
    }
    if (grows) this.growing = found.grow;
    return found.node;
  }

  #user(message, at, isLast) {
    const said = h("div", { class: "pg-said" }, message.text);
    const pictures = (message.images ?? []).map((url, number) =>
      h("img", { src: url, alt: `Image ${number + 1} that you attached` }),
    );
    const article = h("article", { class: "pg-turn pg-user", "aria-label": "You" }, said);
    if (pictures.length) article.append(h("div", { class: "pg-sent" }, ...pictures));
    const line = h("div", { class: "pg-acts" }, button("Edit", () => this.edit(at, message, article)));
    if (isLast) line.append(button("Ask again", () => this.acts.regenerate(at + 1)));
    article.append(line);
    return { node: article };
  }

  /** Puts a field where the words stood; saving asks again from there. */
  edit(at, message, article) {
    const field = h("textarea", { rows: "4", value: message.text, "aria-label": "Your words" });
    const save = button("Save and ask again", () => this.acts.edit(at, field.value), { class: "button primary" });
    const leave = button("Cancel", () => this.acts.show(), { class: "button" });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave.click();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save.click();
    });
    this.kept.delete(message);
    article.classList.add("pg-editing");
    article.replaceChildren(field, h("div", { class: "pg-row" }, leave, save));
    field.focus();
  }

  editLast(messages) {
    const at = messages.findLastIndex((message) => message.role === "user");
    const articles = this.log.querySelectorAll(".pg-user");
    if (at >= 0 && articles.length) this.edit(at, messages[at], articles[articles.length - 1]);
  }

  #answer(message, at, messages, isGrowing) {
    const thoughts = h("details", { class: "pg-thoughts", hidden: true }, h("summary", {}, "Thoughts"), h("p"));
    const said = h("div", { class: "pg-said pg-markdown" });
    const calls = h("div", { class: "pg-calls" });
    const wait = h("p", { class: "pg-wait soft small", hidden: true }, "Waiting for the first word …");
    const article = h("article", { class: "pg-turn pg-answer", "aria-label": "Answer" }, thoughts, said, calls, wait);
    const grow = (now) => {
      thoughts.hidden = !now.reasoning;
      thoughts.lastChild.textContent = now.reasoning;
      // JSON that was asked for is no Markdown
      show(said, now.json && now.text ? `\`\`\`json\n${now.text}\n\`\`\`` : now.text);
      wait.hidden = !isGrowing || Boolean(now.text || now.reasoning || now.calls.length);
      if (isGrowing) calls.replaceChildren(...now.calls.map((call) => callNode(call)));
    };
    grow(message);
    if (isGrowing) return { node: article, grow };
    const open = at === messages.length - 1;
    calls.append(...message.calls.map((call) => this.#call(call, at, messages, open)));
    if (open && message.calls.length) calls.append(this.#go(message));
    if (message.stopped) article.append(h("p", { class: "small soft" }, "Stopped."));
    if (message.finish === "length") {
      article.append(h("p", { class: "small soft" }, "Cut at max tokens. Raise it in the settings for more."));
    }
    if (message.problem) article.append(this.#problem(message.problem));
    if (message.requestId) article.append(this.#receipt(message));
    article.append(this.#acts(message, at, messages));
    return { node: article };
  }

  #acts(message, at, messages) {
    const line = h("div", { class: "pg-acts" });
    if (message.text) {
      line.append(h("button", { type: "button", class: "pg-act", "data-copy": message.text }, "Copy answer"));
    }
    if (at === messages.length - 1 && !message.problem) {
      line.append(button("Regenerate", () => this.acts.regenerate(at)));
    }
    return line;
  }

  #call(call, at, messages, isOpen) {
    const node = callNode(call);
    const given = resultsAfter(messages, at).find((each) => each.id === call.id);
    const id = `pg-result-${at}-${call.id}`;
    if (isOpen) {
      const field = h("textarea", { id, rows: "2", class: "pg-code", value: call.result ?? "", spellcheck: "false" });
      field.addEventListener("input", () => this.acts.result(call, field.value));
      node.append(h("label", { for: id }, `Result of ${call.name}`), field);
    } else if (given) {
      node.append(h("p", { class: "pg-label" }, `Result of ${call.name}`), h("pre", { tabindex: "0" }, h("code", {}, given.text)));
    }
    return node;
  }

  #go({ calls }) {
    const name = calls.length > 1 ? "Give the results" : "Give the result";
    return button(name, () => this.acts.go(), { class: "button primary" });
  }

  #problem(problem) {
    const box = h("div", { class: "pg-problem", role: "alert" }, h("p", {}, problem.message));
    const mend = mending(problem);
    if (mend) box.append(h("p", { class: "small" }, ...mend));
    box.append(button("Try again", () => this.acts.regenerate(), { class: "button" }));
    return box;
  }

  #receipt(message) {
    const { used } = message;
    const parts = [];
    if (used) {
      parts.push(`${used.prompt.toLocaleString("en")} in, ${used.completion.toLocaleString("en")} out`);
      if (used.cost !== null) parts.push(usd(BigInt(used.cost)));
      if (message.firstMs !== null) parts.push(`first word ${(message.firstMs / 1000).toFixed(2)} s`);
      const rest = (message.totalMs - message.firstMs) / 1000;
      if (used.completion > 1 && rest > 0.05) parts.push(`${Math.round(used.completion / rest)} tokens/s`);
    }
    const summary = h("summary", {}, parts.length ? `${parts.join(" · ")} · Receipt` : "Receipt");
    const box = h("div", {}, h("p", { class: "soft small" }, "…"));
    const details = h("details", { class: "pg-receipt" }, summary, box);
    details.addEventListener("toggle", async () => {
      if (!details.open || details.dataset.told) return;
      try {
        const told = await fetchReceipt(this.acts.key(), message.requestId);
        details.dataset.told = "yes";
        box.replaceChildren(receiptNode(told));
      } catch (error) {
        box.replaceChildren(h("p", { class: "small" }, `No receipt: ${error.message}`));
      }
    });
    return details;
  }
}

/** The tool results that follow the answer at `at`. */
function resultsAfter(messages, at) {
  let end = at + 1;
  while (messages[end]?.role === "tool") end++;
  return messages.slice(at + 1, end);
}

function callNode(call) {
  let text = call.arguments;
  try {
    text = JSON.stringify(JSON.parse(call.arguments || "{}"), null, 2);
  } catch {
    // it is still being written
  }
  const code = h("code", {}, ...highlight(text, "json"));
  return h("div", { class: "pg-call" }, h("p", { class: "pg-label" }, "Calls ", h("code", {}, call.name)), h("pre", { tabindex: "0" }, code));
}

function mending({ status, retryAfter, code }) {
  const pricing = (text) => h("a", { href: "/pricing" }, text);
  if (status === 401) {
    return ["Put a valid key into the field above. ", h("a", { href: "/pricing#keys" }, "How to get a key")];
  }
  if (status === 402) return ["Lower max tokens, or add credit. ", pricing("Plans and grants")];
  if (status === 429) {
    const wait = retryAfter ? `Wait ${Math.ceil(retryAfter)} s, then try again. ` : "Wait a little, then try again. ";
    return [wait, pricing("The limits of the plans")];
  }
  if (status === 503) {
    const why = code === "model_not_ready" ? "Its weights are not here: choose another model, or have the operator pull it." : "It may be back in a moment; or choose another model.";
    return [why];
  }
  if (status === 0) return ["What you were charged, if anything, stands in the receipt."];
  return null;
}

function receiptNode(told) {
  const rows = [
    ["Cost", `$${decimal(told.total_cost)}`],
    ["Tokens", `${told.tokens_prompt} in, ${told.tokens_completion} out`],
    ["Outcome", told.outcome + (told.finish_reason ? ` (${told.finish_reason})` : "")],
    ["Model", told.model],
    ["Time", `${told.latency ?? "?"} ms to the first word, ${told.generation_time ?? "?"} ms for the rest`],
    ["Price version", told.price_version],
    ["When", told.created_at],
    ["Id", told.id],
  ];
  const lines = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "pairs small" }, ...lines.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
}

/** Dollars as they came, without an exponent. */
export function nano(dollars) {
  return typeof dollars === "number" ? BigInt(Math.round(dollars * 1e9)) : null;
}

const decimal = (dollars) => {
  const amount = nano(Number(dollars));
  return amount === null ? "?" : usd(amount).slice(1);
};
