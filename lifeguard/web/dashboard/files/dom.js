// Elements from data. Text is always text, whoever wrote it.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child != null));
  return made;
}

// A table whose cells are text or elements; a row may be null.
export function table(headings, rows) {
  const cells = (kind, row) => row.map((cell) => element(kind, {}, cell));
  return element(
    "div",
    { class: "scrolls", tabindex: 0 },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, cells("th", headings))),
      element("tbody", {}, rows.map((row) => element("tr", {}, cells("td", row)))),
    ),
  );
}

export function panel(title, ...children) {
  return element("section", { class: "panel" }, element("h2", {}, title), children);
}

// What is wrong, in the API's own sentence.
export function complaint(text) {
  return element("p", { class: "complaint", role: "alert" }, text);
}
