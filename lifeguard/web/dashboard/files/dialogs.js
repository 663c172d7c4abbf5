// Requests of a person: each is confirmed first, and a refusal is shown as it was said.

import { complaint, element } from "./dom.js";
import { get, lacks, signIn } from "./session.js";
import { requestWords } from "./words.js";

// A dialog that stays until `act` has succeeded or a person gives up; tells which.
//
// `act` may throw what the API refused. Where it wants a token, one is asked for.
function ask(title, verb, fields, act, token = tokenField()) {
  const trouble = element("div");
  const submit = element("button", { type: "submit", class: "primary", autofocus: "" }, verb);
  const cancel = element("button", { type: "button", click: () => dialog.close() }, "Cancel");
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", {}, title),
    fields,
    token,
    trouble,
    element("div", { class: "buttons" }, cancel, submit),
  );
  const dialog = element("dialog", { "aria-label": title }, form);
  document.body.append(dialog);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await signInBy(token);
      await act(new FormData(form));
      dialog.close("done");
    } catch (error) {
      trouble.replaceChildren(complaint(error.message));
      if (error.status === 403) token.hidden = false;
    }
    submit.disabled = false;
  });
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "done");
    });
  });
}

// A button for what needs a role; to who has a lesser one it says so instead.
export function roleButton(role, words, click, look = "") {
  const attributes = { type: "button", class: look, "data-role": role, click };
  const button = element("button", attributes, words);
  judge(button);
  return button;
}

function judge(button) {
  const why = lacks(button.dataset.role);
  button.disabled = why !== null;
  button.title = why ?? "";
}

document.addEventListener("session", () => {
  for (const button of document.querySelectorAll("button[data-role]")) judge(button);
});

function tokenField() {
  const label = "Your token";
  const input = element("input", { type: "password", name: "token", autocomplete: "off" });
  return element("label", { hidden: "", class: "token" }, label, input);
}

async function signInBy(field) {
  const token = field.querySelector("input").value.trim();
  if (!field.hidden && token) await signIn(token);
}

// Signs a person in; `why` is what was refused without it.
export function askForToken(why) {
  const token = tokenField();
  token.hidden = false;
  token.querySelector("input").required = true;
  return ask("Sign in", "Sign in", why ? complaint(why) : null, () => {}, token);
}

// Confirms something that needs no more to be known.
export function confirmAct(title, verb, text, act) {
  return ask(title, verb, [element("p", {}, text)], act);
}

// Confirms a request of a board; `send` is given its body.
export async function confirmRequest(board, event, send) {
  const does = board.next.find((one) => one.event === event)?.does;
  const words = requestWords(event);
  const fields = [element("p", {}, `${board.name} ${does ?? "is asked"}.`)];
  if (board.kind === "busy") {
    fields.push(element("p", {}, `What it is about in ${board.state} is given up for it.`));
  }
  if (event !== "rq-reimage") return ask(`${words} ${board.name}?`, words, fields, () => send({}));
  fields.push(await imageField(board), configField());
  return ask(`${words} ${board.name}?`, words, fields, (data) => send(reimageBody(data)));
}

async function imageField(board) {
  const { images } = await get("/images");
  const options = images
    .filter((image) => !image.hidden && image.hardware.includes(board.hardware))
    .map((image) => imageOption(image, board));
  return element("label", {}, "Image", element("select", { name: "image" }, options));
}

function imageOption(image, board) {
  const text = image.failed ? `${image.name} (set aside: ${image.failed.text})` : image.name;
  const selected = image.name === (board.wanted_image ?? board.image);
  return element("option", { value: image.name, disabled: image.failed && "", selected: selected && "" }, text);
}

function configField() {
  const text = element("textarea", { name: "boot_config", rows: 3, spellcheck: "false" }, "{}");
  return element("label", {}, "Boot config, JSON for its installer", text);
}

function reimageBody(data) {
  try {
    return { image: data.get("image"), boot_config: JSON.parse(data.get("boot_config") || "{}") };
  } catch (error) {
    throw new Error(`The boot config is not JSON: ${error.message}`);
  }
}

// Confirms putting a board into a state by hand.
export function confirmState(board, states, send) {
  const options = states.map((state) => element("option", { value: state }, state));
  const fields = [
    element("p", {}, `Refused unless ${board.name} is still in ${board.state}.`),
    element("label", {}, "State", element("select", { name: "to" }, options)),
  ];
  const act = (data) => send({ from: board.state, to: data.get("to") });
  return ask(`Put ${board.name} into a state by hand?`, "Change", fields, act);
}
