// The price calculator: what one request costs, and what many do.
import { cost, priceOf, usd, whole } from "./money.js";

for (const form of document.querySelectorAll("[data-calculator]")) {
  const price = priceOf(JSON.parse(form.dataset.calculator));
  const usage = { input: 0n, cache_read: 0n, cache_write: 0n, output: 0n, reasoning: 0n, images: 0n };
  const show = () => {
    for (const name of Object.keys(usage)) {
      const field = form.elements.namedItem(name);
      if (field) usage[name] = whole(field.value);
    }
    const one = cost(price, usage);
    const requests = whole(form.elements.namedItem("requests").value);
    form.querySelector("[data-one]").textContent = usd(one);
    form.querySelector("[data-all]").textContent = usd(one * requests);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
