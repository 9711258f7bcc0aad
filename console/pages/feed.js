// The page of the home timeline: who reads, what is shown, and what the reader does.
import { API } from "./api.js";
import { follow } from "./live.js";
import { button, card } from "./post.js";

const api = new API();
const byId = (id) => document.getElementById(id);
const list = byId("posts");
const news = byId("news");
const longest = 1000; // characters of a post

let me = null; // the reader; null before one has signed in
let view = null; // what is shown; see show
let reached = ""; // Agora-As-Of of the reader's last write, so that another server shows it too
let follows = new Map(); // author → whether the reader follows, as far as it is known

const own = (post) => post.author === me.id;
const nameOf = (author) => (author === me.id ? "You" : author);

// attempt does what a reader asked for, and says why it failed.
async function attempt(work) {
  byId("wrong").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) return enter("Your session has ended. Sign in again.");
    if (error.status === 410) { // the log was replaced, and the walk has to begin again
      reached = "";
      return show();
    }
    byId("wrong").textContent = "That did not work: " + error.message + ".";
  }
}

// say tells a screen reader what changed.
function say(what) {
  byId("said").textContent = what;
}

async function write(method, path, options) {
  const response = await api.send(method, path, options);
  reached = response.headers.get("Agora-As-Of") || reached;
  return response;
}

// enter shows the feed of the token's user, or else asks for a token.
async function enter(refusal = "") {
  view?.ended.abort();
  view = me = null;
  follows = new Map();
  reached = "";
  list.replaceChildren();
  if (refusal !== "") api.forget();
  if (api.token !== "") {
    try {
      me = await api.read("/v1/me");
    } catch (error) {
      api.forget();
      refusal = "You are not signed in: " + error.message + ".";
    }
  }
  byId("entry").hidden = me !== null;
  byId("reader").hidden = byId("live").hidden = me === null;
  byId("refused").textContent = refusal;
  if (me === null) return;
  byId("name").textContent = me.name;
  byId("me").textContent = me.id;
  byId("leave").textContent = api.own ? "Sign out" : "Forget the token";
  await show();
}

byId("signin").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { email: byId("email").value, password: byId("password").value };
  try {
    api.forget();
    const response = await api.send("POST", "/v1/sessions", { body });
    api.token = (await response.json()).token;
    api.own = true;
  } catch (error) {
    byId("refused").textContent = "You are not signed in: " + error.message + ".";
    return;
  }
  byId("password").value = "";
  await enter();
});

byId("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  api.token = byId("token").value.trim();
  api.own = false;
  byId("token").value = "";
  enter();
});

byId("leave").addEventListener("click", async () => {
  if (api.own) await api.send("DELETE", "/v1/sessions").catch(() => {}); // a token that has ended already is as good
  api.forget();
  await enter();
  byId("email").focus();
});

// show shows the home timeline, or the posts of the user in the fragment of the address.
async function show() {
  view?.ended.abort();
  const author = /^#(usr_[0-9a-z]{26})$/.exec(location.hash)?.[1] || "";
  const mine = view = { author, ended: new AbortController(), next: "", waiting: [] };
  list.replaceChildren();
  byId("title").textContent = author === "" ? "Home timeline" : author === me.id ? "Your posts" : "Posts of " + author;
  byId("author-buttons").replaceChildren();
  byId("complete").textContent = byId("end").textContent = "";
  byId("older").hidden = true;
  byId("live").hidden = author !== "";
  tellNews();
  await attempt(async () => {
    if (author !== "") {
      if (author !== me.id) byId("author-buttons").append(followButton(author, await isFollowed(author, mine.ended.signal)));
      return more(mine);
    }
    const page = await more(mine);
    follow(api, page.feed.live, mine.ended.signal, { happened: (event) => happened(mine, event), connected, refused: () => enter("Your session has ended. Sign in again.") });
  });
}

