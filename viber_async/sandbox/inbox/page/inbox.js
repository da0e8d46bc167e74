// The inbox's script: what the events say is kept by key, and drawn. Whatever came from outside becomes text, never
// markup; the page's policy would refuse it too.

const MARK = "x-viber-inbox";
const WORDS = { moderation: "In moderation", sending: "Sending", sent: "Sent" };
const ICONS = { send: "clock", delivered: "check", read: "checks", clicked: "tap", "not delivered": "cross", error: "warn" };
const MOVES = [
  ["delivered", "Deliver"],
  ["read", "Read"],
  ["clicked", "Click"],
  ["not delivered", "Not delivered"],
  ["error", "Error"],
];
const PARTS = ["messages", "requests", "blacklist", "faults"]; // no element has one of these as its id: the browser would jump to it
const number = new Intl.NumberFormat("en");
const wide = matchMedia("(min-width: 60rem)");
const known = new Map(); // what the events have said, by key
const arrivedAt = new Map(); // of requests, in this browser's time
const chosen = new Set(); // the phones that are ticked in the open campaign
const pictures = new Set(); // the images that somebody asked for
let open = null; // the campaign that is shown
let follows = true; // whether the newest campaign is shown as it arrives
let page = { id: null, offset: 0, rows: [], body: "", seen: null }; // of its recipients
let laidOut = true;
let unseen = 0;
let arriving = false; // whether what is drawn has just come, and may come in
let time = { at: 0, now: 0, stands: false };

// --- small things ---

const $ = (id) => document.getElementById(id);

function make(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (name in made && name !== "list") made[name] = value;
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((each) => each !== null && each !== ""));
  return made;
}

function icon(name, label = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("class", "icon");
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};
const plural = (count, one, many) => `${number.format(count)} ${count === 1 ? one : many}`;
const of = (kind) => [...known].filter(([key]) => key.startsWith(`${kind}/`)).map(([, value]) => value);
const campaign = (id) => known.get(`campaign/${id}`);

// Puts one element for each item into the parent, in order; those that are there stay, and keep the focus.
function keyed(parent, items, key, build, refresh) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const name = String(key(item, index));
    const child = before.get(name) ?? build(item);
    before.delete(name);
    child.dataset.key = name;
    refresh(child, item);
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  before.forEach((child) => child.remove());
}

// --- asking ---

async function ask(path, told) {
  const request = told === undefined ? {} : { method: "POST", headers: { [MARK]: "1" }, body: JSON.stringify(told) };
  const answer = await fetch(`/_inbox/${path}`, request);
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.why);
  return value;
}

async function press(name, told = {}) {
  try {
    show("toast", (await ask(`do/${name}`, told)).said);
    return true;
  } catch (error) {
    show("alarm", error.message);
    return false;
  }
}

const hiding = {};
function show(where, text) {
  const node = $(where);
  clearTimeout(hiding[where]);
  setText(node, text);
  node.classList.add("shown");
  hiding[where] = setTimeout(() => node.classList.remove("shown"), where === "alarm" ? 8000 : 3500);
}

// --- what the events say ---

function listen() {
  const events = new EventSource("/_inbox/events");
  events.onopen = () => live("on", "Live");
  events.onerror = () => live("off", events.readyState === EventSource.CLOSED ? "Closed: load the page again" : "Not connected");
  events.onmessage = (event) => take(JSON.parse(event.data));
}

function live(state, text) {
  $("live").dataset.state = state;
  setText($("live-text"), text);
}

function take(told) {
  const before = new Set(known.keys());
  const run = known.get("account")?.run;
  if (told.all) known.clear();
  for (const key of told.gone) known.delete(key);
  for (const [key, value] of Object.entries(told.set)) known.set(key, value);
  time = { at: performance.now(), now: Date.parse(`${told.now.replace(" ", "T")}Z`), stands: known.get("account").clock_stands };
  for (const each of of("request")) {
    if (!arrivedAt.has(each.number)) arrivedAt.set(each.number, new Date(Date.now() - (told.monotonic - each.arrived_at) * 1000));
  }
  for (const each of arrivedAt.keys()) if (!known.has(`request/${each}`)) arrivedAt.delete(each);
  announce(told, before);
  arriving = !told.all;
  if (run !== known.get("account").run) forget();
  draw(told.all ? null : new Set([...Object.keys(told.set), ...told.gone]));
}

