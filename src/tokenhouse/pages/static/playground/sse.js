// Server-sent events from a body, as the standard reads them: any line end, split anywhere.

/** The data of each event; comments and other fields are passed over. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  let afterReturn = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      let begin = 0;
      for (let at = 0; at < rest.length; at++) {
        const letter = rest[at];
        if (letter === "\n" && afterReturn) {
          afterReturn = false;
          begin = at + 1;
          continue;
        }
        afterReturn = letter === "\r";
        if (letter !== "\n" && letter !== "\r") continue;
        const line = rest.slice(begin, at);
        begin = at + 1;
        if (line === "") {
          if (data.length) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line[5] === " " ? 6 : 5));
        }
      }
      rest = rest.slice(begin);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
