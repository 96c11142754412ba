// What every page has: the theme's button, copy buttons, tabs.
import { tabs } from "./tabs.js";

const root = document.documentElement;
const button = document.querySelector("[data-theme-button]");

function theme() {
  if (root.dataset.theme) return root.dataset.theme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function label() {
  button.setAttribute("aria-label", theme() === "dark" ? "Light theme" : "Dark theme");
}

button.addEventListener("click", () => {
  root.dataset.theme = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // it lasts for this page then
  }
  label();
});
label();

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("[data-copy]");
  if (!copy) return;
  const text = copy.dataset.copy || copy.parentElement.querySelector("pre")?.textContent || "";
  await put(text);
  const said = copy.textContent;
  copy.textContent = "Copied";
  setTimeout(() => (copy.textContent = said), 1500);
});

async function put(text) {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // it is not allowed here: the way below may be
    }
  }
  // plain http on another host: browsers leave only this way
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

for (const list of document.querySelectorAll("[role=tablist]")) tabs(list);
