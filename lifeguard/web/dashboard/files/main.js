// The frame around every page: where one is, whether lifeguard is there, who is signed in.

import { BoardPage } from "./board.js";
import { askForToken, roleButton } from "./dialogs.js";
import { element } from "./dom.js";
import { IncidentsPage } from "./incidents.js";
import { Lab } from "./lab.js";
import { Overview } from "./overview.js";
import { RelayBoardsPage } from "./relay_boards.js";
import { isSignedIn, now, post, readCaller, signOut } from "./session.js";
import { clockTime, LOOKS, plural, RELAY_BOARD_KINDS } from "./words.js";

const lab = new Lab();
const overview = new Overview(lab);

// A page has an `element`, a `title`, and is told when it is entered and left.
const ROUTES = [
  [/^\/$/, () => overview],
  [/^\/boards\/([^/]+)$/, (name) => new BoardPage(lab, decodeURIComponent(name))],
  [/^\/relay-boards$/, () => new RelayBoardsPage(lab)],
  [/^\/incidents$/, () => new IncidentsPage(lab)],
];

// Of an incident with one of these causes neither a tile nor a relay board tells.
const SHARED = new Set(["image", "installed-image", "hardware", "addresses"]);

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const banner = document.getElementById("banner");
const session = document.getElementById("session");
let page = null;

function show() {
  page?.leave();
  for (const [path, make] of ROUTES) {
    const found = path.exec(location.pathname);
    if (found) page = make(...found.slice(1));
  }
  main.replaceChildren(page.element);
  page.enter();
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = link.pathname === location.pathname;
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  showTitle();
}

function showTitle() {
  document.title = `${page.title} · lifeguard`;
}

function follow(event) {
  const link = event.target.closest("a");
  const isOther = event.button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  if (!link || isOther || link.target || link.origin !== location.origin) return;
  if (!ROUTES.some(([path]) => path.test(link.pathname))) return;
  event.preventDefault();
  history.replaceState({ scroll: scrollY }, "");
  history.pushState(null, "", link.href);
  show();
  scrollTo(0, 0);
  if (page !== overview) main.focus({ preventScroll: true });
}

function showConnection() {
  const isLost = lab.lostAt !== null;
  document.body.classList.toggle("lost", isLost);
  connection.textContent = isLost ? "○ connecting" : "● live";
  showBanner();
}

// What is wrong besides the boards, a line each.
function showBanner() {
  const lines = [];
  if (lab.lostAt !== null) {
    const since = clockTime(lab.lostAt, now());
    lines.push(trouble("failed", `No connection to lifeguard since ${since}: what is shown is as old.`));
  }
  if (lab.health.braked) {
    const count = plural(lab.health.withheld.length, "board");
    const said = `Polls: ${count} answer none, so many that their failures are withheld.`;
    lines.push(trouble("failed", said, releaseButton()));
  }
  for (const one of lab.relayBoards.filter((each) => each.state !== "Working")) {
    const text = `Relay board ${one.name} is ${one.state}` + (one.why ? `: ${one.why}` : "");
    lines.push(trouble(RELAY_BOARD_KINDS[one.state], text, more("/relay-boards")));
  }
  for (const one of lab.incidents.filter((each) => SHARED.has(each.kind))) {
    lines.push(trouble("failed", one.text, more("/incidents")));
  }
  const texts = (nodes) => [...nodes].map((node) => node.textContent).join();
  if (texts(lines) !== texts(banner.children)) banner.replaceChildren(...lines);
}

function showConditions() {
  showBanner();
  const count = lab.incidents.length;
  const link = document.querySelector('nav a[href="/incidents"]');
  link.textContent = count ? `Incidents (${count})` : "Incidents";
}

function trouble(kind, text, ...more) {
  const mark = element("span", { class: "mark", "data-kind": kind }, LOOKS[kind].mark);
  return element("p", {}, mark, element("span", {}, text), more);
}

function more(href) {
  return element("a", { href }, "More");
}

function releaseButton() {
  const release = async () => {
    try {
      await post("/health/release");
      await lab.readConditions();
    } catch (error) {
      if (error.status === 403) askForToken(error.message);
    }
  };
  return roleButton("operate", "It is the boards: tell them", release);
}

function showSession() {
  session.textContent = isSignedIn() ? "Sign out" : "Sign in";
}

document.addEventListener("click", follow);
window.addEventListener("popstate", (event) => {
  show();
  scrollTo(0, event.state?.scroll ?? 0);
});
history.scrollRestoration = "manual";
session.addEventListener("click", () => (isSignedIn() ? signOut() : askForToken()));
document.addEventListener("session", showSession);
lab.addEventListener("connection", showConnection);
lab.addEventListener("conditions", showConditions);
lab.addEventListener("boards", showTitle);

connection.textContent = "○ connecting";
showSession();
show();
lab.start();
// Where even a look needs a token, all that was asked until then is asked again.
const why = await readCaller().catch(() => null);
if (why) askForToken(why);