// Another sandbox at the same address begins its numbers anew: nothing that was drawn is true of it.
function forget() {
  for (const name of ["campaigns", "arrived", "entries", "plans"]) $(name).replaceChildren();
  open = null;
  drawDetail();
  follows = true;
  chosen.clear();
  pictures.clear();
}

function announce(told, before) {
  const fresh = Object.keys(told.set).filter((key) => key.startsWith("campaign/") && !before.has(key));
  if (told.all || !fresh.length) return;
  const last = told.set[fresh.at(-1)];
  const others = fresh.length > 1 ? `${fresh.length - 1} others, and ` : "";
  setText($("arrivals"), `${others}campaign ${last.id} arrived: ${last.name}, to ${plural(last.recipients, "phone", "phones")}.`);
  if (document.hidden) unseen += fresh.length;
  if (follows && wide.matches && part() === "messages") select(last.id, { following: true });
}

function draw(changed) {
  const touched = (kind) => changed === null || [...changed].some((key) => key === kind || key.startsWith(`${kind}/`));
  if (touched("campaign") || touched("account")) drawCampaigns();
  if (touched("request") || touched("rate") || touched("account")) drawRequests();
  if (touched("blacklist")) drawBlacklist();
  if (touched("plan") || touched("account")) drawFaults();
  document.title = unseen ? `(${unseen}) Sandbox inbox` : "Sandbox inbox";
}

// --- where one is ---

const part = () => {
  const name = location.hash.slice(1).split("/")[0];
  return PARTS.includes(name) ? name : "messages";
};

function go() {
  const id = Number(location.hash.split("/")[1]);
  const left = PARTS.find((name) => !$(`part-${name}`).hidden);
  for (const name of PARTS) $(`part-${name}`).hidden = name !== part();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.part === part()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (part() !== left) scrollTo(0, 0); // all parts are one page to the browser, which would stay where it was
  if (part() !== "messages" || !known.has("account")) return;
  if (id && campaign(id)) select(id);
  else drawCampaigns();
  if (!wide.matches) (id ? $("detail-title") : document.querySelector("#campaigns [aria-current]"))?.focus();
}

function select(id, { following = false } = {}) {
  follows = following || id === Math.max(...of("campaign").map((each) => each.id));
  if (following) history.replaceState(null, "", `#messages/${id}`);
  if (open !== id || page.id !== id) {
    open = id;
    chosen.clear();
    page = { id, offset: 0, rows: [], body: "", seen: null };
  }
  if (!following && !wide.matches) scrollTo(0, 0);
  drawCampaigns();
}

// --- messages ---

function drawCampaigns() {
  const account = known.get("account");
  const all = of("campaign").sort((one, other) => other.id - one.id);
  const asked = Number(location.hash.split("/")[1]);
  if (!campaign(open)) open = null;
  if (open === null && campaign(asked)) open = asked;
  if (open === null && all.length && wide.matches) open = all[0].id;
  setText($("count-messages"), account.campaigns ? number.format(account.campaigns) : "");
  $("by-hand").checked = account.by_hand;
  $("no-campaigns").hidden = all.length > 0;
  setText($("how-to"), howTo(account.credentials));
  const left = account.campaigns - all.length;
  $("more-campaigns").hidden = left === 0;
  setText($("more-campaigns"), `The latest ${all.length} are shown; ${plural(left, "older one is", "older ones are")} kept.`);
  keyed($("campaigns"), all, (each) => each.id, buildRow, refreshRow);
  $("part-messages").classList.toggle("empty", all.length === 0);
  $("part-messages").classList.toggle("reading", open !== null && (wide.matches || Boolean(asked)));
  drawDetail();
}

