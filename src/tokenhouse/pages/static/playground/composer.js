// What the visitor writes: text and pictures, and what they would cost before they are sent.
import { cost, usd } from "../js/money.js";
import { Problem, count } from "./api.js";
import { button, byId, h } from "./dom.js";

const PAUSE_MS = 350;
const MOST_BYTES = 12_000_000;
const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

export class Composer {
  /** `send()` when asked to; `draftBody()` gives what would be counted, or null. */
  constructor({ send, stop, draftBody, key, model, settings }) {
    Object.assign(this, { send, draftBody, key, model, settings });
    this.form = byId("pg-form");
    this.field = byId("pg-message");
    this.images = [];
    this.counting = null;
    this.timer = 0;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      send();
    });
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      send();
    });
    this.field.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    const frame = this.form.closest(".pg-middle");
    frame.addEventListener("dragover", (event) => {
      if ([...event.dataTransfer.types].includes("Files")) event.preventDefault();
    });
    frame.addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
    byId("pg-stop").addEventListener("click", stop);
    byId("pg-attach").addEventListener("click", () => byId("pg-file").click());
    byId("pg-file").addEventListener("change", (event) => {
      this.#add([...event.target.files]);
      event.target.value = "";
    });
  }

  get text() {
    return this.field.value;
  }

  get empty() {
    return !this.field.value.trim() && !this.images.length;
  }

  fill(text) {
    this.field.value = text;
    this.changed();
  }

  clear() {
    this.images = [];
    this.#showPictures();
    this.fill("");
  }

  busy(is) {
    byId("pg-stop").hidden = !is;
    byId("pg-send").hidden = is;
  }

  /** Says what is amiss below the field; "" takes it away. */
  note(text) {
    const note = byId("pg-note");
    note.hidden = !text;
    note.textContent = text;
  }

  modelChanged() {
    byId("pg-attach").hidden = !this.model().image;
    this.changed();
  }

  /** The draft, the settings or the model have changed: count anew after a short pause. */
  changed() {
    clearTimeout(this.timer);
    this.counting?.abort();
    if (this.empty || !/^[!-~]+$/.test(this.key())) {
      byId("pg-cost").textContent = this.empty ? "" : "With a key, tokens and cost stand here before you ask.";
      return;
    }
    this.timer = setTimeout(() => this.#count(), PAUSE_MS);
  }

  async #count() {
    const body = this.draftBody();
    if (!body) return;
    const mine = (this.counting = new AbortController());
    const place = byId("pg-cost");
    try {
      const { tokens, estimated } = await count(this.key(), body, mine.signal);
      if (mine.signal.aborted) return;
      const model = this.model();
      const asked = this.settings().max_tokens;
      const room = BigInt(model.context) - tokens;
      const least = [BigInt(model.max_tokens), room > 0n ? room : 0n];
      if (/^\d+$/.test(asked)) least.push(BigInt(asked));
      const output = least.reduce((one, other) => (other < one ? other : one));
      const images = BigInt(JSON.stringify(body).split('"media_type"').length - 1);
      const none = { input: tokens, cache_read: 0n, cache_write: 0n, output: 0n, reasoning: 0n, images };
      const price = model.rates;
      const about = estimated ? "about " : "";
      place.textContent =
        `${about}${tokens.toLocaleString("en")} tokens, ${usd(cost(price, none))}; ` +
        `with the longest answer ${usd(cost(price, { ...none, output }))}`;
    } catch (error) {
      if (error.name === "AbortError") return;
      place.textContent = error instanceof Problem && error.status !== 429 ? `Not counted: ${error.message}` : "";
    }
  }

  #take(event, data) {
    const files = [...data.files].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.#add(files);
  }

  async #add(files) {
    if (!this.model().image) {
      this.note("This model reads text only. Choose one that sees images.");
      return;
    }
    for (const file of files) {
      if (!TYPES.includes(file.type) || file.size > MOST_BYTES) {
        this.note(`${file.name || "The image"}: PNG, JPEG, WebP or GIF of up to 12 MB, please.`);
        continue;
      }
      this.note("");
      this.images.push(await dataUrl(file));
    }
    this.#showPictures();
    this.changed();
  }

  #showPictures() {
    const list = byId("pg-pictures");
    list.hidden = !this.images.length;
    list.replaceChildren(
      ...this.images.map((url, at) => {
        const remove = button("×", () => {
          this.images.splice(at, 1);
          this.#showPictures();
          this.changed();
          this.field.focus();
        }, { "aria-label": `Remove image ${at + 1}` });
        return h("li", {}, h("img", { src: url, alt: `Image ${at + 1}` }), remove);
      }),
    );
  }
}

function dataUrl(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}
