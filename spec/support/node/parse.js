// SPDX-License-Identifier: MIT
// Standard input: the bytes of an event stream. Standard output: a JSON list of
// its events as npm's eventsource-parser reads them, one line.
const fs = require("node:fs");
const { createParser } = require("eventsource-parser");
const print = require("./print");

const events = [];
const parser = createParser({
  onEvent(event) {
    events.push({ id: event.id, event: event.event, data: event.data });
  },
});
// As fetch does it: a byte order mark goes.
parser.feed(new TextDecoder().decode(fs.readFileSync(0)));
print(events);
