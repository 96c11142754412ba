// The list of conversations: open, rename, delete.
import { button, byId, h } from "./dom.js";

export const titleOf = (conversation) => {
  if (conversation.title) return conversation.title;
  const first = conversation.messages.find((message) => message.role === "user");
  const line = first?.text.trim().split("\n")[0] ?? "";
  return line.length > 48 ? `${line.slice(0, 47)}…` : line || "New conversation";
};

/** `open(id)`, `rename(conversation, title)`, `remove(id)` act; the list is shown by `showList`. */
export function showList(conversations, current, acts) {
  byId("pg-list").replaceChildren(...conversations.map((each) => row(each, each.id === current, acts)));
}

function row(conversation, isCurrent, acts) {
  const title = titleOf(conversation);
  const open = h(
    "button",
    { type: "button", class: "pg-open", "aria-current": isCurrent ? "true" : null, onclick: () => acts.open(conversation.id) },
    title,
  );
  const line = h("li", {}, open);
  const rename = button("✎", () => {
    const field = h("input", { value: title, "aria-label": "New name" });
    let done = false;
    const end = (take) => {
      if (done) return;
      done = true;
      acts.rename(conversation, take ? field.value.trim() : conversation.title);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
    });
    field.addEventListener("blur", () => end(true));
    line.replaceChildren(field);
    field.select();
  }, { "aria-label": `Rename ${title}`, title: "Rename" });
  const remove = button("×", () => {
    if (remove.dataset.sure) acts.remove(conversation.id);
    remove.dataset.sure = "yes";
    remove.textContent = "Delete?";
  }, { "aria-label": `Delete ${title}`, title: "Delete" });
  remove.addEventListener("blur", () => {
    delete remove.dataset.sure;
    remove.textContent = "×";
  });
  line.append(rename, remove);
  return line;
}
