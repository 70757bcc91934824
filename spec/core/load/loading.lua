-- SPDX-License-Identifier: MIT
--- Short runs of `stentor load`, and what they reported.
local json = require "cjson"
local server = require "spec.support.server"

local loading = {}

--- Its arguments: three clients for a moment, and what else is given.
function loading.arguments(url, ...)
  return { "load", url, "--connections=3", "--duration=300ms", ... }
end

--- Runs it to its end; returns the decoded report and the run.
function loading.run(url, ...)
  local run = server.run(loading.arguments(url, "--json", ...))
  if run.err ~= "" then error("on standard error: " .. run.err, 2) end
  return json.decode(run.out), run
end

--- The names of the missed thresholds, with spaces between.
function loading.missed(report)
  local names = {}
  for _, threshold in ipairs(report.thresholds) do
    if not threshold.good then names[#names + 1] = threshold.name end
  end
  return table.concat(names, " ")
end

function loading.warnings(report)
  return table.concat(report.warnings, "\n")
end

return loading
