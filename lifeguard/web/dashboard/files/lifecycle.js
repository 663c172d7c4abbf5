// A lifecycle's picture, with a board's state lit, and where it may go from there.

import { element } from "./dom.js";

export class Lifecycle {
  kinds = new Map(); // by state, in the order of the picture
  #frame = element("div", { class: "lifecycle scrolls", tabindex: 0 });
  #svg = null;

  constructor(hardware) {
    this.url = `/hardware/${encodeURIComponent(hardware)}/lifecycle.svg`;
    const whole = element("a", { href: this.url, target: "_blank" }, "The whole picture");
    this.element = element("div", {}, this.#frame, element("p", { class: "soft" }, whole));
  }

  // Parsed as XML, so that nothing of it is taken for a page of ours.
  load() {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("GET", this.url);
      request.responseType = "document";
      request.onload = () => (request.responseXML ? resolve(this.#take(request)) : reject());
      request.onerror = () => reject();
      request.send();
    });
  }

  #take(request) {
    const svg = document.adoptNode(request.responseXML.documentElement);
    svg.querySelector("style").remove(); // its colours are on white; here is more light
    svg.setAttribute("role", "img");
    for (const state of svg.querySelectorAll("[data-state]")) {
      const kind = state.querySelector("rect").getAttribute("class");
      this.kinds.set(state.dataset.state, kind);
    }
    this.#svg = svg;
    this.#frame.replaceChildren(svg);
  }

  light(board) {
    if (this.#svg === null) return;
    this.#svg.setAttribute("aria-label", `The lifecycle of ${board.hardware}: now ${board.state}`);
    const next = new Set(board.next.map((one) => one.state));
    for (const state of this.#svg.querySelectorAll("[data-state]")) {
      const name = state.dataset.state;
      state.classList.toggle("lit", name === board.state);
      state.classList.toggle("next", next.has(name));
    }
    this.#centre();
  }

  #centre() {
    const lit = this.#svg.querySelector(".lit");
    if (lit === null) return;
    const { x, y, width, height } = lit.getBBox();
    const scale = this.#svg.getBoundingClientRect().width / this.#svg.viewBox.baseVal.width;
    this.#frame.scrollTo({
      left: (x + width / 2) * scale - this.#frame.clientWidth / 2,
      top: (y + height / 2) * scale - this.#frame.clientHeight / 2,
    });
  }
}
