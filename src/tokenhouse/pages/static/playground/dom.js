// Elements from words: attributes, listeners (`onclick`), children. Text is always text, never HTML.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (name, onclick, more = {}) =>
  h("button", { type: "button", class: "pg-act", onclick, ...more }, name);

export const byId = (id) => document.getElementById(id);

/** A snippet with a copy button, which the page's own script brings to life. */
export function snippet(text, nodes) {
  const copy = h("button", { type: "button", class: "copy", "data-copy": "" }, "Copy");
  const code = h("code", {}, ...(nodes ?? [text]));
  return h("div", { class: "snippet" }, copy, h("pre", { tabindex: "0" }, code));
}