// Credentials that everybody knows are shown; others are known to whoever made them up.
function howTo(credentials) {
  const [name, secret] = credentials ?? ["…", "…"];
  const whose = credentials ? "" : "\n# its credentials: as you gave them, or as printed when it was started";
  return `export SENDPULSE_BASE_URL=${location.origin}${whose}\nexport SENDPULSE_API_ID=${name}\nexport SENDPULSE_API_SECRET=${secret}`;
}

function buildRow(each) {
  return make(
    "li",
    { className: arriving ? "fresh" : "" },
    make(
      "a",
      { href: `#messages/${each.id}` },
      make("span", { className: "avatar", "aria-hidden": "true" }, [...each.sender][0].toUpperCase()),
      make("span", { className: "name" }, ...named(each)),
      make("time", { className: "soft" }, each.created.slice(11, 16)),
      make("span", { className: "preview", dir: "auto", lang: "" }, each.message ?? "Picture"),
      make("span", { className: "chip" }),
      make("span", { className: "soft to" }, `to ${number.format(each.recipients)}`),
    ),
  );
}

// A name as people gave it; the marker of its key is small and behind it.
const named = (each) => [
  make("bdi", { lang: "" }, each.name),
  ...(each.marker ? [" ", make("small", { className: "marker", title: "The marker of its key: it is created at most once" }, each.marker)] : []),
];

function refreshRow(row, each) {
  const link = row.firstChild;
  if (each.id === open) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  chip(link.querySelector(".chip"), each);
}

function chip(node, each) {
  node.dataset.status = each.status;
  setText(node, WORDS[each.status] ?? each.status);
}

function drawDetail() {
  const detail = $("detail");
  const each = campaign(open);
  detail.hidden = !each;
  if (!each) {
    detail.replaceChildren();
    detail.dataset.id = "";
    return;
  }
  if (detail.dataset.id !== String(open)) {
    detail.dataset.id = open;
    detail.replaceChildren(buildHandset(each), buildFacts(each));
  }
  refreshDetail(each);
  if (page.seen === each) return;
  page.seen = each;
  load();
}

function refreshDetail(each) {
  chip($("status"), each);
  $("hand").hidden = !each.by_hand;
  setText($("handset-says"), fateOf(each));
  $("handset").classList.toggle("absent", each.statistic.delivered === 0);
  drawFunnel(each);
  drawMoves(each);
}

// One sentence on what has become of it, below the phone.
function fateOf({ status, statistic: now, recipients }) {
  const all = number.format(recipients);
  const reached = `On ${number.format(now.delivered)} of ${all} phones`;
  if (status === "moderation") return "Not on any phone yet: it waits for approval, or for its date.";
  if (recipients === 1) return now.redirected ? "Clicked." : now.read ? "Read." : now.delivered ? "Delivered." : now.undelivered + now.errors ? "It did not reach its phone." : "On its way.";
  if (now.redirected) return `${reached}; ${number.format(now.redirected)} clicked.`;
  if (now.read) return `${reached}; ${number.format(now.read)} read it.`;
  if (now.delivered) return `${reached}.`;
  if (now.undelivered + now.errors === recipients) return `It reached none of ${all} phones.`;
  return "On its way.";
}

// --- the phone ---

function buildHandset(each) {
  return make(
    "figure",
    { className: "handset", id: "handset" },
    make(
      "div",
      { className: "bezel" },
      make(
        "div",
        { className: "screen" },
        make("div", { className: "bar" }, make("span", {}, each.created.slice(11, 16)), make("span", { className: "notch", "aria-hidden": "true" }), make("span", { className: "signal", "aria-hidden": "true" })),
        make(
          "div",
          { className: "chat-head" },
          icon("back"),
          make("span", { className: "avatar", "aria-hidden": "true" }, [...each.sender][0].toUpperCase()),
          make("span", {}, make("bdi", { className: "sender", lang: "" }, each.sender), make("small", {}, each.type === 3 ? "Service message" : "Business chat")),
        ),
        make("div", { className: "chat", tabIndex: 0, role: "group", ariaLabel: "The message" }, make("span", { className: "day" }, dayOf(each.created)), buildBubble(each)),
        make("div", { className: "home", "aria-hidden": "true" }),
      ),
    ),
    make("figcaption", { id: "handset-says" }),
  );
}

