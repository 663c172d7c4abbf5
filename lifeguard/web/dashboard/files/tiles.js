// Boards as tiles in groups: what is seen of each, and how a keyboard goes about them.
//
// A tile is a link. Its size says how much it tells: "small" a pattern, "medium" a name
// besides, "large" what its board is about.

import { element } from "./dom.js";
import { boardPath, now } from "./session.js";
import { ago, duration, kindOf, LOOKS, secondsLeft, strikes } from "./words.js";

const PLACED_AT_ONCE = 1500;
const LONGEST_NAME = 40;
const PULSE = [{ outlineColor: "var(--accent)" }, { outlineColor: "transparent" }];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Tile {
  index = 0; // its place among all that are shown
  placedAs = null; // the kind by which it was put in its place

  constructor(name) {
    this.link = element("a", { class: "tile", href: boardPath(name), tabindex: -1 });
    this.link.tile = this;
  }

  show(board, size) {
    const kind = kindOf(board);
    this.board = board;
    this.link.dataset.kind = kind;
    this.link.setAttribute("aria-label", `${board.name}, ${LOOKS[kind].words}, ${board.state}`);
    if (size === "small") return;
    const mark = element("span", { class: "mark" }, LOOKS[kind].mark);
    const name = element("span", { class: "name" }, board.name);
    const more = size === "large" ? largeParts(board) : [];
    this.link.replaceChildren(mark, name, ...more);
  }

  // Taken out first, the others need not be moved around it.
  leaveWrongPlace() {
    const kind = kindOf(this.board);
    if (this.placedAs !== kind) this.link.remove();
    this.placedAs = kind;
  }

  pulse() {
    if (!calm.matches) this.link.animate(PULSE, 1200);
  }
}

function largeParts(board) {
  const counted = strikes(board) ? [element("span", { class: "when" }, struck(board))] : [];
  return [
    element("span", { class: "state" }, board.state),
    ...counted,
    element("span", { class: "when" }, when(board)), // the last: it is told anew each second
  ];
}

function struck(board) {
  return `strikes ${strikes(board)}`;
}

function when(board) {
  const left = secondsLeft(board);
  const stay = `for ${ago(board.since, now())}`;
  if (left === null || kindOf(board) !== "busy") return stay;
  return `${stay} · times out in ${duration(left)}`;
}

