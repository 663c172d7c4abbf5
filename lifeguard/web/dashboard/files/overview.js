// The lab at a glance: how many boards are how, and a tile for each, the worst first.

import { element } from "./dom.js";
import { line, Tiles } from "./tiles.js";
import { kindOf, KINDS, LOOKS, plural, RELAY_BOARD_KINDS } from "./words.js";

const ARRANGE_EVERY = 2000; // milliseconds: tiles shall not jump about
const POINTING = 3000; // so long a pointer that moved over the tiles may want to hit one
const MOST_LARGE = 60;
const MOST_MEDIUM = 1500;
const HINT = "Arrow keys go from board to board, Enter opens one.";

const GROUPINGS = {
  "relay-board": { words: "relay board", of: relayBoardOf },
  hardware: { words: "hardware", of: (board) => board.hardware ?? "not in the inventory" },
};

const byName = new Intl.Collator("en", { numeric: true });

function relayBoardOf(board) {
  if (board.removed) return "not in the inventory";
  return board.power.length ? board.power[0].split("/")[0] : "without power";
}

// One that was there stays as it is while another page is shown.
export class Overview {
  #lab;
  #counts = new Map();
  #total = element("span", { class: "total" });
  #search = element("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": "Search by name, state, image, hardware or outlet",
    input: () => this.#choose({ search: this.#search.value.trim() }),
  });
  #grouping = element("select", {
    "aria-label": "Group by",
    change: () => this.#choose({ group: this.#grouping.value }),
  });
  #readout = element("p", { class: "readout", "aria-hidden": "true" }, HINT);
  #empty = element("p", { class: "empty" });
  #tiles = new Tiles((board) => (this.#readout.textContent = line(board)));
  #places = new Map();
  #isShown = false;
  #isStale = true;
  #timer = null;

  constructor(lab) {
    this.#lab = lab;
    for (const kind of KINDS) this.#counts.set(kind, this.#countButton(kind));
    for (const [value, { words }] of Object.entries(GROUPINGS)) {
      this.#grouping.append(element("option", { value }, `by ${words}`));
    }
    const counts = element("div", { class: "counts", role: "group", "aria-label": "Kinds" });
    counts.append(this.#total, ...this.#counts.values());
    const bar = element("div", { class: "bar" }, counts, this.#search, this.#grouping);
    const title = element("h1", { class: "unseen" }, "The lab");
    this.element = element("div", { class: "overview" });
    this.element.append(title, bar, this.#tiles.element, this.#empty, this.#readout);
    lab.addEventListener("boards", (event) => this.#changed(event.detail));
    lab.addEventListener("conditions", () => this.#arrangeSoon());
    setInterval(() => this.#isShown && this.#tiles.tick(), 1000);
  }

  get title() {
    const failed = this.#count().failed;
    return failed ? `✗ ${failed} failed` : plural(this.#lab.boards.size, "board");
  }

  enter() {
    this.#isShown = true;
    const chosen = this.#chosen();
    this.#search.value = chosen.search;
    this.#grouping.value = chosen.group;
    this.#arrange();
  }

  leave() {
    this.#isShown = false;
  }

  // What the URL says.
  #chosen() {
    const query = new URLSearchParams(location.search);
    const group = query.get("group");
    return {
      group: group in GROUPINGS ? group : "relay-board",
      kinds: (query.get("kind") ?? "").split(",").filter((kind) => kind in LOOKS),
      search: query.get("search") ?? "",
    };
  }

  #choose(change) {
    const { group, kinds, search } = { ...this.#chosen(), ...change };
    const query = new URLSearchParams();
    if (group !== "relay-board") query.set("group", group);
    if (kinds.length) query.set("kind", kinds.join());
    if (search) query.set("search", search);
    history.replaceState(null, "", query.size ? `/?${query}` : "/");
    this.#arrange();
  }

  #countButton(kind) {
    const toggle = () => {
      const { kinds } = this.#chosen();
      const others = kinds.filter((one) => one !== kind);
      this.#choose({ kinds: others.length < kinds.length ? others : [...kinds, kind] });
    };
    return element("button", { type: "button", class: "count", "data-kind": kind, click: toggle });
  }

  #count() {
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    for (const board of this.#lab.boards.values()) counts[kindOf(board)]++;
    return counts;
  }

  #changed(changed) {
    this.#isStale = true;
    if (!this.#isShown) return;
    if (changed === null) return this.#arrange();
    for (const name of changed.keys()) this.#tiles.update(this.#lab.boards.get(name));
    this.#showCounts();
    this.#arrangeSoon();
  }

  #arrangeSoon() {
    this.#isStale = true;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const isPointed = performance.now() - this.#tiles.pointedAt < POINTING;
      if (isPointed) this.#arrangeSoon();
      else if (this.#isShown && this.#isStale) this.#arrange();
    }, ARRANGE_EVERY);
  }

  #arrange() {
    this.#isStale = false;
    this.#showCounts();
    if (!this.#lab.isRead) {
      this.#empty.textContent = "Reading the boards…";
      return;
    }
    const chosen = this.#chosen();
    const boards = [...this.#lab.boards.values()].filter((board) => fits(board, chosen));
    const places = this.#namesInOrder();
    const rank = (board) => KINDS.indexOf(kindOf(board)) * places.size + places.get(board.name);
    boards.sort((a, b) => rank(a) - rank(b));
    this.#tiles.arrange(this.#groups(boards, chosen.group), sizeFor(boards.length));
    this.#empty.textContent = boards.length ? "" : this.#nothing();
  }

  // The place of each name; to compare names takes long, so it is done when there are new ones.
  #namesInOrder() {
    const { boards } = this.#lab;
    const isKnown = boards.size === this.#places.size;
    if (!isKnown || ![...boards.keys()].every((name) => this.#places.has(name))) {
      const names = [...boards.keys()].sort(byName.compare);
      this.#places = new Map(names.map((name, place) => [name, place]));
    }
    return this.#places;
  }

  #nothing() {
    if (this.#lab.boards.size) return "No board is like that.";
    return "There are no boards yet: the inventory names none.";
  }

  #showCounts() {
    const counts = this.#count();
    const { kinds } = this.#chosen();
    this.#total.textContent = plural(this.#lab.boards.size, "board");
    for (const [kind, button] of this.#counts) {
      const { mark, words } = LOOKS[kind];
      button.hidden = counts[kind] === 0 && !kinds.includes(kind);
      button.textContent = `${mark} ${counts[kind]} ${words}`;
      button.setAttribute("aria-pressed", kinds.includes(kind));
    }
  }

  // Those where most have failed first, then those whose relay board is ill.
  #groups(boards, grouping) {
    const groups = new Map();
    for (const board of boards) {
      const title = GROUPINGS[grouping].of(board);
      if (!groups.has(title)) groups.set(title, { title, boards: [] });
      groups.get(title).boards.push(board);
    }
    for (const group of groups.values()) Object.assign(group, this.#note(group, grouping));
    const failed = (group) => group.boards.filter((board) => board.kind === "failed").length;
    return [...groups.values()].sort(
      (a, b) => failed(b) - failed(a) || !a.kind - !b.kind || byName.compare(a.title, b.title),
    );
  }

  #note(group, grouping) {
    const count = plural(group.boards.length, "board");
    const relayBoard = this.#lab.relayBoards.find((one) => one.name === group.title);
    if (grouping !== "relay-board" || !relayBoard || relayBoard.state === "Working") {
      return { note: count, kind: null };
    }
    const kind = RELAY_BOARD_KINDS[relayBoard.state];
    return { note: `${LOOKS[kind].mark} ${relayBoard.state} · ${count}`, kind };
  }
}

function fits(board, { kinds, search }) {
  if (kinds.length && !kinds.includes(kindOf(board))) return false;
  const wanted = search.toLowerCase();
  const { name, state, image, hardware, power } = board;
  const texts = [name, state, image ?? "", hardware ?? "", ...power];
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

function sizeFor(count) {
  if (count <= MOST_LARGE) return "large";
  return count <= MOST_MEDIUM ? "medium" : "small";
}