function buildBubble(each) {
  return make(
    "div",
    { className: `bubble${each.message === null ? " picture" : ""}${isLarge(each.message) ? " large" : ""}` },
    each.image === null ? null : buildPicture(each.image),
    each.message === null ? null : make("p", { className: "text", dir: "auto", lang: "" }, ...linked(each.message)),
    each.button === null
      ? null
      : make("a", { className: "press", href: each.button.link, target: "_blank", rel: "noopener noreferrer", title: each.button.link, dir: "auto", lang: "" }, each.button.text),
    make("time", { className: "at" }, each.created.slice(11, 16)),
  );
}

// A link in a text is underlined on a phone; here it may be followed, and tells nobody where from.
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/).map((piece, index) =>
    index % 2 ? make("a", { href: piece, target: "_blank", rel: "noopener noreferrer" }, piece) : piece,
  );
}

const isLarge = (text) => text !== null && /^(?:\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|[\ufe0f\u{1f3fb}-\u{1f3ff}])*\s*){1,3}$/u.test(text);

function dayOf(date) {
  const day = new Date(`${date.slice(0, 10)}T00:00:00Z`);
  return day.toLocaleDateString("en", { weekday: "short", day: "numeric", month: "long", timeZone: "UTC" });
}

// A picture is a link until somebody asks for it: whoever serves it would learn that it was looked at.
function buildPicture(link) {
  const box = make("div", { className: "image" });
  const ask = make("button", { type: "button", className: "button small", on: { click: load } }, "Load image");
  box.append(icon("image"), make("a", { className: "where", href: link, target: "_blank", rel: "noopener noreferrer", title: link }, link), ask);
  function load() {
    pictures.add(link);
    const image = make("img", { alt: "The campaign’s picture", referrerPolicy: "no-referrer", decoding: "async" });
    image.addEventListener("error", () => box.replaceChildren(icon("image"), make("span", { className: "where" }, "The image cannot be loaded:"), make("a", { className: "where", href: link, target: "_blank", rel: "noopener noreferrer" }, link)));
    image.src = link;
    box.replaceChildren(image);
  }
  if (pictures.has(link)) load();
  return box;
}

// --- what is known of it ---

function buildFacts(each) {
  return make(
    "div",
    { className: "facts" },
    make("a", { className: "back", href: "#messages" }, icon("back"), "All messages"),
    make(
      "header",
      { className: "facts-head" },
      make("h2", { id: "detail-title", tabIndex: -1 }, ...named(each)),
      make("p", { className: "chips" }, make("span", { className: "chip", id: "status" }), make("span", { className: "chip plain", id: "hand" }, "By hand"), make("span", { className: "soft" }, `#${each.id}`)),
    ),
    make("dl", { className: "meta" }, ...metaOf(each).flatMap(([term, text]) => [make("div", {}, make("dt", {}, term), make("dd", {}, make("bdi", {}, text)))])),
    make("section", { className: "card", "aria-label": "State" }, make("div", { id: "bar", className: "bar-all", "aria-hidden": "true" }), make("ul", { id: "funnel", className: "funnel" }), make("div", { className: "moves", id: "moves" })),
    make(
      "section",
      { className: "card", "aria-labelledby": "json-title" },
      make(
        "div",
        { className: "card-head" },
        make("h3", { id: "json-title" }, "Over the wire"),
        make("button", { type: "button", className: "button small", id: "lay-out", on: { click: layOut } }),
        make("button", { type: "button", className: "button small", on: { click: copy } }, "Copy"),
      ),
      make("pre", { className: "json", id: "json", dir: "ltr", tabIndex: 0 }),
    ),
    make(
      "section",
      { className: "card", "aria-labelledby": "who-title" },
      make("div", { className: "card-head" }, make("h3", { id: "who-title" }, "Who it went to"), make("span", { className: "soft", id: "who-count" })),
      make(
        "table",
        { className: "who" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("input", { type: "checkbox", id: "choose-all", "aria-label": "Choose all on this page", on: { change: chooseAll } })), make("th", { scope: "col" }, "Phone"), make("th", { scope: "col" }, "State"), make("th", { scope: "col" }, "Since"))),
        make("tbody", { id: "who" }),
      ),
      make("div", { className: "pager", id: "pager" }, make("button", { type: "button", className: "button small", id: "earlier", on: { click: () => turn(-page.page) } }, "Previous"), make("span", { className: "soft", id: "pager-says" }), make("button", { type: "button", className: "button small", id: "later", on: { click: () => turn(page.page) } }, "Next")),
    ),
  );
}

