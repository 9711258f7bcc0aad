// The API reference: reads /openapi.json and shows it. Text goes into the page as text only.
"use strict";

const methods = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);

// make returns an element with properties and children; strings become text.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

class Reference {
  constructor(doc) {
    this.doc = doc;
  }

  resolve(schema) {
    while (schema && schema.$ref) {
      schema = this.doc.components.schemas[schema.$ref.split("/").pop()];
    }
    return schema || {};
  }

  kind(schema) {
    schema = this.resolve(schema);
    const kind = [].concat(schema.type || "any").find((t) => t !== "null");
    return kind === "array" ? this.kind(schema.items) + "[]" : kind;
  }

  // rules describes the rules of a schema other than its type.
  rules(schema) {
    const s = this.resolve(schema);
    const rules = [];
    if (s.enum) rules.push("one of " + s.enum.join(", "));
    if (s.format && s.type === "string") rules.push(s.format);
    if (s.minimum !== undefined) rules.push("at least " + s.minimum);
    if (s.maximum !== undefined) rules.push("at most " + s.maximum);
    if (s.minLength && s.minLength === s.maxLength) rules.push("length " + s.minLength);
    else {
      if (s.minLength) rules.push("length from " + s.minLength);
      if (s.maxLength) rules.push("length to " + s.maxLength);
    }
    if (s.pattern) rules.push("matches " + s.pattern);
    if (s.minItems) rules.push("items from " + s.minItems);
    if (s.maxItems) rules.push("items to " + s.maxItems);
    if (s.default !== undefined) rules.push("otherwise " + JSON.stringify(s.default));
    return rules.join(", ");
  }

  // properties returns the required fields of an object in their declared order, and then the others. The order of the
  // document itself is alphabetical.
  properties(schema) {
    const required = schema.required || [];
    const place = (name) => (required.includes(name) ? required.indexOf(name) : required.length);
    return Object.entries(schema.properties || {}).sort(([a], [b]) => place(a) - place(b));
  }

  // example returns a value that can be sent, made from the examples in a schema. Objects have the fields that are required or
  // have an example.
  example(schema, depth = 0) {
    const s = this.resolve(schema);
    if (s.examples && s.examples.length > 0) return s.examples[0];
    if (s.default !== undefined) return s.default;
    if (s.enum) return s.enum[0];
    switch (this.kind(s).endsWith("[]") ? "array" : this.kind(s)) {
      case "object": {
        if (depth > 5) return {};
        const properties = this.properties(s)
          .filter(([name, p]) => (s.required || []).includes(name) || this.resolve(p).examples);
        return Object.fromEntries(properties.map(([name, p]) => [name, this.example(p, depth + 1)]));
      }
      case "array": {
        const items = this.resolve(s.items);
        return items.properties || items.examples ? [this.example(items, depth + 1)] : [];
      }
      case "integer": case "number": return s.minimum ?? 1;
      case "boolean": return true;
    }
    return s.format === "date-time" ? "2026-01-31T12:00:00Z" : "";
  }

  // rows returns the fields of a schema, at all depths, as rows of a table.
  rows(schema, prefix = "", depth = 0) {
    const s = this.resolve(schema);
    if (s.items) return this.rows(s.items, prefix + "[]", depth + 1);
    if (!s.properties || depth > 5) return [];
    return this.properties(s).flatMap(([name, property]) => {
      const path = prefix ? prefix + "." + name : name;
      const needed = (s.required || []).includes(name);
      return [{ path, needed, property }, ...this.rows(property, path, depth + 1)];
    });
  }

  fieldTable(rows, showNeeded) {
    return make("div", { className: "table" }, make("table", {}, rows.map(({ path, needed, property }) =>
      make("tr", {},
        make("td", {}, path),
        make("td", {}, this.kind(property) + (showNeeded && !needed ? ", optional" : "")),
        make("td", {}, property.description || this.resolve(property).description || "", " ",
          make("span", { className: "rule" }, this.rules(property)))))));
  }
}

function anchor(method, path) {
  return (method + path).replace(/[^A-Za-z0-9]+/g, "-");
}

function who(operation) {
  const roles = operation["x-roles"] || [];
  const text = roles.includes("anonymous") ? "everybody" : roles.length === 3 ? "everybody who is signed in" : roles.join(" and ");
  return make("p", { className: "who" }, "For ", make("b", {}, text),
    operation["x-owned"] ? ", as far as it is their own." : ".");
}

