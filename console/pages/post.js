// How a post looks.
import { money, text } from "./page.js";

// button returns a button that calls press with itself.
export function button(label, press) {
  const element = text("button", "", label);
  element.type = "button";
  element.addEventListener("click", () => press(element));
  return element;
}

function time(created) {
  const at = new Date(created);
  const today = at.toDateString() === new Date().toDateString();
  const element = text("time", "", at.toLocaleString(undefined, today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }));
  element.dateTime = created;
  return element;
}

function stock(units) {
  return units > 0 ? units.toLocaleString() + " in stock" : "sold out";
}

// product shows a product with its price and stock of when the post was read.
function product({ id, state, name, price, stock: units }) {
  if (state !== "live") {
    return text("p", "product", state === "gone" ? "The product does not exist any more." : "The product cannot be shown now.");
  }
  const link = text("a", "product", "");
  link.href = "/v1/products/" + encodeURIComponent(id);
  link.append(text("bdi", "name", name), text("span", "price", money(price)), text("span", "more", stock(units)));
  return link;
}

// media shows links. Nothing is loaded from them.
function media(urls) {
  const list = text("ul", "links", "");
  for (const url of urls) {
    const link = text("a", "", url);
    link.href = /^https?:/i.test(url) ? url : "#";
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  return list;
}

// authorLink leads to the posts of a user.
export function authorLink(id, label) {
  const link = text("a", "author", label);
  link.href = "#" + id;
  return link;
}

// card returns the list item of a post, with the buttons that its reader has.
export function card(post, author, buttons) {
  const item = document.createElement("li");
  const article = document.createElement("article");
  item.id = post.id;
  item.dataset.author = post.author;
  article.tabIndex = -1; // takes the focus when the post is new or its neighbour was deleted
  const head = document.createElement("header");
  head.append(authorLink(post.author, author), time(post.created_at));
  article.setAttribute("aria-label", "Post of " + author);
  if (post.reply_to) head.append(text("span", "more", "a reply"));
  const words = text("p", "words", post.text);
  words.dir = "auto"; // isolates the text, so that its direction does not reach the rest of the page
  article.append(head, words);
  if (post.product) article.append(product(post.product));
  if (post.media) article.append(media(post.media));
  const foot = document.createElement("footer");
  foot.append(...buttons, document.createElement("output"));
  article.append(foot);
  item.append(article);
  return item;
}