function metaOf(each) {
  return [
    ["Sender", each.sender],
    ["Kind", each.type === 3 ? "system" : "promo"],
    ["Arrived", each.created],
    ["To be sent", each.send_date ?? "now"],
    ["Tried for", lasting(each.lifetime)],
    ...(each.stretch ? [["Spread over", plural(each.stretch, "hour", "hours")]] : []),
    ...(each.book === null ? [] : [["Mailing list", String(each.book)]]),
    ...(each.sms ? [["Else by SMS", `${each.sms.sender}: ${each.sms.text}`]] : []),
  ];
}

function lasting(seconds) {
  if (seconds % 3600 === 0) return plural(seconds / 3600, "hour", "hours");
  return seconds % 60 === 0 ? plural(seconds / 60, "minute", "minutes") : plural(seconds, "second", "seconds");
}

// Each recipient in one place: those who clicked have read, those who have read were reached.
const shares = ({ statistic: now, recipients }) => [
  ["clicked", now.redirected],
  ["read", now.read - now.redirected],
  ["delivered", now.delivered - now.read],
  ["send", recipients - now.delivered - now.undelivered - now.errors],
  ["not-delivered", now.undelivered],
  ["error", now.errors],
];

function drawFunnel(each) {
  const now = each.statistic;
  keyed($("bar"), shares(each), ([name]) => name, ([name]) => make("span", { className: name }), (node, [, count]) => node.style.setProperty("flex-grow", count));
  const counts = [["Sent", now.sent, ""], ["Delivered", now.delivered, "delivered"], ["Read", now.read, "read"], ["Clicked", now.redirected, "clicked"], ["Undelivered", now.undelivered, "not-delivered"], ["Errors", now.errors, "error"]];
  keyed(
    $("funnel"),
    counts,
    ([label]) => label,
    ([label, , name]) => make("li", {}, make("b", {}), make("span", {}, name ? make("i", { className: name, "aria-hidden": "true" }) : "", label)),
    (node, [, count]) => setText(node.firstChild, number.format(count)),
  );
}

function drawMoves(each) {
  const now = each.statistic;
  const waiting = each.recipients - now.delivered - now.undelivered - now.errors;
  const can = {
    approve: each.status === "moderation",
    delivered: waiting > 0,
    read: waiting + now.delivered - now.read > 0,
    clicked: each.button !== null && waiting + now.delivered - now.redirected > 0,
    "not delivered": waiting > 0,
    error: waiting > 0,
  };
  const all = [["approve", "Approve"], ...MOVES];
  keyed($("moves"), all, ([name]) => name, ([name, label]) => buildMove(name, label), (node, [name, label]) => {
    node.setAttribute("aria-disabled", String(!can[name]));
    node.title = can[name] ? "" : whyNot(name, each);
    setText(node.lastChild, chosen.size && name !== "approve" ? `${label} ${chosen.size}` : label);
  });
}

