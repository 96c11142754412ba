// Markdown by a model → nodes. Nothing it writes becomes HTML: every element is made here, text is
// text, links go to the web and to mail only, and pictures are named, not loaded.
import { highlight } from "./code.js";
import { h, snippet } from "./dom.js";

const DEEPEST = 8;
const FAR = 4000;
const FENCE = /^ {0,3}(`{3,}|~{3,}) *([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?: +(.*))?$/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?: +(.*))?$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ROW = /\|/;
const DASHES = /^ *\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$/;

/** Shows `text` in `parent`; of a text that grows only what changed is made anew. */
export function show(parent, text) {
  const blocks = blocksOf(text.replace(/\r\n?/g, "\n").split("\n"), 0);
  const known = parent.shownBlocks ?? [];
  let same = 0;
  while (same < known.length && same < blocks.length && known[same] === blocks[same].source) same++;
  while (parent.childNodes.length > same) parent.lastChild.remove();
  const state = { last: 2 };
  blocks.forEach((block, at) => {
    const node = at < same && block.kind !== "heading" ? null : nodeOf(block, state);
    if (at >= same) parent.append(node);
  });
  parent.shownBlocks = blocks.map((block) => block.source);
}

function blocksOf(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at++;
      continue;
    }
    const [block, next] = blockAt(lines, at, depth);
    block.source = lines.slice(at, next).join("\n") + (next < lines.length ? "\n" : "");
    blocks.push(block);
    at = next;
  }
  return blocks;
}

function blockAt(lines, at, depth) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return fenced(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) {
    const text = (heading[2] ?? "").replace(/ +#+ *$/, "");
    return [{ kind: "heading", level: heading[1].length, text }, at + 1];
  }
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (depth < DEEPEST) {
    if (QUOTE.test(line)) return quoted(lines, at, depth);
    if (ITEM.test(line)) return listed(lines, at, depth);
  }
  if (ROW.test(line) && at + 1 < lines.length && ROW.test(lines[at + 1]) && DASHES.test(lines[at + 1])) {
    return tabled(lines, at);
  }
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !(depth < DEEPEST && begins(lines[end]))) end++;
  return [{ kind: "paragraph", text: lines.slice(at, end).map((each) => each.trimStart()).join("\n") }, end];
}

const begins = (line) =>
  FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);

function fenced(lines, at, [, marks, info]) {
  let end = at + 1;
  const closes = (line) => {
    const bare = line.trim();
    return bare.length >= marks.length && bare === marks[0].repeat(bare.length);
  };
  while (end < lines.length && !closes(lines[end])) end++;
  const text = lines.slice(at + 1, end).join("\n");
  const language = info.trim().split(/\s+/)[0];
  return [{ kind: "code", text, language }, Math.min(end + 1, lines.length)];
}

function quoted(lines, at, depth) {
  const inner = [];
  let end = at;
  for (; end < lines.length; end++) {
    const found = QUOTE.exec(lines[end]);
    if (!found && (!lines[end].trim() || begins(lines[end]))) break;
    inner.push(found ? found[1] : lines[end]);
  }
  return [{ kind: "quote", blocks: blocksOf(inner, depth + 1) }, end];
}

function listed(lines, at, depth) {
  const ordered = /\d/.test(ITEM.exec(lines[at])[2]);
  const start = ordered ? Number.parseInt(ITEM.exec(lines[at])[2], 10) : 1;
  const items = [];
  let inner = null;
  let indent = 0;
  let end = at;
  for (; end < lines.length; end++) {
    const line = lines[end];
    const wide = line.length - line.trimStart().length;
    const item = ITEM.exec(line);
    if (!line.trim()) {
      const next = lines.slice(end).find((each) => each.trim());
      const nextWide = next === undefined ? 0 : next.length - next.trimStart().length;
      const again = next !== undefined && ITEM.exec(next);
      if (next === undefined || (nextWide < Math.min(indent, 2) && !again)) break;
      inner.push("");
    } else if (item && wide < Math.max(indent, 1) && !RULE.test(line)) {
      if (/\d/.test(item[2]) !== ordered) break;
      indent = item[1].length + item[2].length + 1;
      inner = [item[3] ?? ""];
      items.push(inner);
    } else if (inner && wide >= Math.min(indent, 2)) {
      inner.push(line.slice(Math.min(wide, indent)));
    } else if (inner && inner.at(-1) !== "" && !begins(line)) {
      inner.push(line);
    } else {
      break;
    }
  }
  return [{ kind: "list", ordered, start, items: items.map((each) => blocksOf(each, depth + 1)) }, end];
}

function tabled(lines, at) {
  const aligns = cells(lines[at + 1]).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "middle" : "n") : "",
  );
  let end = at + 2;
  while (end < lines.length && lines[end].trim() && ROW.test(lines[end])) end++;
  const rows = lines.slice(at + 2, end).map(cells);
  return [{ kind: "table", aligns, head: cells(lines[at]), rows }, end];
}

const cells = (line) =>
  line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replace(/\\\|/g, "|"));

function nodeOf(block, state) {
  switch (block.kind) {
    case "code":
      return snippet(block.text, highlight(block.text, block.language));
    case "heading":
      // the page has headings of its own: these stand below them, and skip no level
      state.last = Math.min(block.level + 2, state.last + 1, 6);
      return h(`h${state.last}`, {}, ...inline(block.text, 0));
    case "rule":
      return h("hr");
    case "quote":
      return h("blockquote", {}, ...block.blocks.map((each) => nodeOf(each, state)));
    case "list": {
      const items = block.items.map((each) => h("li", {}, ...itemNodes(each, state)));
      const start = block.ordered && block.start !== 1 ? block.start : null;
      return h(block.ordered ? "ol" : "ul", { start }, ...items);
    }
    case "table":
      return table(block);
    default:
      return h("p", {}, ...inline(block.text, 0));
  }
}

function itemNodes(blocks, state) {
  return blocks.flatMap((block, at) =>
    at === 0 && block.kind === "paragraph" ? inline(block.text, 0) : [nodeOf(block, state)],
  );
}

function table({ aligns, head, rows }) {
  const row = (cellsOf, tag) => {
    const made = head.map((_, at) => h(tag, { class: aligns[at] || null }, ...inline(cellsOf[at] ?? "", 0)));
    return h("tr", {}, ...made);
  };
  const body = h("tbody", {}, ...rows.map((each) => row(each, "td")));
  const whole = h("table", {}, h("thead", {}, row(head, "th")), body);
  return h("div", { class: "scroll", tabindex: "0" }, whole);
}

/** The nodes of a line of Markdown. */
function inline(text, depth) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const put = (node, next) => {
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(node);
    at = next;
  };
  while (at < text.length) {
    const found = depth < DEEPEST ? special(text, at, depth) : null;
    if (found) {
      put(found[0], found[1]);
    } else if (text[at] === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function special(text, at, depth) {
  switch (text[at]) {
    case "\n":
      return [h("br"), at + 1];
    case "`":
      return codeSpan(text, at);
    case "!":
      return text[at + 1] === "[" ? link(text, at + 1, depth, true) : null;
    case "[":
      return link(text, at, depth, false);
    case "<":
      return bracketed(text, at);
    case "h":
      return bare(text, at);
    case "*":
    case "_":
    case "~":
      return marked(text, at, depth);
    default:
      return null;
  }
}

