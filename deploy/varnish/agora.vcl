vcl 4.1;

# Varnish as the CDN of agora. It stores answers that agora marks as public, for the time in their Cache-Control (s-maxage or
# max-age, then stale-while-revalidate), and purges them by Surrogate-Key. It needs varnish-modules, for xkey,
# "-p http_gzip_support=off", because agora compresses and has entity tags for that, and a second socket for purges:
# "-a purges=HOST:PORT". See docs/deployment.md.

import std;
import xkey;

include "./origin.vcl";  # address of agora
include "./purgers.vcl"; # addresses that may purge

sub vcl_recv {
    # Purges have a separate socket, "-a purges=...", which only agora's servers should reach.
    if (local.socket == "purges") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        if (req.method != "PURGE") {
            return (synth(405, "Method Not Allowed"));
        }
        if (!req.http.Surrogate-Key) {
            return (synth(400, "Surrogate-Key is missing"));
        }
        return (synth(200, "Purged " + xkey.purge(req.http.Surrogate-Key)));
    }
    if (req.method == "PURGE") {
        return (synth(405, "Method Not Allowed"));
    }

    # A path has one spelling, so that the rules below see what agora sees, and a page is stored once: no escape of a
    # character that needs none (RFC 3986, section 6.2.2.2), no empty segment, no "." and "..". No client writes these.
    if (req.url !~ "^/"
        || req.url ~ "^[^?]*%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])"
        || req.url ~ "^[^?]*(//|/\.\.?([/?]|$))") {
        return (synth(400, "Bad Request"));
    }

    # Operators read the metrics directly at each server.
    if (req.url ~ "^/(metrics|readyz)(\?|$)") {
        return (synth(404, "Not Found"));
    }

    # A page does not depend on Host, which the client chooses. agora gets the name of the backend in origin.vcl.
    unset req.http.Host;

    # Headers that clients must not set.
    unset req.http.xkey;
    unset req.http.Surrogate-Key;
    unset req.http.traceparent;
    unset req.http.tracestate;
    # agora uses no cookies. Cookies of other programs under the same name must not prevent caching.
    unset req.http.Cookie;

    # Answers to a token are not cached, nor are those to requests that write.
    if (req.http.Authorization || (req.method != "GET" && req.method != "HEAD")) {
        return (pass);
    }

    # A product page has no query. Otherwise each made-up query would be stored as another page.
    if (req.url ~ "^/v1/products/[^/?]+\?") {
        set req.url = regsub(req.url, "\?.*$", "");
    }
    if (req.http.Accept-Encoding ~ "\bgzip\b") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }

    # While agora answers, an old page is served for its stale-while-revalidate, which agora sends as 60 s. Objects are
    # stored longer, see below, for when agora does not answer.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    # A failed refresh in the background leaves the old page in the cache.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    # Only what agora marks as public is cached. Lists and searches are not marked.
    if (beresp.http.Cache-Control !~ "(?i)\bpublic\b" || beresp.http.Cache-Control ~ "(?i)\b(private|no-store|no-cache)\b") {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
        return (deliver);
    }
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    # stale-if-error, which Varnish does not implement: serve an old page instead of an error.
    if (beresp.http.Cache-Control ~ "\bstale-if-error=") {
        set beresp.grace = std.duration(regsub(beresp.http.Cache-Control, "^.*\bstale-if-error=(\d+).*$", "\1") + "s", 60s);
    }
    # Stored for longer, so that agora can answer 304 if the page has not changed.
    set beresp.keep = 10m;
    return (deliver);
}

sub vcl_deliver {
    if (obj.uncacheable) {
        set resp.http.X-Cache = "pass";
    } else if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
        # The stored id is that of the request which fetched the page.
        unset resp.http.X-Request-Id;
        if (req.http.X-Request-Id ~ "^[A-Za-z0-9._-]{1,128}$") {
            set resp.http.X-Request-Id = req.http.X-Request-Id;
        }
    } else {
        set resp.http.X-Cache = "miss";
    }
    unset resp.http.Surrogate-Key;
    unset resp.http.xkey;
    unset resp.http.X-Varnish;
    unset resp.http.Via;
    return (deliver);
}

sub vcl_synth {
    set resp.http.Cache-Control = "no-store";
    set resp.http.Content-Type = "application/problem+json";
    unset resp.http.X-Varnish;
    unset resp.http.Via;
    set resp.body = """{"type":"about:blank","status":""" + resp.status + "}";
    return (deliver);
}

sub vcl_backend_error {
    if (bereq.is_bgfetch) {
        return (abandon);
    }
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Content-Type = "application/problem+json";
    set beresp.http.Retry-After = "1";
    set beresp.body = """{"type":"/docs#unavailable","title":"Service Unavailable","status":503,"code":"unavailable","detail":"the shop does not answer"}""";
    set beresp.ttl = 0s;
    return (deliver);
}
