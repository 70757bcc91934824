// SPDX-License-Identifier: MIT
// The same as peers/node with Bun's own server: Bun.serve, a stream for each
// client, and an EventEmitter.
//
//   bun server.mjs PORT
import { EventEmitter } from "node:events";

const channels = new EventEmitter();
channels.setMaxListeners(0); // as in peers/node
let count = 0;

const headers = {
  "Content-Type": "text/event-stream;charset=utf-8",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
};

const nameOf = (url) => url.slice(url.lastIndexOf("/"));

function subscribe(request, server) {
  const name = nameOf(request.url);
  // "Bun.serve closes idle connections after 10 seconds by default. A quiet SSE
  // stream counts as idle": bun.com/guides/http/sse; timeout(request, 0) is its
  // remedy.
  server.timeout(request, 0);
  // "Bun implements an optimized version of ReadableStream that avoids
  // unnecessary data copying & queue management logic … direct": bun.com/docs/
  // runtime/streams, "Direct ReadableStream".
  const stream = new ReadableStream({
    type: "direct",
    pull(controller) {
      return new Promise((over) => {
        const send = (event) => {
          controller.write(event);
          controller.flush();
        };
        channels.on(name, send);
        // The head goes out with the first bytes: here with an empty comment.
        send(":\n");
        request.signal.addEventListener("abort", () => {
          channels.off(name, send);
          over();
        });
      });
    },
  });
  return new Response(stream, { headers });
}

async function publish(request) {
  const id = (++count).toString(16).padStart(12, "0");
  const event = `id: 00000000-0000-8000-8000-${id}\ndata: ${await request.text()}\n\n`;
  channels.emit(nameOf(request.url), Buffer.from(event, "latin1"));
  return new Response(null, { status: 202 });
}

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    return request.method === "POST" ? publish(request) : subscribe(request, server);
  },
});