function codeSpan(text, at) {
  let end = at;
  while (text[end] === "`") end++;
  const marks = text.slice(at, end);
  for (let from = end; from < Math.min(text.length, end + FAR); ) {
    const close = text.indexOf(marks, from);
    if (close < 0) return null;
    let after = close;
    while (text[after] === "`") after++;
    if (after - close === marks.length) {
      const code = text.slice(end, close).replace(/\n/g, " ");
      const bareCode = /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code;
      return [h("code", {}, bareCode), after];
    }
    from = after;
  }
  return null;
}

function marked(text, at, depth) {
  const mark = text[at];
  const twice = text[at + 1] === mark;
  if (mark === "~" && !twice) return null;
  const marks = twice ? mark + mark : mark;
  const begin = at + marks.length;
  const before = text[at - 1] ?? " ";
  if (/\s/.test(text[begin] ?? " ") || (mark === "_" && /\w/.test(before))) return null;
  const most = Math.min(text.length, at + FAR);
  for (let end = begin + 1; end < most; end++) {
    if (text[end] === "\\") {
      end++;
    } else if (text[end] === "`") {
      const span = codeSpan(text, end);
      if (span) end = span[1] - 1;
    } else if (text.startsWith(marks, end) && !/\s/.test(text[end - 1])) {
      const after = text[end + marks.length] ?? " ";
      if (!twice && (after === mark || text[end - 1] === mark)) continue;
      if (mark === "_" && /\w/.test(after)) continue;
      const close = twice && after === mark ? end + 1 : end;
      const tag = mark === "~" ? "del" : twice ? "strong" : "em";
      const inner = inline(text.slice(begin, close), depth + 1);
      return [h(tag, {}, ...inner), close + marks.length];
    }
  }
  return null;
}

function link(text, at, depth, picture) {
  let end = at + 1;
  for (let open = 1; end < Math.min(text.length, at + FAR); end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "[") open++;
    else if (text[end] === "]" && --open === 0) break;
  }
  if (text[end] !== "]" || text[end + 1] !== "(") return null;
  const target = /\(\s*<?((?:[^\s()<>]|\([^\s()]*\))*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
  target.lastIndex = end + 1;
  const found = target.exec(text);
  if (!found) return null;
  const said = text.slice(at + 1, end);
  const inner = picture ? [`Image: ${said || "without a name"}`] : inline(said, depth + 1);
  return [anchor(found[1], inner), target.lastIndex];
}

function bracketed(text, at) {
  const address = /<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/iy;
  address.lastIndex = at;
  const found = address.exec(text);
  return found ? [anchor(found[1], [found[1]]), address.lastIndex] : null;
}

function bare(text, at) {
  if (/\w/.test(text[at - 1] ?? " ")) return null;
  const address = /https?:\/\/[^\s<>"`*|]{3,2000}/y;
  address.lastIndex = at;
  const found = address.exec(text);
  if (!found) return null;
  let url = found[0].replace(/[.,;:!?'\]]+$/, "");
  if (url.endsWith(")") && !url.includes("(")) url = url.slice(0, -1);
  return [anchor(url, [url]), at + url.length];
}

/** A link where the address is one that may be followed, else its words alone. */
function anchor(url, inner) {
  const href = safe(url);
  if (href === null) return h("span", {}, ...inner);
  return h("a", { href, target: "_blank", rel: "nofollow noopener noreferrer" }, ...inner);
}

function safe(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
