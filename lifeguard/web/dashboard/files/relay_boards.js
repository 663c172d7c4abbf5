// Relay boards: which work, since when, and which outlets are owed.

import { askForToken, roleButton } from "./dialogs.js";
import { complaint, element, panel, table } from "./dom.js";
import { get, now, post } from "./session.js";
import { ago, clockTime, KINDS, LOOKS, plural, RELAY_BOARD_KINDS } from "./words.js";

const ROWS = 20;

export class RelayBoardsPage {
  element = element("div", { class: "shared" });
  title = "Relay boards";
  #show = () => this.#render();
  #cards = new Map();

  constructor(lab) {
    this.lab = lab;
  }

  enter() {
    this.lab.addEventListener("conditions", this.#show);
    this.#render();
  }

  leave() {
    this.lab.removeEventListener("conditions", this.#show);
  }

  #render() {
    const rank = (one) => KINDS.indexOf(RELAY_BOARD_KINDS[one.state]);
    const worstFirst = [...this.lab.relayBoards].sort((a, b) => rank(a) - rank(b));
    const cards = worstFirst.map((one) => this.#card(one));
    const parts = [element("h1", {}, plural(cards.length, "relay board"))];
    parts.push(element("div", { class: "cards" }, cards));
    if (this.lab.owed.length) parts.push(panel(owedTitle(this.lab.owed), owedTable(this.lab.owed)));
    this.element.replaceChildren(...parts);
  }

  #card(relayBoard) {
    const { name } = relayBoard;
    if (!this.#cards.has(name)) this.#cards.set(name, new Card(name, this.lab));
    const card = this.#cards.get(name);
    card.show(relayBoard);
    return card.element;
  }
}

class Card {
  #facts = element("dl", { class: "facts" });
  #badge = element("span", { class: "badge" });
  #said = element("div", { role: "status" });
  #past = element("div");

  constructor(name, lab) {
    this.name = name;
    this.lab = lab;
    const past = element("details", {}, element("summary", {}, "History"), this.#past);
    past.addEventListener("toggle", () => past.open && this.#readHistory());
    const test = roleButton("operate", "Test its link", () => this.#test());
    const boards = element("a", { href: `/?search=${encodeURIComponent(`${name}/`)}` }, "Boards");
    this.element = element("section", { class: "panel card" },
      element("h2", {}, name, " ", this.#badge),
      this.#facts,
      element("div", { class: "buttons" }, test, boards),
      this.#said,
      past,
    );
  }

  show(relayBoard) {
    const kind = RELAY_BOARD_KINDS[relayBoard.state];
    this.element.dataset.kind = this.#badge.dataset.kind = kind;
    this.#badge.textContent = `${LOOKS[kind].mark} ${relayBoard.state}`;
    const facts = [...namedFacts(relayBoard)];
    this.#facts.replaceChildren(
      ...facts.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]),
    );
  }

  async #test() {
    this.#said.replaceChildren(element("p", { class: "soft" }, "Testing…"));
    try {
      this.show(await post(`/relay-boards/${encodeURIComponent(this.name)}/test`));
      this.#said.replaceChildren(element("p", {}, "It answers."));
    } catch (error) {
      this.#said.replaceChildren(complaint(error.message));
      if (error.status === 403) askForToken(error.message);
    }
  }

  async #readHistory() {
    try {
      const { history } = await get(`/relay-boards/${encodeURIComponent(this.name)}/history?limit=${ROWS}`);
      const rows = history.map((row) => [clockTime(row.at, now()), row.state, row.why]);
      this.#past.replaceChildren(rows.length ? table(["Time", "State", "Why"], rows) : "It has always worked.");
    } catch (error) {
      this.#past.replaceChildren(complaint(error.message));
    }
  }
}

function* namedFacts(one) {
  const at = now();
  if (one.since) yield ["since", `${clockTime(one.since, at)}, ${ago(one.since, at)} ago`];
  if (one.why) yield ["why", one.why];
  yield ["driver", `${one.driver} at ${one.address}`];
  yield ["waiting", plural(one.waiting, "order")];
  yield ["worked", one.last_success ? `${ago(one.last_success, at)} ago` : "never"];
  if (one.last_error) {
    const when = one.last_error_at ? ` (${ago(one.last_error_at, at)} ago)` : "";
    yield ["last error", one.last_error + when];
  }
}

function owedTitle(owed) {
  return `${plural(owed.length, "outlet")} to switch on again`;
}

function owedTable(owed) {
  const link = (board) => element("a", { href: `/boards/${encodeURIComponent(board)}` }, board);
  const rows = owed.map((one) => [one.outlet, link(one.board), String(one.tries), one.last_error ?? ""]);
  return table(["Outlet", "Board", "Tries", "Last error"], rows);
}
