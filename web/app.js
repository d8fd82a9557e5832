// SPDX-License-Identifier: Apache-2.0
// app.js: signs in, shows events as they arrive, reconnects, and publishes samples.
//
// Everything an event says comes from outside, so it reaches the page through textContent only.
// The token stays in this page's memory: a reload signs out.

const EVENTS_MAX = 500; // rows kept in the page
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 15000;
const SUBPROTOCOL = "mcp-auth.v1";

const EVENT_TYPES = {
  Permission: ["permission_granted", "permission_denied", "permission_revoked"],
  Role: ["role_assigned", "role_revoked", "role_modified"],
  User: ["user_created", "user_updated", "user_deleted"],
  Security: ["security_violation", "suspicious_activity", "access_denied"],
  System: ["policy_updated", "configuration_changed"],
};
const LEVEL_RANKS = { LOW: 0, INFO: 0, MEDIUM: 1, WARNING: 1, HIGH: 2, CRITICAL: 3 };

const $ = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// ---- what the person sees of the connection ------------------------------------------------

function showStatus(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function showNotice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function showTags(id, names) {
  const tags = (names ?? []).map((name) => element("span", "tag", name));
  $(id).replaceChildren(...(tags.length ? tags : ["none"]));
}

function mayPublish(roles, permissions) {
  // A guess, so that the form is not in the way of people who cannot use it; the server decides.
  const covers = (held) => held === "realtime:publish" ||
    (held.endsWith("*") && "realtime:publish".startsWith(held.slice(0, -1)));
  return (roles ?? []).some((role) => /(^|[_-])admin$/.test(role) || covers(role)) ||
    (permissions ?? []).some(covers);
}

function showScope(roles, permissions) {
  showTags("who-roles", roles);
  showTags("who-permissions", permissions);
  $("publish").hidden = !mayPublish(roles, permissions);
}

function showIdentity(frame) {
  const until = typeof frame.expires_at === "number" ? frame.expires_at * 1000 : frame.expires_at;
  const date = new Date(until);
  $("who-user").textContent = frame.user_id;
  $("who-tenant").textContent = frame.tenant_id || "(none)";
  $("who-until").textContent = Number.isNaN(date.getTime()) ? "–" : date.toLocaleString();
  showScope(frame.roles, frame.permissions);
  if (!$("user_id").value) $("user_id").value = frame.user_id;
  $("sign-in").hidden = true;
  $("identity").hidden = false;
}

function showSignedOut() {
  $("sign-in").hidden = false;
  $("identity").hidden = true;
  $("publish").hidden = true;
}

// ---- events --------------------------------------------------------------------------------

const shownIds = new Set(); // of the rows in the page: a resumed connection may repeat an event
let arrived = []; // waits for the next frame of the screen, so that a burst is one change
let received = 0;

function eventRow(event) {
  const row = element("li", "new");
  const details = element("details");
  const summary = element("summary");
  const when = new Date(event.timestamp);
  const time = element("time", "", Number.isNaN(when.getTime()) ? "" : when.toLocaleTimeString());
  const level = String(event.security_level ?? "");
  const badge = element("span", "level", level.toUpperCase());

  if (time.textContent) time.dateTime = event.timestamp;
  badge.dataset.rank = LEVEL_RANKS[level.toUpperCase()] ?? 0;
  summary.append(time, badge, element("span", "type", String(event.event_type)),
    element("span", "message", String(event.message)));
  details.append(summary);
  // The JSON is written when somebody looks: most of it is never opened.
  details.addEventListener("toggle", () => {
    details.append(element("pre", "", JSON.stringify(event, null, 2)));
  }, { once: true });
  row.append(details);
  row.dataset.id = event.id;
  return row;
}

function paint() {
  const list = $("events");
  list.prepend(...arrived.map(eventRow).reverse());
  arrived = [];
  while (list.childElementCount > EVENTS_MAX) {
    shownIds.delete(list.lastElementChild.dataset.id);
    list.lastElementChild.remove();
  }
  $("empty").hidden = list.childElementCount > 0;
  $("count").textContent = String(received);
}

function showEvent(event) {
  if (shownIds.has(event.id)) return;
  shownIds.add(event.id);
  received += 1;
  arrived.push(event);
  // A page in the background paints nothing, but keeps receiving: keep what would be shown.
  if (arrived.length > EVENTS_MAX) shownIds.delete(arrived.shift().id);
  if (arrived.length === 1) requestAnimationFrame(paint);
}

function clearEvents() {
  arrived = [];
  received = 0;
  shownIds.clear();
  $("events").replaceChildren();
  paint();
}

// ---- the connection ------------------------------------------------------------------------

// One sign-in, over as many sockets as it takes; `over` ends it for good.
class Session {
  constructor(token) {
    this.token = token;
    this.position = undefined;
    this.attempt = 0;
    this.retryAfterMs = 0;
    this.heartbeatMs = 30000;
    this.over = false;
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, SUBPROTOCOL);
    this.socket = socket;
    showStatus("wait", this.attempt ? "Reconnecting…" : "Connecting…");
    socket.onopen = () => {
      const auth = { type: "auth", token: this.token };
      if (this.position) auth.position = this.position;
      socket.send(JSON.stringify(auth));
    };
    socket.onmessage = (message) => this.take(JSON.parse(message.data));
    socket.onclose = (close) => this.closed(close);
  }

  take(frame) {
    this.watch();
    if (frame.position) this.position = frame.position;
    switch (frame.type) {
      case "event":
        showEvent(frame);
        break;
      case "auth_ok":
        this.signedIn(frame);
        break;
      case "scope_changed":
        showScope(frame.roles, frame.permissions);
        showNotice("Your roles or permissions have changed.");
        break;
      case "error":
        showNotice(`${frame.message} (${frame.code})`);
        break;
      case "closing":
        this.retryAfterMs = frame.retry_after_ms ?? 0;
        break;
      case "heartbeat":
        showStatus("live", frame.bus === "degraded"
          ? "Connected; Redis unavailable: other servers' events come later" : "Connected");
        break;
      default: // what later servers may send
    }
  }

  signedIn(frame) {
    const again = this.attempt > 0;
    this.attempt = 0;
    // Seconds or milliseconds: no server beats less often than once an hour.
    const interval = Number(frame.heartbeat_interval) || 30;
    this.heartbeatMs = interval > 3600 ? interval : interval * 1000;
    showIdentity(frame);
    showStatus("live", "Connected");
    showNotice(again && frame.resumed === false
      ? "Connected again; what happened in between is not known." : "");
    this.watch();
  }

  // A connection whose heartbeats stay away is dead, even if nobody has told this side.
  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), 3 * this.heartbeatMs + 5000);
  }

  closed({ code, reason }) {
    clearTimeout(this.silence);
    if (this.over) return;
    const words = `Closed with ${code}${reason ? `: ${reason}` : ""}.`;
    const family = Math.floor(code / 100);
    if (family === 40 || [1002, 1003, 1007, 1008, 1009].includes(code)) {
      this.end("stop", "Disconnected", words);
    } else if (family === 41) {
      this.end("stop", "Sign in again", `${words} Sign in with a newer token.`);
    } else {
      if (family === 43) this.position = undefined;
      this.again(code, words);
    }
  }

  // Half to whole of a growing pause, so that a thousand pages do not come back together.
  again(code, words) {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** this.attempt);
    const waitMs = Math.max(ceiling / 2 + Math.random() * (ceiling / 2), this.retryAfterMs);
    this.attempt += 1;
    this.retryAfterMs = 0;
    showStatus("wait", `Reconnecting in ${Math.max(1, Math.round(waitMs / 1000))} s`);
    showNotice(code === 1006 ? "The connection was lost." : words);
    this.timer = setTimeout(() => this.connect(), waitMs);
  }

  end(state, status, notice) {
    this.over = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.token = "";
    this.socket.close();
    showStatus(state, status);
    showNotice(notice);
    showSignedOut();
  }
}

