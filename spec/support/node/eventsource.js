// SPDX-License-Identifier: MIT
// eventsource.js URL [EVENT…]: npm's EventSource. Prints {type: "open"},
// {type: "error", code, message, state} and each message and EVENT as {type,
// data, lastEventId}.
const { EventSource } = require("eventsource");
const print = require("./print");

const [url, ...names] = process.argv.slice(2);
const source = new EventSource(url);
source.onopen = () => print({ type: "open" });
source.onerror = (error) =>
  print({
    type: "error",
    code: error.code,
    message: error.message,
    state: source.readyState,
  });
for (const name of ["message", "gap", ...names])
  source.addEventListener(name, ({ type, data, lastEventId }) =>
    print({ type, data, lastEventId })
  );
