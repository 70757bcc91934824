-- SPDX-License-Identifier: MIT
-- The k6 script, run in Node with stand-ins for k6 and its extension, which
-- behave as their documentation says.
local json = require "cjson"
local process = require "spec.support.process"

local stand_ins = [[
const seen = {};
class Metric {
  constructor(name) { this.all = seen[name] = []; }
  add(value) { this.all.push(value); }
}
const Counter = Metric, Rate = Metric, Trend = Metric;
const check = (answer, checks) => Object.values(checks).every((one) => one(answer));
const sleep = () => {};
const __ENV = process.env;
console.error = () => {};
let plan = [], urls = [];
const sse = { open(url, params, setup) {
  urls.push(url);
  const step = plan.shift();
  if (step.error) return { error: step.error, status: 0 };
  const handlers = {};
  let closed = false;
  setup({ on(name, fn) { handlers[name] = fn; }, close() { closed = true; } });
  handlers.open();
  for (const data of step.events || []) if (!closed) handlers.event({ data });
  if (step.problem) handlers.error({ error: () => step.problem });
  return { status: step.status, headers: {}, error: "" };
} };
]]

local function run(plan, env)
  local file = assert(io.open("examples/load/sse-load-test.js", "rb"))
  local script = file:read "*a"
  file:close()
  script = script:gsub("import [^;]*;\n", ""):gsub("export const", "const")
    :gsub("export default function", "function entry")
  local call = ("\nplan = %s;\nwhile (plan.length) entry();\n"
    .. "console.log(JSON.stringify({ seen, urls, options }));"):format(plan)
  local result = process.run("node", { "--input-type=module", "-" }, {
    input = stand_ins .. script .. call,
    env = env,
  })
  assert(result.code == 0, result.err)
  return json.decode(result.out)
end

describe("the k6 script", function()
  after_each(process.stop_all)

  it("has the thresholds of stentor load, and stages up to 50,000", function()
    local options = run("[]").options
    assert.same({
      sse_success = { "rate>0.95" },
      sse_errors = { "count<500" },
      sse_response = { "p(95)<5000" },
      sse_first_event = { "p(95)<3000" },
    }, options.thresholds)
    local top = 0
    for _, stage in ipairs(options.scenarios.listeners.stages) do
      top = math.max(top, stage.target)
    end
    assert.equal(50000, top)
  end)

  it("takes its numbers from the environment", function()
    local result = run([=[[{ status: 200, events: ["a", "", "b", "c"] }]]=],
      { BASE_URL = "http://127.0.0.1:9", VUS = "100", EVENTS = "2" })
    assert.same({ "http://127.0.0.1:9/events" }, result.urls)
    assert.equal(100, result.options.scenarios.listeners.stages[4].target)
    assert.equal(2, #result.seen.sse_events_received)
    assert.same({ true }, result.seen.sse_success)
    assert.equal(1, #result.seen.sse_first_event)
    assert.equal(1, #result.seen.sse_response)
  end)

  it("counts each failure once", function()
    local result = run [=[[
      { error: "connection refused" },
      { status: 404, problem: "unknown event: <html>" },
      { status: 503 },
      { status: 200 },
      { status: 200, events: ["a"], problem: "reset" },
    ]]=]
    assert.same({ false, false, false, true, true }, result.seen.sse_success)
    assert.equal(4, #result.seen.sse_errors)
  end)

  it("refuses numbers that are none", function()
    assert.has_error(function() run("[]", { VUS = "many" }) end)
  end)
end)
