// SPDX-License-Identifier: MIT
// page.js URL: opens a page in headless Chromium. Prints {type: "loaded"}, the
// page's console as {type: "console", level, text} and its uncaught errors as
// {type: "error", text}. Commands, one a line on standard input:
//   eval EXPRESSION    answers {type: "eval", value}
//   screenshot PATH    answers {type: "screenshot", path}
//   quit
// A command that fails answers {type: "failed", text}.
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const { chromium } = require("playwright-core");
const print = require("./print");

// Chromium looks for the internet at its start, and waits, unless told not to.
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function answer(page, line) {
  const [, command, argument] = line.match(/^(\S+) ?(.*)$/) ?? [];
  if (command === "eval") {
    const value = await page.evaluate(argument);
    print({ type: "eval", value: value ?? null });
  } else if (command === "screenshot") {
    await page.screenshot({ path: argument });
    print({ type: "screenshot", path: argument });
  } else {
    throw new Error(`unknown command: ${line}`);
  }
}

async function main(url) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "stentor-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: flags,
    handleSIGTERM: false,
  });
  const quit = async () => {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    process.exit(0);
  };
  process.on("SIGTERM", quit);
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("console", (message) =>
    print({ type: "console", level: message.type(), text: message.text() })
  );
  page.on("pageerror", (error) => print({ type: "error", text: error.message }));
  await page.goto(url);
  print({ type: "loaded" });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === "quit") break;
    await answer(page, line).catch((error) =>
      print({ type: "failed", text: error.message })
    );
  }
  await quit();
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
