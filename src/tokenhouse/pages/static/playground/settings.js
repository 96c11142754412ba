// The settings' form ⇄ an object of texts; what the model can't do is not shown.
import { button, byId, h } from "./dom.js";

const FIRST = {
  system: "", temperature: "0.7", max_tokens: "1000", top_p: "0.9", frequency_penalty: "0",
  presence_penalty: "0", top_k: "", min_p: "", repetition_penalty: "", seed: "", stop: "",
  reasoning_effort: "", format: "text", schema: "", tool_choice: "auto",
};
const SAMPLING = ["temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "top_k", "min_p", "repetition_penalty", "seed", "stop", "reasoning_effort"];
const SCHEMA = `{
  "type": "object",
  "properties": {
    "answer": { "type": "string" }
  },
  "required": ["answer"],
  "additionalProperties": false
}`;
const PARAMETERS = `{
  "type": "object",
  "properties": {
    "city": { "type": "string" }
  },
  "required": ["city"]
}`;

/** The settings that a conversation begins with. */
export function firstSettings(model) {
  const most = String(Math.min(1000, model.max_tokens));
  return { ...FIRST, max_tokens: most, schema: SCHEMA, tools: [] };
}

export class Settings {
  /** `changed()` is called after each change that the visitor makes. */
  constructor(changed) {
    this.form = byId("pg-settings");
    this.fields = [...this.form.querySelectorAll("[data-setting]")];
    this.changed = changed;
    this.values = null;
    this.model = null;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => this.#read());
    byId("pg-tool-add").addEventListener("click", () => this.#addTool());
    byId("pg-own").addEventListener("click", () => this.#reset(() => ""));
    byId("pg-first").addEventListener("click", () => {
      const first = firstSettings(this.model);
      this.#reset((name) => first[name]);
    });
  }

  show(values, model) {
    this.values = values;
    this.model = model;
    for (const field of this.fields) {
      const name = field.dataset.setting;
      field.value = values[name];
      if (field.type !== "number") continue;
      const own = name === "max_tokens" ? `up to ${model.max_tokens}` : model.defaults[name];
      field.placeholder = own === undefined ? "own default" : String(own);
    }
    byId("pg-max_tokens").max = model.max_tokens;
    for (const part of this.form.querySelectorAll("[data-needs]")) {
      part.hidden = !model[part.dataset.needs];
    }
    this.#showTools();
    this.#showParts();
  }

  /** What can't be sent as it stands, in words; null when all is well. */
  wrong() {
    const field = this.fields.find((each) => !each.checkValidity());
    if (field) return this.#point(field, `${nameOf(field)}: ${field.validationMessage}`);
    if (this.model.json && this.values.format === "json_schema" && !isObject(this.values.schema)) {
      return this.#point(byId("pg-schema"), "JSON schema: this is not a JSON object.");
    }
    if (!this.model.tools) return null;
    for (const [at, tool] of this.values.tools.entries()) {
      const name = byId(`pg-tool-${at}-name`);
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(tool.name.trim())) {
        return this.#point(name, "Tool name: letters, digits, _ and - only.");
      }
      if (!isObject(tool.parameters)) {
        return this.#point(byId(`pg-tool-${at}-parameters`), "Parameters: this is not a JSON object.");
      }
    }
    return null;
  }

  #point(field, message) {
    for (let node = field.parentElement; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    this.form.classList.add("open");
    field.focus();
    return message;
  }

  #read() {
    for (const field of this.fields) {
      // a number field that holds no number says "": it is asked for its validity before sending
      this.values[field.dataset.setting] = field.value;
    }
    this.#showParts();
    this.changed();
  }

  #reset(valueOf) {
    for (const field of this.fields) {
      const name = field.dataset.setting;
      if (SAMPLING.includes(name)) field.value = valueOf(name);
    }
    this.#read();
  }

  #showParts() {
    byId("pg-schema-field").hidden = !this.model.json || this.values.format !== "json_schema";
    byId("pg-choice").hidden = !this.values.tools.length;
  }

  #addTool() {
    this.values.tools.push({ name: "", description: "", parameters: PARAMETERS });
    this.#showTools();
    this.#read();
    byId(`pg-tool-${this.values.tools.length - 1}-name`).focus();
  }

  #showTools() {
    byId("pg-tool-list").replaceChildren(...this.values.tools.map((tool, at) => this.#tool(tool, at)));
  }

  #tool(tool, at) {
    const field = (name, label, element) => {
      element.id = `pg-tool-${at}-${name}`;
      element.value = tool[name];
      element.spellcheck = false;
      element.addEventListener("input", () => (tool[name] = element.value));
      return h("div", {}, h("label", { for: element.id }, label), element);
    };
    const remove = button("Remove", () => {
      this.values.tools.splice(at, 1);
      this.#showTools();
      this.#read();
      byId("pg-tool-add").focus();
    });
    return h(
      "fieldset",
      { class: "pg-tool" },
      h("legend", {}, `Tool ${at + 1}`),
      field("name", "Tool name", h("input", { placeholder: "get_weather" })),
      field("description", "What it does", h("input", {})),
      field("parameters", "Parameters (JSON schema)", h("textarea", { rows: "7", class: "pg-code" })),
      remove,
    );
  }
}

const nameOf = (field) => document.querySelector(`label[for="${field.id}"]`)?.textContent ?? field.id;

function isObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value);
  } catch {
    return false;
  }
}
