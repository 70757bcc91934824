std = "luajit"
max_line_length = 100
exclude_files = { "build", "**/node_modules" }

-- The two vocabularies. Tools are everywhere; words only where a config is read.
local tools = { "env", "file", "now", "sleep", "json", "later", "log" }
local words = {
  "listen", "workers", "limits", "journal", "heartbeat", "supervise", "channel", "route",
  "admit", "plugin", "every", "task", "on", "include", "aggregate", "kafka",
  "keep",
}

local folds = { "count", "sum", "min", "max", "avg", "first", "last", "reduce" }

local function all(...)
  local names = {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do names[#names + 1] = name end
  end
  return names
end

local config = { read_globals = all(tools, words, folds) }
files["config.lua"] = config
files["examples/**/config.lua"] = config
files["examples/**/*.lua"] = config
files["spec/**/fixtures/**/*.lua"] = config
files["spec/faults/server/*.lua"] = config

files["examples/**/plugins/*.lua"] = { read_globals = all(tools, folds, { "is" }) }
files["plugins/**/*.lua"] = { read_globals = all(tools, folds, { "is" }) }

files["**/*_spec.lua"] = { std = "+busted" }
