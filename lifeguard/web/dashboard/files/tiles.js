// Boards as tiles in groups: what is seen of each, and how a keyboard goes about them.
//
// A tile is a link. Its size says how much it tells: "small" a pattern, "medium" a name
// besides, "large" what its board is about.

import { element } from "./dom.js";
import { boardPath, now } from "./session.js";
import { ago, duration, kindOf, LOOKS, secondsLeft, strikes } from "./words.js";

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

  pulse() {
    if (!calm.matches) this.link.animate(PULSE, 1200);
  }
}

function largeParts(board) {
  return [
    element("span", { class: "state" }, board.state),
    element("span", { class: "when" }, when(board)),
  ];
}

function when(board) {
  const left = secondsLeft(board);
  const parts = [`for ${ago(board.since, now())}`];
  if (left !== null && kindOf(board) === "busy") parts.push(`times out in ${duration(left)}`);
  if (strikes(board)) parts.push(`strikes ${strikes(board)}`);
  return parts.join(" · ");
}

// A board in one line, as it is read out below the tiles.
export function line(board) {
  const look = LOOKS[kindOf(board)];
  return `${look.mark} ${board.name}: ${board.state} (${look.words}) ${when(board)}`;
}

export class Tiles {
  element = element("div", { class: "groups" });
  pointedAt = -Infinity; // when a pointer moved over the tiles, as performance.now() says
  #tiles = new Map();
  #sections = new Map();
  #order = [];
  #current = null; // the one that the Tab key finds
  #size = null;

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
  arrange(groups, size) {
    const focused = document.activeElement;
    if (size !== this.#size) this.#tiles.clear();
    this.#size = this.element.dataset.size = size;
    this.#order = [];
    const shown = new Set(groups.map((group) => group.title));
    for (const title of this.#sections.keys()) if (!shown.has(title)) this.#sections.delete(title);
    reconcile(this.element, groups.map((group) => this.#section(group)));
    this.#makeCurrent(this.#current?.link.isConnected ? this.#current : this.#order[0]);
    if (focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
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

  #section(group) {
    let section = this.#sections.get(group.title);
    if (section === undefined) {
      const heading = element("h2");
      const tiles = element("div", { class: "tiles" });
      section = { whole: element("section", { class: "group" }, heading, tiles), heading, tiles };
      this.#sections.set(group.title, section);
    }
    const note = element("span", { class: "note", "data-kind": group.kind }, group.note);
    section.heading.replaceChildren(element("span", {}, group.title), note);
    reconcile(section.tiles, group.boards.map((board) => this.#place(board)));
    return section.whole;
  }

  #place(board) {
    let tile = this.#tiles.get(board.name);
    if (tile === undefined) {
      tile = new Tile(board.name);
      this.#tiles.set(board.name, tile);
    }
    if (tile.board !== board) tile.show(board, this.#size);
    // Taken out first, the others need not be moved around it.
    if (tile.placedAs !== kindOf(board)) tile.link.remove();
    tile.placedAs = kindOf(board);
    tile.index = this.#order.push(tile) - 1;
    return tile.link;
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