let session = null;

function signIn(token) {
  if (session && !session.over) session.end("out", "Signed out", "");
  showNotice("");
  clearEvents();
  session = new Session(token.trim());
}

// ---- publishing ----------------------------------------------------------------------------

function showResult(good, text) {
  $("publish-result").dataset.good = String(good);
  $("publish-result").textContent = text;
}

function refusalText(status, error) {
  return `${status}: ${error?.message ?? "refused"}`;
}

async function publish(form) {
  const event = {};
  for (const [name, value] of new FormData(form)) if (value) event[name] = value;
  try {
    const answer = await fetch("/v1/events", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${session.token}` },
      body: JSON.stringify(event),
    });
    const body = await answer.json();
    if (answer.status !== 202) showResult(false, refusalText(answer.status, body.error));
    else showResult(true, `Published ${body.events?.[0]?.id ?? ""}`);
  } catch (problem) {
    showResult(false, `No answer: ${problem.message}`);
  }
}

function fillEventTypes() {
  for (const [family, types] of Object.entries(EVENT_TYPES)) {
    const group = element("optgroup");
    group.label = family;
    group.append(...types.map((type) => element("option", "", type)));
    $("event_type").append(group);
  }
  $("event_type").value = "role_assigned";
}

// ---- start ---------------------------------------------------------------------------------

// Only a development server has this list; anywhere else the answer is 404 and nothing is shown.
async function demoTokens() {
  try {
    const answer = await fetch("/dev/tokens");
    return answer.ok ? (await answer.json()).tokens : [];
  } catch {
    return [];
  }
}

// Asked for again at the click: a server that was started anew has another secret.
async function signInAs(name) {
  const found = (await demoTokens()).find((demo) => demo.name === name);
  if (found) signIn(found.token);
  else showNotice("The server does not answer, or is no development server any more.");
}

async function offerDemoTokens() {
  const buttons = (await demoTokens()).map(({ name, roles }) => {
    const button = element("button", "", name);
    button.type = "button";
    button.title = `roles: ${roles.join(", ")}`;
    button.addEventListener("click", () => signInAs(name));
    return button;
  });
  $("demo-buttons").replaceChildren(...buttons);
  $("demo").hidden = buttons.length === 0;
}

$("token-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const token = $("token").value;
  $("token").value = "";
  if (token.trim()) signIn(token);
});
$("publish-form").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const button = submit.target.querySelector("button");
  button.disabled = true;
  await publish(submit.target);
  button.disabled = false;
});
$("sign-out").addEventListener("click", () => session.end("out", "Signed out", ""));
$("clear").addEventListener("click", clearEvents);
fillEventTypes();
offerDemoTokens();
