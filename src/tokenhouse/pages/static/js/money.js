// The arithmetic of prices, as the house does it: integers, rounded up once. BigInt throughout.
// Rates are picodollars, amounts nanodollars; usage and rates are objects of BigInt by bucket.

const BUCKETS = ["input", "cache_read", "cache_write", "output", "reasoning"];

/** The rates of a prompt of that length: the last tier whose bound it exceeds, else the base. */
export function ratesAt(price, promptTokens) {
  let found = price;
  for (const tier of price.tiers) {
    if (promptTokens <= tier.above) break;
    found = tier;
  }
  return found;
}

/** Nanodollars for one request. */
export function cost(price, usage) {
  const prompt = usage.input + usage.cache_read + usage.cache_write;
  const rates = ratesAt(price, prompt);
  let picodollars = usage.images * price.image + price.request;
  for (const bucket of BUCKETS) picodollars += usage[bucket] * rates[bucket];
  return (picodollars + 999n) / 1000n;
}

/** Nanodollars as exact dollars with at least two decimals. */
export function usd(amount) {
  const rest = (amount % 1000000000n).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = (amount / 1000000000n).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `$${whole}.${rest.padEnd(2, "0")}`;
}

/** A price as a page carries it (texts) → BigInt. */
export function priceOf(texts) {
  const price = {};
  for (const [name, value] of Object.entries(texts)) {
    price[name] = Array.isArray(value) ? value.map(priceOf) : BigInt(value);
  }
  price.tiers ??= [];
  return price;
}

/** What stands in a field, as a whole number ≥ 0; 0 when it is none. */
export function whole(text) {
  const digits = text.replace(/[\s,_']/g, "");
  return /^\d{1,15}$/.test(digits) ? BigInt(digits) : 0n;
}
