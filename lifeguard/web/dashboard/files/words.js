// Kinds of states, times and names in words: those of the command line.

// The worst first; a mark of its own each, for whoever sees no colours.
export const LOOKS = {
  failed: { mark: "✗", words: "failed" },
  unknown: { mark: "?", words: "unknown" },
  busy: { mark: "▸", words: "at work" },
  still: { mark: "■", words: "left alone" },
  well: { mark: "✓", words: "well" },
};

export const KINDS = Object.keys(LOOKS);

export const RELAY_BOARD_KINDS = { Broken: "failed", Suspect: "unknown", Working: "well" };

export function kindOf(board) {
  return board.kind ?? "unknown";
}

// Two units at most: `42 s`, `3 min 20 s`, `2 h 4 min`, `3 d 4 h`.
export function duration(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  for (const [name, size, below, part] of [
    ["d", 86400, "h", 3600],
    ["h", 3600, "min", 60],
    ["min", 60, "s", 1],
  ]) {
    if (whole < size) continue;
    const rest = Math.trunc((whole % size) / part);
    return `${Math.trunc(whole / size)} ${name}` + (rest ? ` ${rest} ${below}` : "");
  }
  return `${whole} s`;
}

// How long it has been; `moment` is the API's, `now` in milliseconds.
export function ago(moment, now) {
  return duration((now - Date.parse(moment)) / 1000);
}

// The time of day, with the date unless it is today's.
export function clockTime(moment, now) {
  const there = new Date(moment);
  const two = (number) => String(number).padStart(2, "0");
  const time = [there.getHours(), there.getMinutes(), there.getSeconds()].map(two).join(":");
  if (there.toDateString() === new Date(now).toDateString()) return time;
  const date = [there.getFullYear(), two(there.getMonth() + 1), two(there.getDate())];
  return `${date.join("-")} ${time}`;
}

export function plural(count, word) {
  return count === 1 ? `${count} ${word}` : `${count} ${word}s`;
}

// Seconds until a board's state times out; null: it does not.
export function secondsLeft(board) {
  if (board.seconds_left === null) return null;
  return Math.max(0, board.seconds_left - (performance.now() - board.heardAt) / 1000);
}

// Those that are nearest to too many: `3/10`, and of which state if of another.
export function strikes(board) {
  const share = ([, one]) => one.count / (1 + (one.allowed ?? 0));
  const all = Object.entries(board.strikes).sort((a, b) => share(b) - share(a));
  if (!all.length) return "";
  const [state, worst] = all[0];
  return `${worst.count}/${worst.allowed ?? "?"}` + (state === board.state ? "" : ` of ${state}`);
}

// `rq-self-test` as a person says it.
export function requestWords(event) {
  const words = event.replace(/^rq-/, "").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// What became of an event, as a row of history says.
export function outcome(row) {
  let where = row.to_state;
  if (row.outcome !== "moved") where = `${row.outcome} in ${row.to_state}`;
  else if (row.from_state !== row.to_state) where = `${row.from_state} → ${row.to_state}`;
  const times = row.count > 1 ? `, ${row.count} times` : "";
  return where + times + (row.reason ? `: ${row.reason}` : "");
}
