/* SPDX-License-Identifier: MIT */
// A load test for k6 with the extension xk6-sse, for people who have k6. What it
// takes from the environment, and how to read its figures: README.md beside it.
import { check, sleep } from "k6";
import { Counter, Rate, Trend } from "k6/metrics";
import sse from "k6/x/sse";

const BASE_URL = __ENV.BASE_URL || "http://127.0.0.1:3000";
const PATH = __ENV.STREAM_PATH || "/events";
const VUS = wholeNumber("VUS", 50000);
const EVENTS = wholeNumber("EVENTS", 10);

// Each virtual user holds one stream, so VUS is the number of connections.
const success = new Rate("sse_success");
const errors = new Counter("sse_errors");
const streams = new Counter("sse_streams");
const received = new Counter("sse_events_received");
const firstByte = new Trend("sse_response", true);
const firstEvent = new Trend("sse_first_event", true);

function wholeNumber(name, fallback) {
  const text = __ENV[name];
  if (text === undefined || text === "") return fallback;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new Error(`${name} must be a whole number from 1 on, not "${text}"`);
  }
  return number;
}

const part = (share) => Math.max(1, Math.round(VUS * share));

export const options = {
  scenarios: {
    listeners: {
      executor: "ramping-vus",
      startVUs: 0,
      stages: [
        { duration: "30s", target: part(0.02) }, // 1,000 of 50,000: warm up
        { duration: "1m", target: part(0.2) }, // 10,000
        { duration: "1m", target: part(0.5) }, // 25,000
        { duration: "1m", target: part(1) }, // 50,000
        { duration: "2m", target: part(1) }, // hold
        { duration: "30s", target: 0 },
      ],
      gracefulRampDown: "5s",
      gracefulStop: "5s",
    },
  },
  // The same that `stentor load` has by default.
  thresholds: {
    sse_success: ["rate>0.95"],
    sse_errors: ["count<500"],
    sse_response: ["p(95)<5000"],
    sse_first_event: ["p(95)<3000"],
  },
  // Millions of events: nothing of each is kept but the figures above.
  discardResponseBodies: true,
  systemTags: ["status", "error", "scenario"],
  summaryTrendStats: ["min", "med", "p(95)", "p(99)", "max"],
};

export default function () {
  const began = Date.now();
  let opened = 0;
  let count = 0;
  let failed = false;

  const params = {
    method: "GET",
    headers: { Accept: "text/event-stream", "Cache-Control": "no-cache" },
    tags: { name: "stream" },
  };

  // open() returns when the stream has ended, so what matters is noted while it
  // runs: at the end of the test k6 interrupts it.
  const response = sse.open(BASE_URL + PATH, params, (client) => {
    client.on("open", () => {
      opened = Date.now();
      firstByte.add(opened - began);
      streams.add(1);
    });

    client.on("event", (event) => {
      // Heartbeats are comments; the extension may hand them on without data.
      if (!event.data) return;
      count += 1;
      received.add(1);
      if (count === 1) {
        firstEvent.add(Date.now() - opened);
        success.add(true);
      }
      if (count === EVENTS) client.close();
    });

    client.on("error", (problem) => {
      if (!failed) errors.add(1);
      if (!failed && count === 0) success.add(false);
      failed = true;
      console.error(`stream: ${problem.error()}`);
    });
  });

  const isStream = check(response, {
    "status is 200": (answer) => Boolean(answer) && answer.status === 200,
  });
  // A connect that failed has called nobody: it is told by the response alone.
  if (count === 0 && !failed) {
    success.add(isStream);
    if (!isStream) errors.add(1);
  }
  // A browser waits before it comes back, too; all at once would be a storm.
  sleep(1 + Math.random() * 2);
}
