// Conveniences of the account pages; every one of them works without this file.

// the button is not needed where a choice acts at once
for (const form of document.querySelectorAll("[data-switch]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// days are asked for only where they count
for (const form of document.querySelectorAll("[data-filters]")) {
  const range = form.elements.namedItem("range");
  const days = [...form.querySelectorAll("[data-custom]")];
  const show = () => {
    for (const day of days) {
      const off = range.value !== "custom";
      day.classList.toggle("off", off);
      for (const input of day.querySelectorAll("input")) input.disabled = off;
    }
  };
  range.addEventListener("change", show);
  show();
}

// pages say UTC; who points at a time reads their own
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = local.format(new Date(time.dateTime));
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
