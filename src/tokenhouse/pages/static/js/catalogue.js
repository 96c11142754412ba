// Search as you type: the server filters, this swaps the list. Without it the form's button does.
const form = document.querySelector("[data-search]");
const WAIT_MS = 120;
let waiting = 0;
let running = null;

function address() {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) fields.append(name, value);
  const query = fields.toString();
  return form.getAttribute("action") + (query ? `?${query}` : "");
}

async function search() {
  running?.abort();
  running = new AbortController();
  const url = address();
  try {
    const response = await fetch(url, { signal: running.signal });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.getElementById("results").replaceWith(page.getElementById("results"));
    history.replaceState(null, "", url);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  }
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, WAIT_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  search();
});
