// The boards as lifeguard tells of them, and what they share; never older than it says.
//
// A stream tells every change; when it was lost, the boards are read anew. Listeners hear
// "boards" once a frame (`detail`: the changed boards by name, null for all),
// "conditions", and "connection".

import { get, now, openStream } from "./session.js";

const PAGE = 1000;
const CONDITIONS_EVERY = 10000;
const TRY_AGAIN = 1500;

export class Lab extends EventTarget {
  boards = new Map();
  isRead = false;
  lostAt = null; // when the connection was lost, in milliseconds
  health = { braked: false, withheld: [] };
  relayBoards = [];
  owed = [];
  incidents = []; // the open ones
  #changed = new Map();
  #frame = null;
  #source = null;
  #again = null;
  #reading = 0;

  start() {
    this.#connect();
    this.#keepConditions();
  }

  // Relay boards, incidents and polls are in no stream: they are asked for.
  async readConditions() {
    const [health, relays, incidents] = await Promise.all([
      get("/health"),
      get("/relay-boards"),
      get("/incidents?limit=100"),
    ]);
    this.health = health;
    this.relayBoards = relays.relay_boards;
    this.owed = relays.owed;
    this.incidents = incidents.incidents.filter((one) => one.closed === null);
    this.#tell("conditions");
  }

  #connect() {
    this.#source = openStream();
    this.#source.onopen = () => this.#read();
    this.#source.onmessage = (event) => this.#hear(JSON.parse(event.data));
    this.#source.onerror = () => this.#lost();
  }

  #lost() {
    this.#source.close();
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#connect(), TRY_AGAIN);
    if (this.lostAt !== null) return;
    this.lostAt = now();
    this.#tell("connection");
  }

  async #keepConditions() {
    try {
      await this.readConditions();
    } catch (error) {
      // The database may be away while the connection is well: an answer is no loss.
      if (error.status === undefined) this.#lost();
    }
    setTimeout(() => this.#keepConditions(), CONDITIONS_EVERY);
  }

  // All boards, page by page; what the stream tells meanwhile is newer than a page.
  async #read() {
    const reading = ++this.#reading;
    const found = new Set();
    try {
      for (let after = ""; after !== null; ) {
        const page = await get(`/boards?limit=${PAGE}&after=${encodeURIComponent(after)}`);
        if (reading !== this.#reading) return;
        for (const board of page.boards) {
          found.add(board.name);
          this.#take(board);
        }
        after = page.next;
        this.#tellBoards();
      }
    } catch {
      if (reading === this.#reading) this.#lost();
      return;
    }
    for (const name of this.boards.keys()) if (!found.has(name)) this.boards.delete(name);
    this.isRead = true;
    this.lostAt = null;
    this.#tell("boards", null);
    this.#tell("connection");
  }

  #hear({ board, change }) {
    if (!this.#take(board)) return;
    this.#changed.set(board.name, change);
    this.#tellBoards();
  }

  #take(board) {
    const known = this.boards.get(board.name);
    if (known !== undefined && known.version > board.version) return false;
    board.heardAt = performance.now();
    this.boards.set(board.name, board);
    this.#changed.set(board.name, null);
    return true;
  }

  #tellBoards() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      const changed = this.#changed;
      this.#changed = new Map();
      this.#tell("boards", changed);
    });
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
