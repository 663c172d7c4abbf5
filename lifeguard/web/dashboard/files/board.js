// One board: why it is here, what happens next, its past, and what may be asked of it.

import { askForToken, confirmRequest, confirmState, roleButton } from "./dialogs.js";
import { complaint, element, panel, table } from "./dom.js";
import { Lifecycle } from "./lifecycle.js";
import { boardPath, get, now, post } from "./session.js";
import { ago, clockTime, duration, kindOf, LOOKS, outcome, requestWords, secondsLeft } from "./words.js";

const ROWS = 20;
const READ_AGAIN = 300; // milliseconds: a burst of changes is one reading
const POLL_EVERY = 10000; // what is not a change: power that is waited for, fetches

export class BoardPage {
  element = element("div", { class: "board" });
  #board = null;
  #lifecycle = null;
  #title = element("h1");
  #requests = element("div", { class: "requests", role: "group", "aria-label": "Requests" });
  #facts = element("dl", { class: "facts" });
  #next = element("div");
  #strikes = element("div");
  #picture = element("div", {}, element("p", { class: "soft" }, "Drawing…"));
  #history = element("ol", { class: "history" });
  #older = element("button", { type: "button", click: () => this.#readOlder() }, "Older");
  #config = element("div");
  #timer = null;
  #ticks = null;
  #polls = null;
  #listen = (event) => event.detail?.has(this.name) && this.#readSoon();
  #whole = (event) => event.detail === null && this.#readSoon();

