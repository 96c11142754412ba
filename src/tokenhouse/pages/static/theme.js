// In the head, before anything is painted: the chosen theme, and that scripts run at all.
const root = document.documentElement;
root.classList.add("js");
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
} catch {
  // storage is switched off: the system's theme it is
}