// more reads the next page of a view, or the first one, and returns it.
async function more(mine) {
  const query = new URLSearchParams({ limit: 20 });
  if (mine.next !== "") query.set("cursor", mine.next);
  else if (mine.author === "" && reached !== "") query.set("after", reached);
  const first = mine.next === "";
  const path = mine.author === "" ? "/v1/feed" : "/v1/users/" + mine.author + "/posts";
  const page = await api.read(path + "?" + query, mine.ended.signal);
  page.items.forEach((post) => place(post));
  mine.next = page.next || "";
  byId("older").hidden = mine.next === "";
  byId("end").textContent = mine.next !== "" ? "" : list.children.length > 0 ? "There are no older posts." : "There are no posts yet.";
  if (page.feed && (first || page.feed.state !== "complete")) byId("complete").textContent = describe(page.feed);
  return page;
}

function describe(feed) {
  const now = new Date().toLocaleTimeString();
  switch (feed.state) {
    case "complete": return "Complete as of " + now + ".";
    case "rebuilding": return "Rebuilding as of " + now + ": posts may be missing. Read again soon.";
    default: return "Incomplete as of " + now + ": you follow too many authors to read the older posts of each, and " + feed.skipped + " are left out.";
  }
}

// place puts a post into the list, newest first, and returns its item. A post that is there stays as it is.
function place(post) {
  view.waiting = view.waiting.filter((other) => other.id !== post.id);
  tellNews();
  const known = byId(post.id);
  if (known) return known;
  const buttons = [];
  if (own(post) || me.role === "admin") buttons.push(button("Delivery", () => attempt(() => tellDelivery(post))), deleteButton(post));
  if (!own(post) && view.author === "") buttons.push(followButton(post.author, follows.get(post.author) ?? true));
  const item = card(post, nameOf(post.author), buttons);
  list.insertBefore(item, [...list.children].find((other) => other.id < post.id) || null);
  return item;
}

function remove(id) {
  view.waiting = view.waiting.filter((post) => post.id !== id);
  tellNews();
  const item = byId(id);
  if (!item) return;
  const focused = item.contains(document.activeElement);
  const neighbour = item.nextElementSibling || item.previousElementSibling;
  item.remove();
  if (focused) (neighbour?.querySelector("article") || byId("title")).focus();
}

// happened does what an event of the live stream tells.
function happened(mine, { name, data }) {
  if (mine !== view || data === "") return; // an event without data moves the id only
  switch (name) {
    case "post": {
      const post = JSON.parse(data);
      if (byId(post.id)) return;
      if (own(post)) return place(post);
      view.waiting.push(post);
      return tellNews();
    }
    case "delete": return remove(JSON.parse(data).id);
    case "reset": return show();
  }
}

function connected(live) {
  const state = live ? "Live" : "Connecting again";
  if (byId("live").textContent === state) return; // a screen reader would read it again
  byId("live").textContent = state;
  byId("live").className = "state " + (live ? "good" : "bad");
}

function tellNews() {
  const n = view.waiting.length;
  const label = n === 1 ? "1 new post" : n + " new posts";
  if (news.hidden === (n === 0) && news.textContent === label) return;
  news.hidden = n === 0;
  news.textContent = label;
  if (n > 0) say(label);
}

news.addEventListener("click", () => {
  let newest = null;
  for (const post of [...view.waiting]) {
    newest = place(post);
    newest.classList.add("fresh");
  }
  list.firstElementChild.querySelector("article").focus({ preventScroll: true });
  byId("title").scrollIntoView();
});

byId("older").addEventListener("click", () => attempt(async () => {
  const last = list.lastElementChild;
  await more(view);
  (last ? last.nextElementSibling : list.firstElementChild)?.querySelector("article").focus();
}));

byId("again").addEventListener("click", show);

async function tellDelivery(post) {
  const d = await api.read("/v1/posts/" + post.id + "/delivery");
  const followers = d.followers === 1 ? "1 follower" : d.followers.toLocaleString() + " followers";
  byId(post.id).querySelector("output").textContent = d.mode === "pull"
    ? "Pulled by " + followers + " at each read"
    : "In the timelines of " + d.delivered.toLocaleString() + " of " + followers + (d.lag_ms > 0 ? ", after " + (d.lag_ms / 1000).toFixed(1) + " s" : "");
}

