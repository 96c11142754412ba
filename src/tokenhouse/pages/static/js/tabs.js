// A tab list as the ARIA practices describe it. Lists with the same data-sync move together by name.
const CHANGED = "tabs:chosen";

export function tabs(list) {
  const buttons = [...list.querySelectorAll("[role=tab]")];
  const panelOf = (button) => document.getElementById(button.getAttribute("aria-controls"));

  function choose(button, focus) {
    for (const each of buttons) {
      const chosen = each === button;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      panelOf(each)?.classList.toggle("chosen", chosen);
    }
    if (focus) button.focus();
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("[role=tab]");
    if (!button) return;
    choose(button, false);
    tell(button);
  });
  list.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    const last = buttons.length - 1;
    const to = Number.isFinite(step) ? (at + step + buttons.length) % buttons.length : step < 0 ? 0 : last;
    choose(buttons[to], true);
    tell(buttons[to]);
  });

  const group = list.dataset.sync;
  if (!group) return;
  document.addEventListener(CHANGED, (event) => {
    if (event.detail.group !== group || event.detail.list === list) return;
    const same = buttons.find((button) => button.textContent === event.detail.name);
    if (same) choose(same, false);
  });

  function tell(button) {
    if (!group) return;
    const detail = { group, list, name: button.textContent };
    document.dispatchEvent(new CustomEvent(CHANGED, { detail }));
  }
}
