// The public API, as any client calls it: the key goes into a header, never into an address.
import { events } from "./sse.js";

/** What went wrong: HTTP status (0: not reached), the house's words, seconds to wait. */
export class Problem extends Error {
  constructor(status, message, { code = "", retryAfter = null, requestId = "" } = {}) {
    super(message);
    Object.assign(this, { status, code, retryAfter, requestId });
  }
}

const headers = (key) => ({ authorization: `Bearer ${key}`, "content-type": "application/json" });

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "omit", ...options, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The house could not be reached. Is it running, and are you online?");
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // a proxy in between may answer in HTML
  }
  const error = told.error ?? {};
  const wait = Number(answer.headers.get("retry-after") ?? told.retry_after ?? NaN);
  return new Problem(answer.status, error.message || told.message || `HTTP ${answer.status}`, {
    code: error.code ?? "",
    retryAfter: Number.isFinite(wait) ? wait : null,
    requestId: answer.headers.get("x-request-id") ?? "",
  });
}

/** The key that a one-time sign-in code stands for; its answer signs this browser in, too. */
export async function redeem(code) {
  const body = JSON.stringify({ code });
  const headers = { "content-type": "application/json" };
  const options = { method: "POST", headers, body, credentials: "same-origin" };
  return (await (await call("/api/v1/sign-in", options)).json()).data.key;
}

/** A key for the rest of the day, for who has none: `{key, expires_at, cap}`. */
export async function visit() {
  return (await (await call("/api/v1/visit", { method: "POST" })).json()).data;
}

/** Streams an answer: `opened(request id)` once, then `chunk(object)` for each piece. */
export async function ask(key, body, { signal, opened, chunk }) {
  const streamed = { ...body, stream: true, stream_options: { include_usage: true } };
  const options = { method: "POST", headers: headers(key), body: JSON.stringify(streamed), signal };
  const answer = await call("/v1/chat/completions", options);
  const requestId = answer.headers.get("x-request-id") ?? "";
  opened(requestId);
  let closed = false;
  try {
    for await (const data of events(answer.body)) {
      if (data === "[DONE]") {
        closed = true;
        break;
      }
      const piece = JSON.parse(data);
      if (piece.error) {
        const { message, code } = piece.error;
        throw new Problem(502, message || "The answer broke off.", { code, requestId });
      }
      chunk(piece);
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem(0, "The connection broke while the answer was coming.", { requestId });
  }
  if (!closed) throw new Problem(0, "The answer broke off before its end.", { requestId });
}

/** How many tokens a prompt has, and whether that is only estimated. */
export async function count(key, body, signal) {
  const options = { method: "POST", headers: headers(key), body: JSON.stringify(body), signal };
  const told = await (await call("/v1/messages/count_tokens", options)).json();
  return { tokens: BigInt(told.input_tokens), estimated: told.estimated === true };
}

/** The receipt of a request; `early`: it was stopped just now, and is written in a moment. */
export async function receipt(key, id, { early = false } = {}) {
  for (let wait = 500; ; wait *= 2) {
    await new Promise((done) => setTimeout(done, early ? wait : 0));
    try {
      const path = `/api/v1/generation?id=${encodeURIComponent(id)}`;
      return (await (await call(path, { headers: headers(key) })).json()).data;
    } catch (error) {
      if (error.status !== 404 || !early || wait > 3000) throw error;
    }
  }
}