  constructor(lab, name) {
    this.lab = lab;
    this.name = name;
    this.element.append(this.#title, element("p", {}, "Reading…"));
  }

  get title() {
    return this.#board ? `${LOOKS[kindOf(this.#board)].mark} ${this.name} ${this.#board.state}` : this.name;
  }

  enter() {
    this.lab.addEventListener("boards", this.#listen);
    this.lab.addEventListener("boards", this.#whole);
    this.#ticks = setInterval(() => this.#board && this.#showFacts(), 1000);
    this.#polls = setInterval(() => this.#readSoon(), POLL_EVERY);
    this.#title.textContent = this.name;
    this.#read();
  }

  leave() {
    this.lab.removeEventListener("boards", this.#listen);
    this.lab.removeEventListener("boards", this.#whole);
    clearInterval(this.#ticks);
    clearInterval(this.#polls);
    clearTimeout(this.#timer);
    this.#timer = this.#ticks = null;
  }

  #readSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#read();
    }, READ_AGAIN);
  }

  async #read() {
    try {
      const [board, history] = await Promise.all([
        get(boardPath(this.name)),
        get(boardPath(this.name, `/history?limit=${ROWS}`)).catch(() => null),
      ]);
      board.heardAt = performance.now();
      const isFirst = this.#board === null;
      this.#board = board;
      if (isFirst) this.#build();
      this.#show();
      if (history) this.#showHistory(history);
    } catch (error) {
      if (error.status) this.element.replaceChildren(this.#title, complaint(error.message));
    }
  }

  #build() {
    this.element.replaceChildren(
      element("div", { class: "head" }, this.#title, this.#requests),
      element("div", { class: "columns" },
        panel("Why it is here", this.#facts),
        panel("What each event would do", this.#next),
      ),
      panel("Lifecycle", this.#picture),
      panel("History", this.#history, this.#older),
      panel("Boot config", this.#config),
    );
    this.#showConfig();
    if (this.#board.hardware === null) this.#picture.replaceChildren("It is not in the inventory any more.");
    else this.#draw(this.#board.hardware);
  }

  async #draw(hardware) {
    const lifecycle = new Lifecycle(hardware);
    try {
      await lifecycle.load();
    } catch {
      this.#picture.replaceChildren(complaint("The picture could not be had."));
      return;
    }
    this.#lifecycle = lifecycle;
    this.#picture.replaceChildren(lifecycle.element);
    lifecycle.light(this.#board);
    this.#showRequests();
  }

  #show() {
    const kind = kindOf(this.#board);
    const state = element("span", { class: "badge", "data-kind": kind }, `${LOOKS[kind].mark} ${this.#board.state}`);
    this.#title.replaceChildren(this.name, " ", state);
    document.title = `${this.title} · lifeguard`;
    this.#showFacts();
    this.#showRequests();
    this.#showNext();
    this.#lifecycle?.light(this.#board);
  }

  #showFacts() {
    const facts = [...namedFacts(this.#board, this.lab)];
    const wanted = facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
    this.#facts.replaceChildren(...wanted);
  }

  #showNext() {
    const rows = [...this.#board.next]
      .sort((a, b) => weight(a.event) - weight(b.event))
      .map((one) => [element("code", {}, one.event), one.does]);
    const none = "Nothing: no event does anything here.";
    this.#next.replaceChildren(rows.length ? table(["Event", "What it would do"], rows) : none);
  }

  #showRequests() {
    const asked = this.#board.accepted.filter((event) => event.startsWith("rq-"));
    const buttons = asked.map((event) => roleButton("operate", requestWords(event), () => this.#request(event)));
    if (this.#lifecycle) buttons.push(roleButton("admin", "Set state", () => this.#change(), "quiet"));
    // Left alone while they are the same: one of them may have the focus.
    const words = (nodes) => [...nodes].map((node) => node.textContent).join();
    if (words(buttons) !== words(this.#requests.children)) this.#requests.replaceChildren(...buttons);
  }

  async #request(event) {
    const path = boardPath(this.name, `/events/${event}`);
    await confirmRequest(this.#board, event, (body) => post(path, body));
    this.#read();
  }

  async #change() {
    const path = boardPath(this.name, "/state");
    await confirmState(this.#board, [...this.#lifecycle.kinds.keys()], (body) => post(path, body));
    this.#read();
  }

  // The newest rows; older ones that are shown already stay.
  #showHistory(page) {
    const known = new Map([...this.#history.children].map((row) => [Number(row.dataset.id), row]));
    for (const row of page.history) known.set(row.id, this.#historyRow(row));
    const inOrder = [...known.keys()].sort((a, b) => b - a).map((id) => known.get(id));
    this.#history.replaceChildren(...inOrder);
    if (page.next === null) this.#older.hidden = true;
  }

  async #readOlder() {
    const last = this.#history.lastElementChild?.dataset.id;
    try {
      this.#showHistory(await get(boardPath(this.name, `/history?limit=${ROWS}&before=${last}`)));
    } catch (error) {
      this.#older.replaceWith(complaint(error.message));
    }
  }

  #historyRow(row) {
    const kind = row.outcome === "moved" ? (this.#lifecycle?.kinds.get(row.to_state) ?? "") : row.outcome;
    return element("li", { "data-id": row.id, "data-kind": kind },
      element("time", { datetime: row.at }, clockTime(row.last ?? row.at, now())),
      element("code", {}, row.event),
      element("span", {}, outcome(row)),
      element("span", { class: "soft" }, `by ${row.source}, generation ${row.generation}`),
    );
  }

  async #showConfig() {
    try {
      const config = await get(boardPath(this.name, "/boot-config"));
      this.#config.replaceChildren(element("pre", { tabindex: 0 }, JSON.stringify(config, null, 2)));
    } catch (error) {
      const signIn = async () => (await askForToken()) && this.#showConfig();
      const button = element("button", { type: "button", click: signIn }, "Sign in");
      this.#config.replaceChildren(complaint(error.message), error.status === 403 ? button : "");
    }
  }
}

// First what comes by itself, then what is heard of, then what may be asked for.
function weight(event) {
  if (event === "timeout") return 0;
  return event.startsWith("rq-") ? 2 : 1;
}

function* namedFacts(board, lab) {
  const at = now();
  yield ["since", `${clockTime(board.since, at)}, ${ago(board.since, at)} ago`];
  if (board.came) yield ["because", cause(board.came)];
  yield ["next", deadline(board, at)];
  for (const [state, count] of Object.entries(board.strikes).sort()) {
    yield ["strikes", strikeMeter(state, count)];
  }
  yield ["generation", `${board.generation}, as many as power cycles ordered`];
  yield ["image", imageWords(board)];
  yield ["boots now", bootWords(board.boots)];
  if (board.progress) yield ["last boot", board.progress.summary];
  if (board.request) yield ["request", `${board.request.event} ${board.request.image ?? ""}`.trim()];
  yield ["hardware", board.hardware ?? "not in the inventory any more"];
  yield ["address", [board.address, board.mac].filter(Boolean).join(", ") || "unknown"];
  yield ["power", board.power.join(", ") || "none: nothing can reboot it"];
  for (const owed of board.owed) {
    yield ["owed", `${owed.outlet} must be on again, ${owed.tries} tries failed`];
  }
  if (board.poll_withheld) yield ["polls", "it answers none, and neither do so many that nobody is told"];
  for (const incident of lab.incidents.filter((one) => one.failing.includes(board.name))) {
    yield ["incident", element("a", { href: "/incidents" }, incident.text)];
  }
}

function cause(came) {
  const where = came.from_state === came.to_state ? "" : ` in ${came.from_state}`;
  return `${came.event}${where}, by ${came.source}` + (came.reason ? `: ${came.reason}` : "");
}

function deadline(board, at) {
  if (board.waits_for_power) return "its relay board has others to serve first";
  const left = secondsLeft(board);
  if (left === null) return "nothing by itself: it waits for an event or a request";
  const timeout = board.next.find((one) => one.event === "timeout");
  const when = clockTime(at + left * 1000, at);
  return `timeout in ${duration(left)}, at ${when}` + (timeout ? `: ${timeout.does}` : "");
}

function strikeMeter(state, { count, allowed }) {
  const text = `${count} of ${allowed ?? "?"} allowed in ${state}`;
  if (allowed === null) return text;
  const levels = { min: 0, optimum: 0, low: allowed / 2, high: allowed, max: allowed + 1 };
  const meter = element("meter", { ...levels, value: count, "aria-label": text });
  return element("span", { class: "strikes" }, meter, text);
}

function imageWords(board) {
  const there = board.image ?? "nobody knows what is on the disk";
  const wanted = board.wanted_image;
  return wanted === null || wanted === board.image ? there : `${there}; ${wanted} is wanted`;
}

function bootWords({ what, image, reason }) {
  return {
    image: `the image ${image}`,
    disk: "its disk",
    nothing: `nothing: ${reason}`,
    "not-ours": "what others say: it is not lifeguard's",
  }[what];
}
