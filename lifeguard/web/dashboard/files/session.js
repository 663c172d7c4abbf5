// Who speaks to the API, and how: the only module that asks it, and knows a token.

const PREFIX = "/api/v1";
const TOKEN = "lifeguard-token";
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

export function isSignedIn() {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function signIn(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function signOut() {
  sessionStorage.removeItem(TOKEN);
}

export function get(path) {
  return ask(path, {});
}

export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

export function openStream() {
  return new EventSource(`${PREFIX}/stream`);
}

export function boardPath(name, rest = "") {
  return `/boards/${encodeURIComponent(name)}${rest}`;
}

async function ask(path, options) {
  const headers = { ...options.headers };
  if (isSignedIn()) headers.Authorization = `Bearer ${sessionStorage.getItem(TOKEN)}`;
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await fetch(PREFIX + path, { ...options, headers, signal });
  const date = Date.parse(response.headers.get("Date"));
  if (Math.abs(date - now()) > 2000) ahead = date - Date.now();
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer.error);
  return answer;
}
