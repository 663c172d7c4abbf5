// Who speaks to the API, and how: the only module that asks it, and sees a token.

const PREFIX = "/api/v1";
const ROLES = ["see", "operate", "admin"]; // each may do what those before it may
const PATIENCE = 15000; // milliseconds for one answer

// The API answered, and said no; `message` is its own sentence.
export class Refused extends Error {
  constructor(status, said) {
    super(said);
    this.status = status;
  }
}

let ahead = 0;

// The daemon's wall clock in milliseconds, whatever this machine's says.
export function now() {
  return Date.now() + ahead;
}

// Who we are to lifeguard: the document "session" tells when that has changed.
let caller = { name: "anybody", role: null, why: null, signed_in: false };

export function isSignedIn() {
  return caller.signed_in;
}

// Why what needs a role would be refused; null where it is not, or a token would help.
export function lacks(role) {
  const isEnough = ROLES.indexOf(caller.role) >= ROLES.indexOf(role);
  if (isEnough || !caller.signed_in) return null;
  return `${caller.name} has the role ${caller.role}, this needs ${role}`;
}

// Answers why not even a look is allowed, or null.
export async function readCaller() {
  take(await get("/session"));
  return caller.role === null ? caller.why : null;
}

// The token is sent this once; what the browser keeps is a cookie that no script can read.
export async function signIn(token) {
  const headers = { Authorization: `Bearer ${token}` };
  take(await ask("/session", { method: "POST", headers }));
}

export async function signOut() {
  await post("/session/end");
  await readCaller();
}

function take(answer) {
  caller = answer;
  document.dispatchEvent(new CustomEvent("session"));
}

export function get(path) {
  return ask(path, {});
}

export function post(path, body = {}) {
  // No form can send the second: lifeguard knows by it that a page of its own asks.
  const headers = { "Content-Type": "application/json", "X-Lifeguard": "1" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

export function openStream() {
  return new EventSource(`${PREFIX}/stream`);
}

export function boardPath(name, rest = "") {
  return `/boards/${encodeURIComponent(name)}${rest}`;
}

async function ask(path, options) {
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await fetch(PREFIX + path, { ...options, signal });
  const date = Date.parse(response.headers.get("Date"));
  if (Math.abs(date - now()) > 2000) ahead = date - Date.now();
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer.error);
  return answer;
}