// A button that can do nothing says why, to a pointer and to whoever presses it.
function whyNot(name, each) {
  if (name === "approve") return "It is approved already";
  if (name === "clicked" && each.button === null) return "It has no button to click";
  return `It has run its course${known.get("account").by_hand ? "" : "; switch on “New ones wait for me”"}`;
}

function buildMove(name, label) {
  return make("button", { type: "button", className: name === "approve" ? "button primary" : "button", on: { click: move } }, ...(name === "approve" ? [] : [icon(ICONS[name])]), make("span", {}, label));
  function move(event) {
    if (event.currentTarget.getAttribute("aria-disabled") === "true") show("toast", event.currentTarget.title);
    else if (name === "approve") press("approve", { id: open });
    else press("move", { id: open, fate: name, phones: [...chosen] });
  }
}

// --- its recipients and its JSON ---

let asked = 0;
async function load() {
  const turn = ++asked;
  const id = open;
  let loaded;
  try {
    loaded = await ask(`campaigns/${id}?offset=${page.id === id ? page.offset : 0}`);
  } catch {
    return; // the next event asks again; that there is no connection is said elsewhere
  }
  if (turn !== asked || id !== open) return;
  const isNew = page.body !== loaded.body || !$("json").firstChild;
  page = { ...loaded, seen: page.seen };
  drawRecipients();
  if (isNew) drawJson();
}

function turn(by) {
  page.offset = Math.max(0, page.offset + by);
  load();
}

function drawRecipients() {
  const each = campaign(open);
  setText($("who-count"), plural(each.recipients, "phone", "phones"));
  keyed($("who"), page.rows, ([phone], index) => `${page.offset + index}/${phone}`, buildRecipient, refreshRecipient);
  const last = page.offset + page.rows.length;
  $("pager").hidden = each.recipients <= page.page;
  setText($("pager-says"), `${number.format(page.offset + 1)} to ${number.format(last)}`);
  $("earlier").disabled = page.offset === 0;
  $("later").disabled = last >= each.recipients;
  const ticked = page.rows.filter(([phone]) => chosen.has(phone)).length;
  $("choose-all").checked = ticked > 0 && ticked === page.rows.length;
  $("choose-all").indeterminate = ticked > 0 && ticked < page.rows.length;
}

function buildRecipient([phone]) {
  const tick = make("input", { type: "checkbox", "aria-label": `Choose ${phone}`, on: { change: choose } });
  return make("tr", {}, make("td", {}, tick), make("td", {}, String(phone)), make("td", {}, make("span", { className: "state" })), make("td", { className: "soft" }));
  function choose() {
    if (tick.checked) chosen.add(phone);
    else chosen.delete(phone);
    drawMoves(campaign(open));
    drawRecipients();
  }
}

function refreshRecipient(row, [phone, status, since]) {
  const [tick, , state, when] = row.children;
  tick.firstChild.checked = chosen.has(phone);
  const node = state.firstChild;
  if (node.dataset.status !== status) {
    node.dataset.status = status;
    node.replaceChildren(icon(ICONS[status] ?? "clock"), status);
  }
  setText(when, since.slice(11));
  when.title = since;
}

function chooseAll(event) {
  for (const [phone] of page.rows) {
    if (event.currentTarget.checked) chosen.add(phone);
    else chosen.delete(phone);
  }
  drawMoves(campaign(open));
  drawRecipients();
}

function layOut() {
  laidOut = !laidOut;
  drawJson();
}

function drawJson() {
  setText($("lay-out"), laidOut ? "Show raw" : "Lay out");
  $("json").replaceChildren(...json(page.body, laidOut));
}

async function copy() {
  await navigator.clipboard.writeText(page.body);
  show("toast", "Copied, as it came.");
}

