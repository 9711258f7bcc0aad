// Requests to the API with the token of the reader.

// Refusal is an answer that is not a success: its status, and the seconds of Retry-After or 0.
export class Refusal extends Error {
  constructor(response, problem) {
    const fields = (problem.errors || []).map((field) => field.field + " " + field.message);
    super(fields.join(", ") || problem.detail || "the server answered " + response.status);
    this.status = response.status;
    this.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  }
}

// check throws the Refusal of a response that is no success.
export async function check(response) {
  if (!response.ok) throw new Refusal(response, await response.json().catch(() => ({})));
  return response;
}

// API sends requests. The token is in the storage of the tab, which ends with the tab.
export class API {
  get token() { return sessionStorage.getItem("token") || ""; }
  set token(token) { sessionStorage.setItem("token", token); }

  forget() { sessionStorage.clear(); }

  // own says whether this page opened the session of the token, and so may end it.
  get own() { return sessionStorage.getItem("own") === "yes"; }
  set own(own) { sessionStorage.setItem("own", own ? "yes" : "no"); }

  get headers() { return this.token === "" ? {} : { Authorization: "Bearer " + this.token }; }

  // send returns a successful response. It throws a Refusal, or the error of the network.
  async send(method, path, { body, headers = {}, signal } = {}) {
    const options = { method, signal, headers: { ...this.headers, ...headers } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    return check(await fetch(path, options));
  }

  async read(path, signal) {
    const response = await this.send("GET", path, { signal });
    return response.json();
  }
}