// bodyOf returns the media type and the schema of the body of an operation: JSON, or the first of its raw types.
function bodyOf(operation) {
  const content = operation.requestBody?.content || {};
  const media = content["application/json"] ? "application/json" : Object.keys(content)[0];
  return { media, schema: content[media]?.schema };
}

function showRequest(reference, operation) {
  const { media, schema } = bodyOf(operation);
  if (media !== "application/json") {
    return [make("h4", {}, "Body"), make("p", {}, Object.keys(operation.requestBody.content).join(" or ") + ". " + (operation.requestBody.description || ""))];
  }
  const rows = reference.rows(schema);
  return [
    make("h4", {}, "Body"),
    make("pre", {}, JSON.stringify(reference.example(schema), null, 2)),
    rows.length > 0 ? reference.fieldTable(rows, true) : null,
  ];
}

// showAnswer shows the example of an answer; its fields are folded.
function showAnswer(reference, status, schema) {
  const rows = reference.rows(schema);
  return [
    make("h4", {}, "Answer " + status),
    make("pre", {}, JSON.stringify(reference.example(schema), null, 2)),
    rows.length > 0 ? make("details", {}, make("summary", {}, "Fields"), reference.fieldTable(rows, false)) : null,
  ];
}

function showResponses(reference, operation) {
  const parts = [];
  const failures = [];
  const shown = new Map(); // status by schema
  for (const [status, response] of Object.entries(operation.responses)) {
    const schema = response.content?.["application/json"]?.schema;
    const same = shown.get(schema?.$ref);
    if (same) parts.push(make("h4", {}, "Answer " + status), make("p", {}, response.description + " The body is as in " + same + "."));
    else if (schema) parts.push(...showAnswer(reference, status, schema));
    else if (response.content?.["text/event-stream"]) parts.push(make("h4", {}, "Answer " + status), make("p", {}, "A stream of events (text/event-stream)."));
    else if (status < 400) parts.push(make("h4", {}, "Answer " + status), make("p", {}, "Without a body."));
    if (schema?.$ref) shown.set(schema.$ref, status);
    for (const [code, when] of Object.entries(response["x-codes"] || {})) {
      failures.push(make("tr", {}, make("td", {}, status),
        make("td", {}, make("a", { href: "#" + code }, make("code", {}, code))), make("td", {}, when)));
    }
  }
  if (failures.length > 0) {
    parts.push(make("details", {}, make("summary", {}, "Failures"),
      make("div", { className: "table" }, make("table", {}, failures))));
  }
  return parts;
}

// tryIt returns a form that sends a real request.
function tryIt(reference, method, path, operation) {
  const inputs = (operation.parameters || []).map((p) => {
    const object = p.style === "deepObject";
    const needed = p.required || p.name === "If-Match";
    const example = needed ? reference.example(p.schema) : "";
    const placeholder = needed ? "" : "optional" + (object ? ", such as color=red" : "");
    return { p, object, input: make("input", { value: String(example), placeholder, spellcheck: false }) };
  });
  const { media, schema } = bodyOf(operation);
  const example = media === "application/json" ? JSON.stringify(reference.example(schema), null, 2) : "";
  const body = schema ? make("textarea", { value: example, spellcheck: false }) : null;
  const output = make("pre", { hidden: true, tabIndex: 0 });
  output.setAttribute("aria-live", "polite");

  const send = async () => {
    let url = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { p, object, input } of inputs) {
      if (object) setObject(query, p.name, input.value);
      else if (p.in === "path") url = url.replace("{" + p.name + "}", encodeURIComponent(input.value));
      else if (input.value !== "" && p.in === "query") query.set(p.name, input.value);
      else if (input.value !== "" && p.in === "header") headers[p.name] = input.value;
    }
    if (query.size > 0) url += "?" + query;
    if (body) headers["Content-Type"] = media;
    if (byId("token").value) headers.Authorization = "Bearer " + byId("token").value;
    output.hidden = false;
    output.textContent = "…";
    try {
      const response = await fetch(url, { method: method.toUpperCase(), headers, body: body?.value });
      const text = await response.text();
      output.textContent = response.status + " " + response.statusText + "\n\n" + pretty(text);
    } catch (error) {
      output.textContent = String(error);
    }
  };
  return make("details", {}, make("summary", {}, "Try it"), make("div", { className: "try" },
    inputs.map(({ p, input }) => make("label", {}, p.name, input)),
    body ? make("label", {}, "Body", body) : null,
    make("button", { type: "button", onclick: send }, "Send"), output));
}

