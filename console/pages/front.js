// Live search on the front page.
import { money, text } from "./page.js";

const input = document.getElementById("q");
const found = document.getElementById("found");
const list = document.getElementById("products");
const waitMilliseconds = 120; // after the last key, so that a word is one request and not one a letter

let asked = null; // the AbortController of the request under way
let timer = 0;

function card(product) {
  const link = document.createElement("a");
  link.href = "/v1/products/" + encodeURIComponent(product.id);
  link.append(text("span", "name", product.name));
  if (product.price) link.append(text("span", "price", money(product.price)));
  const more = [...(product.categories || [])];
  if (product.inventory_count !== undefined) more.push(product.inventory_count > 0 ? product.inventory_count + " in stock" : "sold out");
  link.append(text("span", "more", more.join(" · ")));
  const item = document.createElement("li");
  item.append(link);
  return item;
}

async function search() {
  asked?.abort();
  const words = input.value.trim();
  if (words === "") {
    found.textContent = "";
    list.replaceChildren();
    return;
  }
  const mine = asked = new AbortController();
  const started = performance.now();
  try {
    const response = await fetch("/v1/search/products?" + new URLSearchParams({ q: words }), { signal: mine.signal });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    const took = Math.round(performance.now() - started);
    list.replaceChildren(...answer.items.map(card));
    found.textContent = answer.items.length === 0
      ? "Nothing is found for “" + words + "”."
      : answer.items.length + (answer.next ? " and more" : "") + " in " + took + " ms";
  } catch (error) {
    if (mine.signal.aborted) return;
    list.replaceChildren();
    found.textContent = "The search gave no answer: " + error.message;
  }
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, waitMilliseconds);
});
input.form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  search();
});
if (input.value !== "") search(); // a browser fills the box again when it comes back to the page
