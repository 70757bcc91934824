// SPDX-License-Identifier: MIT
// What most people write: node:http and an EventEmitter. Any GET subscribes to
// the channel that is the last part of its path, a POST is emitted to all that
// have. No history, no back-pressure.
//
//   node server.mjs PORT
import { EventEmitter } from "node:events";
import { createServer } from "node:http";

const channels = new EventEmitter();
// "By default EventEmitters will print a warning if more than 10 listeners are
// added … The value can be set to Infinity (or 0)": nodejs.org/api/events.html,
// emitter.setMaxListeners(n).
channels.setMaxListeners(0);
let count = 0;

const head = {
  "Content-Type": "text/event-stream;charset=utf-8",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
};

const nameOf = (request) => request.url.slice(request.url.lastIndexOf("/"));

function subscribe(request, response) {
  const name = nameOf(request);
  // One Buffer for all: a string would be encoded anew by each write. "If data
  // is a string … encoding": nodejs.org/api/stream.html, writable.write(chunk).
  const send = (event) => response.write(event);
  response.writeHead(200, head);
  // "It is usually desired … that the headers be sent early":
  // nodejs.org/api/http.html, request.flushHeaders(), response.flushHeaders().
  response.flushHeaders();
  channels.on(name, send);
  request.on("close", () => channels.off(name, send));
}

function publish(request, response) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const id = (++count).toString(16).padStart(12, "0");
    const body = Buffer.concat(parts).toString("latin1");
    const event = `id: 00000000-0000-8000-8000-${id}\ndata: ${body}\n\n`;
    channels.emit(nameOf(request), Buffer.from(event, "latin1"));
    response.writeHead(202, { "Content-Length": 0 });
    response.end();
  });
}

// noDelay is the default since 18 ("noDelay … Default: true"): nodejs.org/api/
// http.html, http.createServer([options]).
const server = createServer((request, response) => {
  (request.method === "POST" ? publish : subscribe)(request, response);
});
// A request may wait for as long as it likes; the default of 5 minutes costs a
// check every 30 s: nodejs.org/api/http.html, server.requestTimeout.
server.requestTimeout = 0;
// "The default value of this parameter is 511 (not 512)": nodejs.org/api/net.html,
// server.listen() backlog.
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