// setObject adds the input "color=red, size=L" to a query, as color and size of the named object.
function setObject(query, name, typed) {
  for (const pair of typed.split(",").filter((p) => p.includes("="))) {
    const [key, ...value] = pair.split("=");
    query.set(name + "[" + key.trim() + "]", value.join("=").trim());
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function showOperation(reference, method, path, operation) {
  const parameters = operation.parameters || [];
  return make("article", { className: "operation", id: anchor(method, path) },
    make("h3", {}, operation.summary),
    make("p", { className: "where" }, make("span", { className: "method " + method }, method.toUpperCase()), " ", path),
    operation.description ? make("p", {}, operation.description) : null,
    who(operation),
    parameters.length > 0 ? [make("h4", {}, "Parameters"), reference.fieldTable(parameters.map((p) => (
      { path: p.name, needed: p.required, property: { ...p.schema, description: [p.in, p.description].filter(Boolean).join(". ") } })), true)] : [],
    operation.requestBody ? showRequest(reference, operation) : [],
    showResponses(reference, operation),
    operation.responses["200"]?.content?.["text/event-stream"] ? [] : tryIt(reference, method, path, operation)); // a stream has no end to wait for
}

function groups(doc) {
  const byTag = new Map();
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const method of methods.filter((m) => item[m])) {
      const tag = item[method].tags?.[0] || "other";
      if (!byTag.has(tag)) byTag.set(tag, []);
      byTag.get(tag).push({ method, path, operation: item[method] });
    }
  }
  // The operations of the server come last.
  return [...byTag].sort(([a], [b]) => (a === "operations") - (b === "operations") || a.localeCompare(b));
}

function showCodes(doc) {
  const codes = new Map();
  for (const [status, byCode] of Object.entries(doc["x-codes"] || {})) {
    for (const [code, when] of Object.entries(byCode)) codes.set(code, { status, when });
  }
  for (const item of Object.values(doc.paths)) {
    for (const method of methods.filter((m) => item[m])) {
      for (const [status, response] of Object.entries(item[method].responses)) {
        for (const [code, when] of Object.entries(response["x-codes"] || {})) codes.set(code, { status, when });
      }
    }
  }
  byId("code-list").append(...[...codes].sort(([a], [b]) => a.localeCompare(b)).flatMap(([code, { status, when }]) =>
    [make("dt", { id: code }, code), make("dd", {}, status + ". " + when)]));
  byId("codes").hidden = false;
}

function show(doc) {
  const reference = new Reference(doc);
  byId("version").textContent = doc.info.version;
  for (const [tag, operations] of groups(doc)) {
    const section = make("section", {}, make("h2", {}, tag));
    const list = make("ul", {});
    for (const { method, path, operation } of operations) {
      section.append(showOperation(reference, method, path, operation));
      list.append(make("li", {}, make("a", { href: "#" + anchor(method, path) },
        make("span", { className: "method " + method }, method.toUpperCase()), " ", operation.summary || path)));
    }
    byId("operations").append(section);
    byId("nav").append(make("h2", {}, tag), list);
  }
  showCodes(doc);
  byId("operations").removeAttribute("aria-busy");
}

function filter(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const article of document.querySelectorAll(".operation")) {
    const text = article.querySelector("h3").textContent + " " + article.querySelector(".where").textContent;
    article.hidden = !wanted.every((word) => text.toLowerCase().includes(word));
  }
  for (const section of document.querySelectorAll("#operations section")) {
    section.hidden = !section.querySelector(".operation:not([hidden])");
  }
}

async function start() {
  byId("filter").addEventListener("input", (event) => filter(event.target.value));
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error("openapi.json: " + response.status);
    show(await response.json());
    if (location.hash) byId(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  } catch (error) {
    byId("operations").replaceChildren(make("p", { role: "alert" }, "The document could not be shown: " + error.message));
  }
}

start();
