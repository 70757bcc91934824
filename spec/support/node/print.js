// SPDX-License-Identifier: MIT
// One JSON value a line, written at once.
const fs = require("node:fs");

module.exports = function print(value) {
  fs.writeSync(1, JSON.stringify(value) + "\n");
};
