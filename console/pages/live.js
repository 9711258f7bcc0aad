// The live stream of a home timeline, continued after each interruption.
import { events } from "./events.js";

const longestPause = 30; // seconds

// follow continues a page, whose live is given, until signal is aborted. It calls happened(event) for each event, connected(live)
// when the stream begins or breaks, and refused() when the token is not valid any more. A hidden page has no stream, because
// browsers open few connections to a server; it continues when it is shown again.
export async function follow(api, live, signal, { happened, connected, refused }) {
  let last = "";
  for (let failures = 0; !signal.aborted;) {
    await shown(signal);
    const hidden = new AbortController();
    const hide = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", hide);
    let pause = 0;
    try {
      const headers = last === "" ? api.headers : { ...api.headers, "Last-Event-ID": last };
      for await (const event of events("/v1/feed/stream?" + new URLSearchParams({ live }), headers, AbortSignal.any([signal, hidden.signal]))) {
        failures = 0;
        connected(true);
        happened(event);
        last = event.id || last;
      }
    } catch (error) {
      if (error.status === 401 && !signal.aborted) return refused();
      pause = error.retryAfter || 0;
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
    if (signal.aborted || hidden.signal.aborted) continue;
    connected(false);
    await sleep(Math.max(pause, Math.min(longestPause, 2 ** failures++)), signal);
  }
}

function shown(signal) {
  return until(signal, (done) => {
    if (!document.hidden) return done();
    document.addEventListener("visibilitychange", done, { once: true, signal });
  });
}

function sleep(seconds, signal) {
  return until(signal, (done) => setTimeout(done, seconds * 1000));
}

// until waits until begin has called done, or signal is aborted.
function until(signal, begin) {
  return new Promise((done) => {
    signal.addEventListener("abort", done, { once: true });
    begin(done);
  });
}