// deleteButton deletes at the second press.
function deleteButton(post) {
  const element = button("Delete", () => {
    if (element.textContent === "Delete") {
      element.textContent = "Delete for ever";
      return say("Press again to delete the post for ever.");
    }
    return attempt(async () => {
      await write("DELETE", "/v1/posts/" + post.id);
      remove(post.id);
      say("The post is deleted.");
    });
  });
  element.addEventListener("blur", () => { element.textContent = "Delete"; });
  return element;
}

// isFollowed reads whether the reader follows a user: the list is in the order of the ids.
async function isFollowed(author, signal) {
  for (let cursor = ""; !follows.has(author);) {
    const query = new URLSearchParams(cursor === "" ? { limit: 100 } : { limit: 100, cursor });
    const page = await api.read("/v1/users/" + me.id + "/following?" + query, signal);
    for (const { id } of page.items) follows.set(id, true);
    cursor = page.next || "";
    if (!follows.has(author) && (cursor === "" || page.items.at(-1)?.id > author)) follows.set(author, false);
  }
  return follows.get(author);
}

function followButton(author, followed) {
  const element = button("", () => attempt(async () => {
    const on = !(follows.get(author) ?? followed);
    await write(on ? "PUT" : "DELETE", "/v1/users/" + author + "/follow");
    follows.set(author, on);
    if (!on) view.waiting = view.waiting.filter((post) => post.author !== author);
    tellNews();
    document.querySelectorAll("[data-follow='" + author + "']").forEach((other) => labelFollow(other, on));
    say(on ? "You follow " + author + "." : "You do not follow " + author + " any more.");
  }));
  element.dataset.follow = author;
  labelFollow(element, followed);
  return element;
}

// labelFollow says what a press does. Posts of an author who was just left stay on the page, so that the reader can follow again.
function labelFollow(element, followed) {
  element.textContent = followed ? "Unfollow" : "Follow";
  element.setAttribute("aria-label", element.textContent + " " + element.dataset.follow);
  element.closest("article")?.classList.toggle("left", !followed);
}

// The form of a new post. A repeated attempt has the same key, so that it publishes one post.
const words = byId("words");
let key = "";

function count() {
  const left = longest - [...words.value].length;
  byId("left").textContent = left === 1 ? "1 character left" : left + " characters left";
  words.setCustomValidity(left < 0 ? "The text is longer than " + longest + " characters." : "");
}

byId("write").addEventListener("input", () => {
  key = "";
  count();
});
words.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) words.form.requestSubmit();
});
words.form.addEventListener("submit", (event) => {
  event.preventDefault();
  const send = event.target.querySelector("button.main");
  if (send.disabled) return;
  send.disabled = true;
  attempt(async () => {
    key ||= Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const body = { text: words.value };
    if (byId("product").value.trim() !== "") body.product_id = byId("product").value.trim();
    if (byId("link").value !== "") body.media = [byId("link").value];
    const response = await write("POST", "/v1/posts", { body, headers: { "Idempotency-Key": key } });
    const post = await response.json();
    event.target.reset();
    event.target.querySelector("details").open = false;
    key = "";
    count();
    if (view.author === "" || view.author === me.id) place(post).classList.add("fresh");
    say("The post is published.");
  }).finally(() => { send.disabled = false; });
});

// The products that the reader may mean.
let timer = 0;
byId("product").addEventListener("input", (event) => {
  clearTimeout(timer);
  const q = event.target.value.trim();
  if (q === "" || q.startsWith("prd_")) return;
  timer = setTimeout(async () => {
    const found = await api.read("/v1/search/products?" + new URLSearchParams({ q, limit: 8 })).catch(() => ({ items: [] }));
    byId("goods").replaceChildren(...found.items.map((product) => new Option(product.name, product.id)));
  }, 150);
});

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = byId("user").value;
  byId("user").value = "";
});
window.addEventListener("hashchange", async () => {
  if (me === null) return;
  await show();
  byId("title").focus();
});

count();
enter();