// The text in its own tokens, coloured; laid out, only the space between them is ours.
function json(text, spaced) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|\s+|[^]/g) ?? [];
  const solid = spaced ? tokens.filter((token) => token.trim()) : tokens;
  const inside = []; // for each open bracket whether what it holds stands on lines of its own
  const nodes = [];
  const line = () => nodes.push(`\n${"  ".repeat(inside.filter(Boolean).length)}`);
  solid.forEach((token, index) => {
    const next = solid[index + 1];
    if (spaced && "}]".includes(token) && inside.pop()) line();
    nodes.push(coloured(token, spaced ? next : solid.slice(index + 1).find((each) => each.trim())));
    if (!spaced) return;
    if ("{[".includes(token)) {
      inside.push(!"}]".includes(next) && (token === "{" || "{[".includes(next)));
      if (inside.at(-1)) line();
    } else if (token === ",") inside.at(-1) ? line() : nodes.push(" ");
    else if (token === ":") nodes.push(" ");
  });
  return nodes;
}

function coloured(token, next) {
  if (token.startsWith('"') && token.length > 1) return make("span", { className: next === ":" ? "key" : "string" }, token);
  if (/^[-\dtfn]/.test(token)) return make("span", { className: "value" }, token);
  return token;
}

// --- requests ---

function drawRequests() {
  const all = of("request").sort((one, other) => other.number - one.number);
  const { limit, peak, refusals } = known.get("rate");
  setText($("rate"), limit === null ? "No rate limit." : `The rate limit takes ${limit[0]} in ${limit[1] === 1 ? "any second" : `any ${limit[1]} seconds`}. At most ${peak} came in one; ${refusals} ${refusals === 1 ? "was" : "were"} refused.`);
  setText($("count-requests"), known.get("account").requests ? number.format(known.get("account").requests) : "");
  keyed($("arrived"), all, (each) => each.number, buildRequest, (row, each) => refreshRequest(row, each, limit));
  const left = known.get("account").requests - all.length;
  setText($("more-requests"), all.length === 0 ? "None yet." : left ? `The latest ${all.length} are shown, of ${number.format(known.get("account").requests)}.` : "");
}

function buildRequest(each) {
  const query = new URLSearchParams(each.query).toString();
  const holds = make("div", { className: "holds" });
  const row = make(
    "details",
    { on: { toggle: () => row.open && loadRequest(each.number, holds) } },
    make(
      "summary",
      {},
      make("span", { className: "soft no" }, String(each.number)),
      make("time", { className: "soft" }, clockOf(arrivedAt.get(each.number))),
      make("span", { className: "line" }, make("b", {}, each.method), " ", each.path, query ? make("span", { className: "soft" }, `?${query}`) : ""),
      make("span", { className: "struck" }),
      make("span", { className: "meter" }),
      make("span", { className: "code-of" }),
    ),
    holds,
  );
  return make("li", { className: arriving ? "fresh" : "" }, row);
}

function refreshRequest(row, each, limit) {
  const find = (name) => row.querySelector(`.${name}`);
  const status = find("code-of");
  setText(status, each.status === null ? "…" : String(each.status));
  status.dataset.kind = each.status === null ? "none" : String(each.status)[0];
  status.title = each.status === null ? "No answer, or none yet" : "";
  setText(find("struck"), each.fault);
  const meter = find("meter");
  meter.hidden = limit === null;
  if (limit === null || meter.firstChild) return;
  const share = Math.min(each.in_window / limit[0], 1);
  const fill = make("span", { className: "fill" });
  fill.style.setProperty("inline-size", `${share * 100}%`);
  meter.dataset.over = each.over_limit;
  meter.append(make("span", { className: "trough", "aria-hidden": "true" }, fill), make("span", { className: "soft" }, `${each.in_window}/${limit[0]}${each.over_limit ? " refused" : ""}`));
}

