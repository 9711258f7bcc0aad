// Server-sent events over fetch, because an EventSource cannot send an Authorization header.
import { check } from "./api.js";

const silenceMilliseconds = 20_000; // the server sends something each 5 s, so the connection is gone after this

// events yields the events {id, name, data} of a stream until the server ends it or signal is aborted. It throws a Refusal,
// or the error of the network.
export async function* events(path, headers, signal) {
  const silence = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error("the stream is silent")), silenceMilliseconds);
  };
  heard();
  try {
    const response = await check(await fetch(path, { headers, signal: AbortSignal.any([signal, silence.signal]) }));
    let event = { id: "", name: "message", data: [] };
    for await (const line of lines(response.body, heard)) {
      if (line === "") {
        yield { ...event, data: event.data.join("\n") };
        event = { id: "", name: "message", data: [] };
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (field === "id") event.id = value;
      else if (field === "event") event.name = value;
      else if (field === "data") event.data.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function* lines(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
}
