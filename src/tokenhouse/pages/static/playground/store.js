// What stays in the browser: the key, and conversations. Where storage is switched off they live as
// long as the page.

const KEY = "tokenhouse.key";
const TABLE = "conversations";
let memoryKey = "";

export function readKey() {
  try {
    return localStorage.getItem(KEY) ?? memoryKey;
  } catch {
    return memoryKey;
  }
}

export function writeKey(key) {
  memoryKey = key;
  try {
    if (key) localStorage.setItem(KEY, key);
    else localStorage.removeItem(KEY);
  } catch {
    // it lasts for this page then
  }
}

const settled = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

/** What was asked of a request that succeeded is lost until its transaction has been committed. */
const committed = (transaction) =>
  new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onabort = () => failed(transaction.error);
  });

/** Conversations by id, the latest first. */
export class Shelf {
  constructor(database) {
    this.database = database;
    this.known = new Map();
  }

  static async open() {
    let database = null;
    try {
      const opening = indexedDB.open("tokenhouse", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "id" });
      database = await settled(opening);
    } catch {
      // private windows may have none
    }
    const shelf = new Shelf(database);
    if (database) {
      const rows = await settled(database.transaction(TABLE).objectStore(TABLE).getAll());
      for (const row of rows) shelf.known.set(row.id, row);
    }
    return shelf;
  }

  all() {
    return [...this.known.values()].sort((one, other) => other.updated - one.updated);
  }

  async put(conversation) {
    this.known.set(conversation.id, conversation);
    await this.#write((table) => table.put(structuredClone(conversation)));
  }

  async remove(id) {
    this.known.delete(id);
    await this.#write((table) => table.delete(id));
  }

  async #write(act) {
    if (!this.database) return;
    try {
      const transaction = this.database.transaction(TABLE, "readwrite");
      act(transaction.objectStore(TABLE));
      await committed(transaction);
    } catch {
      // the disk is full: it stays in memory
    }
  }
}