async function loadRequest(id, holds) {
  if (holds.firstChild) return;
  try {
    const loaded = await ask(`requests/${id}`);
    const heads = Object.entries(loaded.headers).map(([name, value]) => `${name}: ${value}`).join("\n");
    const tail = loaded.left_out ? `\n… ${plural(loaded.left_out, "byte", "bytes")} more` : "";
    holds.append(make("pre", { className: "json soft", tabIndex: 0 }, heads), loaded.body ? make("pre", { className: "json", dir: "ltr", tabIndex: 0 }, ...json(loaded.body, true), tail) : make("p", { className: "soft" }, "Without a body."));
  } catch (error) {
    holds.append(make("p", { className: "soft" }, error.message));
  }
}

const clockOf = (date) => `${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;

// --- blacklist ---

function drawBlacklist() {
  const { total, rows } = known.get("blacklist");
  setText($("count-blacklist"), total ? number.format(total) : "");
  setText($("blacklist-total"), total ? `${plural(total, "phone", "phones")} that no campaign reaches.` : "Nobody is on it.");
  keyed($("entries"), rows, ([id]) => id, buildEntry, () => {});
  setText($("more-entries"), total > rows.length ? `The latest ${rows.length} are shown.` : "");
}

function buildEntry([, phone, description, added]) {
  return make(
    "li",
    {},
    make("b", {}, String(phone)),
    make("bdi", { className: "soft why", lang: "" }, description),
    make("time", { className: "soft" }, added),
    make("button", { type: "button", className: "button small", "aria-label": `Take ${phone} off`, on: { click: () => press("unblock", { phone: String(phone) }) } }, "Take off"),
  );
}

// --- faults and time ---

function drawFaults() {
  const account = known.get("account");
  const plans = of("plan").sort((one, other) => one.number - other.number);
  setText($("count-faults"), plans.length ? String(plans.length) : "");
  $("no-plans").hidden = plans.length > 0;
  keyed($("plans"), plans, (each) => each.number, buildPlan, refreshPlan);
  keyed($("fault-on"), ["", ...account.operations], (name) => name, (name) => make("option", { value: name }, name || "any request"), () => {});
  keyed($("presets"), account.faults, ([name]) => name, buildPreset, () => {});
  drawClock();
}

function buildPlan(each) {
  return make(
    "li",
    {},
    make("b", {}, each.name),
    make("span", { className: "soft" }),
    make("button", { type: "button", className: "button small", "aria-label": `Call off ${each.name}`, on: { click: () => press("call_off", { number: each.number }) } }, "Call off"),
  );
}

function refreshPlan(row, each) {
  const often = each.left !== null ? `${plural(each.left, "time", "times")} more` : each.seconds ? "for a while" : "until called off";
  setText(row.children[1], `${each.on ?? "any request"}, ${often}${each.skip ? ` after ${each.skip}` : ""}; struck ${each.struck}`);
}

function buildPreset([name, says, on]) {
  const button = make("button", { type: "button", className: "preset", on: { click: switchOn } }, make("b", {}, name), make("span", { className: "soft" }, says));
  return make("li", {}, button);
  function switchOn() {
    const times = $("fault-times").value;
    press("fault", { fault: name, on: $("fault-on").value || on, times: times ? Number(times) : null });
  }
}

function drawClock() {
  const ran = time.stands ? 0 : performance.now() - time.at;
  setText($("clock"), new Date(time.now + ran).toISOString().replace("T", " ").slice(0, 19));
}

// --- begin ---

$("by-hand").addEventListener("change", (event) => press("by_hand", { by_hand: event.currentTarget.checked }));
$("switch-on").addEventListener("submit", (event) => event.preventDefault());
$("revoke").addEventListener("click", () => press("revoke"));
for (const each of $("advance").querySelectorAll("[data-seconds]")) {
  each.addEventListener("click", () => press("advance", { seconds: Number(each.dataset.seconds) }));
}
$("block").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  if (await press("block", Object.fromEntries(new FormData(form)))) form.reset();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unseen = 0;
  document.title = "Sandbox inbox";
});
addEventListener("hashchange", go);
wide.addEventListener("change", () => known.has("account") && drawCampaigns());
setInterval(() => known.has("account") && drawClock(), 1000);
go();
listen();
