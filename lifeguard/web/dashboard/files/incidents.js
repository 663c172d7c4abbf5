// Incidents: boards that failed, by what is to blame; the open ones first.

import { confirmAct, roleButton } from "./dialogs.js";
import { complaint, element } from "./dom.js";
import { boardPath, get, now, post } from "./session.js";
import { ago, clockTime } from "./words.js";

const ROWS = 50;
const MOST_BOARDS = 200; // links of one incident

export class IncidentsPage {
  title = "Incidents";
  #list = element("div", { class: "cards wide" });
  #older = element("button", { type: "button", hidden: "", click: () => this.#readOlder() }, "Older");
  element = element("div", { class: "shared" }, element("h1", {}, "Incidents"), this.#list, this.#older);
  #next = null;
  #hasOlder = false;
  #read = () => this.#hasOlder || this.#readFirst();

  constructor(lab) {
    this.lab = lab;
  }

  enter() {
    this.lab.addEventListener("conditions", this.#read);
    this.#readFirst();
  }

  leave() {
    this.lab.removeEventListener("conditions", this.#read);
  }

  async #readFirst() {
    const page = await this.#page("");
    if (page === null) return;
    this.#list.replaceChildren(...page.map((one) => this.#card(one)));
    if (!page.length) this.#list.replaceChildren(element("p", { class: "empty" }, "No incidents."));
  }

  async #readOlder() {
    this.#hasOlder = true;
    const page = await this.#page(`&after=${this.#next}`);
    if (page !== null) this.#list.append(...page.map((one) => this.#card(one)));
  }

  async #page(after) {
    try {
      const { incidents, next } = await get(`/incidents?limit=${ROWS}${after}`);
      this.#next = next;
      this.#older.hidden = next === null;
      return incidents;
    } catch (error) {
      if (error.status) this.#list.replaceChildren(complaint(error.message));
      return null;
    }
  }

  #card(one) {
    const isOpen = one.closed === null;
    const until = Date.parse(one.closed) || now();
    const mark = isOpen ? "✗ open" : "✓ closed";
    const release = () => this.#release(one);
    const lasted = `${clockTime(one.opened, now())}, ${isOpen ? "for" : "lasted"} ${ago(one.opened, until)}`;
    return element("section", { class: "panel card", "data-kind": isOpen ? "failed" : "well" },
      element("h2", {}, `${one.kind.replaceAll("-", " ")} ${one.name} `,
        element("span", { class: "badge", "data-kind": isOpen ? "failed" : "well" }, mark)),
      element("p", {}, one.text),
      element("p", { class: "soft" }, `incident ${one.id}, opened ${lasted}`),
      boardLinks(one),
      one.set_aside ? roleButton("operate", `Release image ${one.name}`, release) : null,
    );
  }

  async #release(one) {
    const text = `Boards may be given ${one.name} again, which was set aside: ${one.text}`;
    const path = `/images/${encodeURIComponent(one.name)}/release`;
    const title = `Release image ${one.name}?`;
    if (await confirmAct(title, "Release", text, () => post(path))) this.lab.readConditions();
  }
}

function boardLinks(one) {
  const failing = new Set(one.failing);
  const links = one.boards.slice(0, MOST_BOARDS).map((name) => {
    const isFailing = failing.has(name);
    const text = isFailing ? `✗ ${name}` : name;
    return element("a", { href: boardPath(name), "data-kind": isFailing && "failed" }, text);
  });
  const rest = one.boards.length - links.length;
  if (rest > 0) links.push(element("span", { class: "soft" }, `and ${rest} more`));
  return element("p", { class: "links" }, links);
}