// A group: its heading, and the tiles that are wanted in it.
class Section {
  wanted = [];
  #heading = element("h2");
  #tiles = element("div", { class: "tiles" });
  whole = element("section", { class: "group" }, this.#heading, this.#tiles);

  want({ title, note, kind }, tiles) {
    this.wanted = tiles;
    const noted = element("span", { class: "note", "data-kind": kind }, note);
    this.#heading.replaceChildren(element("span", {}, title), noted);
  }

  fill() {
    const focused = document.activeElement;
    for (const tile of this.wanted) tile.leaveWrongPlace();
    reconcile(this.#tiles, this.wanted.map((tile) => tile.link));
    if (focused.isConnected && focused !== document.activeElement) {
      focused.focus({ preventScroll: true });
    }
  }
}

// A board in one line, as it is read out below the tiles.
export function line(board) {
  const look = LOOKS[kindOf(board)];
  const counted = strikes(board) ? ` · ${struck(board)}` : "";
  return `${look.mark} ${board.name}: ${board.state} (${look.words}) ${when(board)}${counted}`;
}

export class Tiles {
  element = element("div", { class: "groups" });
  pointedAt = -Infinity; // when a pointer moved over the tiles, as performance.now() says
  #tiles = new Map();
  #sections = new Map();
  #order = [];
  #current = null; // the one that the Tab key finds
  #size = null;
  #turn = 0;

  // `readOut` hears of the board that is looked at.
  constructor(readOut) {
    const look = (event) => {
      const tile = event.target.closest(".tile")?.tile;
      if (tile) readOut(tile.board);
      return tile;
    };
    this.element.addEventListener("pointerover", look);
    this.element.addEventListener("pointermove", () => (this.pointedAt = performance.now()));
    this.element.addEventListener("focusin", (event) => this.#makeCurrent(look(event)));
    this.element.addEventListener("keydown", (event) => this.#steer(event));
  }

  // Show these groups in this order, each `{ title, note, kind, boards }`.
  //
  // So many tiles a frame are put in their places; what is begun later ends it.
  async arrange(groups, size) {
    const turn = ++this.#turn;
    if (size !== this.#size) this.#tiles.clear();
    this.#size = this.element.dataset.size = size;
    const shown = new Set(groups.map((group) => group.title));
    for (const title of this.#sections.keys()) if (!shown.has(title)) this.#sections.delete(title);
    const sections = groups.map((group) => this.#section(group));
    this.#order = sections.flatMap((section) => section.wanted);
    for (const [index, tile] of this.#order.entries()) tile.index = index;
    this.#makeRoomForNames();
    reconcile(this.element, sections.map((section) => section.whole));
    let placed = 0;
    for (const section of sections) {
      if (placed > PLACED_AT_ONCE) {
        await new Promise(requestAnimationFrame);
        if (turn !== this.#turn) return;
        placed = 0;
      }
      section.fill();
      placed += section.wanted.length;
    }
    this.#makeCurrent(this.#current?.link.isConnected ? this.#current : this.#order[0]);
  }

  // A board has changed; it stays where it is until they are arranged anew.
  update(board) {
    const tile = this.#tiles.get(board.name);
    if (tile === undefined || !tile.link.isConnected) return;
    const hasMoved = tile.board.state !== board.state;
    tile.show(board, this.#size);
    if (hasMoved && this.#size !== "small") tile.pulse();
  }

  // Time has passed: only large tiles tell it.
  tick() {
    if (this.#size !== "large") return;
    for (const { link, board } of this.#order) link.lastChild.textContent = when(board);
  }

  // The ends of names tell boards apart, so none is cut but the very long.
  #makeRoomForNames() {
    const longest = Math.max(0, ...this.#order.map((tile) => tile.board.name.length));
    this.element.style.setProperty("--name", `${Math.min(longest, LONGEST_NAME)}ch`);
  }

  #section(group) {
    if (!this.#sections.has(group.title)) this.#sections.set(group.title, new Section());
    const section = this.#sections.get(group.title);
    section.want(group, group.boards.map((board) => this.#tile(board)));
    return section;
  }

  #tile(board) {
    if (!this.#tiles.has(board.name)) this.#tiles.set(board.name, new Tile(board.name));
    const tile = this.#tiles.get(board.name);
    if (tile.board !== board) tile.show(board, this.#size);
    return tile;
  }

  #makeCurrent(tile) {
    if (tile === undefined) return;
    if (this.#current) this.#current.link.tabIndex = -1;
    this.#current = tile;
    tile.link.tabIndex = 0;
  }

  #steer(event) {
    const tile = event.target.closest(".tile")?.tile;
    if (!tile || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = {
      ArrowLeft: () => this.#order[tile.index - 1],
      ArrowRight: () => this.#order[tile.index + 1],
      ArrowUp: () => this.#beyond(tile, -1),
      ArrowDown: () => this.#beyond(tile, 1),
      Home: () => this.#order[0],
      End: () => this.#order.at(-1),
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    target()?.link.focus();
  }

  // The tile above or below: in the next row that way, the nearest to the same column.
  #beyond(tile, step) {
    const { left, top } = tile.link.getBoundingClientRect();
    let best, row;
    for (let index = tile.index + step; this.#order[index]; index += step) {
      const place = this.#order[index].link.getBoundingClientRect();
      if (place.top === top) continue;
      row ??= place.top;
      if (place.top !== row) break;
      const distance = Math.abs(place.left - left);
      if (best === undefined || distance < best.distance) best = { distance, index };
    }
    return best && this.#order[best.index];
  }
}

// Makes `wanted` the children of `parent`; what is in order is not touched.
function reconcile(parent, wanted) {
  let there = parent.firstChild;
  for (const child of wanted) {
    if (child === there) there = there.nextSibling;
    else parent.insertBefore(child, there);
  }
  while (there) {
    const gone = there;
    there = there.nextSibling;
    gone.remove();
  }
}
