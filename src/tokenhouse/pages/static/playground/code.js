// Colours for code: comments, strings, numbers, keywords, calls. One scanner for every language.

const words = (text) => new Set(text.split(" "));
const SCRIPT = words(
  "abstract as async await break case catch class const continue debugger default delete do else enum export extends false finally for from function if implements import in instanceof interface let new null of private protected public readonly return static super switch this throw true try type typeof undefined var void while yield",
);
const PYTHON = words(
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda match case nonlocal not or pass raise return try while with yield",
);
const OTHERS = words(
  "auto bool break case chan char class const continue crate def default defer delete do double elif else elsif end enum explicit extends extern false final finally float fn for foreach func function go goto if impl implements import in inline int interface internal let long loop map match mod module mut namespace new nil null operator override package private protected pub public range ref require return self short signed sizeof static string struct super switch template this throw trait true try type typedef union unless unsafe unsigned until use using val var virtual void volatile when where while with yield echo then fi done esac local export",
);
const SQL = words(
  "add all alter and as asc between by case constraint create cross default delete desc distinct drop else end exists foreign from full group having in index inner insert into is join key left like limit not null on or order outer primary references returning right select set table then union unique update using values view when where with",
);

const C_NOTE = "\\/\\/[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)";
const HASH_NOTE = "#[^\\n]*";
const QUOTED = "\"(?:[^\"\\\\\\n]|\\\\[^])*\"?|'(?:[^'\\\\\\n]|\\\\[^])*'?";
const TICKED = "`(?:[^`\\\\]|\\\\[^])*`?";
const LONG = '"""[^]*?(?:"""|$)|\'\'\'[^]*?(?:\'\'\'|$)';

const C_LIKE = { note: C_NOTE, string: `${QUOTED}|${TICKED}`, words: OTHERS };
const SCRIPTS = { ...C_LIKE, words: SCRIPT };
const SHELL = { note: HASH_NOTE, string: QUOTED, words: OTHERS };
const SNAKE = { note: HASH_NOTE, string: `${LONG}|${QUOTED}`, words: PYTHON };
const MARKUP = { note: "<!--[^]*?(?:-->|$)", string: QUOTED, words: new Set(), tags: true };
const PHP = { ...C_LIKE, note: `${C_NOTE}|${HASH_NOTE}` };
const QUERY = { note: "--[^\\n]*|\\/\\*[^]*?(?:\\*\\/|$)", string: QUOTED, words: SQL, loud: true };

const LANGUAGES = {
  javascript: SCRIPTS, js: SCRIPTS, jsx: SCRIPTS, typescript: SCRIPTS, ts: SCRIPTS, tsx: SCRIPTS,
  json: SCRIPTS, python: SNAKE, py: SNAKE, bash: SHELL, sh: SHELL, shell: SHELL, zsh: SHELL,
  console: SHELL, yaml: SHELL, yml: SHELL, toml: SHELL, ruby: SHELL, rb: SHELL, dockerfile: SHELL,
  makefile: SHELL, r: SHELL, perl: SHELL, c: C_LIKE, cpp: C_LIKE, "c++": C_LIKE, cs: C_LIKE,
  csharp: C_LIKE, java: C_LIKE, kotlin: C_LIKE, go: C_LIKE, golang: C_LIKE, rust: C_LIKE, rs: C_LIKE,
  swift: C_LIKE, scala: C_LIKE, dart: C_LIKE, css: C_LIKE, scss: C_LIKE, graphql: SHELL, php: PHP,
  sql: QUERY, html: MARKUP, xml: MARKUP, svg: MARKUP, vue: MARKUP,
};

/** Nodes for `code`: coloured spans where the language is known, else the text alone. */
export function highlight(code, language) {
  const rules = LANGUAGES[language.toLowerCase()];
  if (!rules) return [code];
  const tags = rules.tags ? "<\\/?[\\w:-]+|\\/?>" : "(?!)";
  const scan = new RegExp(
    `(${rules.note})|(${rules.string})|(${tags})|(\\b\\d[\\w.]*)|([A-Za-z_$][\\w$]*)`,
    "g",
  );
  const nodes = [];
  let from = 0;
  for (const found of code.matchAll(scan)) {
    const kind = kindOf(found, rules);
    if (!kind) continue;
    if (found.index > from) nodes.push(code.slice(from, found.index));
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = found[0];
    nodes.push(span);
    from = found.index + found[0].length;
  }
  nodes.push(code.slice(from));
  return nodes;
}

function kindOf([, note, string, tag, number, word], rules) {
  if (note) return "c";
  if (string) return "s";
  if (tag) return "k";
  if (number) return "m";
  return rules.words.has(rules.loud ? word.toLowerCase() : word) ? "k" : "";
}
