-- SPDX-License-Identifier: MIT
-- A record of a topic, as scripts see it: .data (decoded when first read) .text
-- .key .headers .time .partition .offset; and a view of a whole batch, one
-- object for all its records, for who needs no more than a look at each.
local json = require "stentor.json"

local record = {}

-- What .data throws for text that is no JSON: the source skips such a record.
local function not_json(self, why)
  self.bad = why or true
  error("the record is not JSON", 0)
end

-- Each is read when it is first asked for, and kept.
local getters = {}

function getters.text(self)
  return self.core.record_text(self.batch, self.index)
end

function getters.key(self)
  return self.core.record_key(self.batch, self.index)
end

function getters.time(self)
  return self.core.record_time(self.batch, self.index)
end

function getters.offset(self)
  return self.core.record_offset(self.batch, self.index)
end

function getters.partition(self) return self.batch.partition end

function getters.headers(self)
  return self.core.headers_of(self.core.record_headers(self.batch, self.index))
end

function getters.data(self)
  local text = self.text
  if text == nil or self.batch.plain then return text end
  local value, why = json.decode(text)
  if why then not_json(self, why) end
  return value
end

local mt = { __index = function(self, name)
  local get = getters[name]
  if not get then return nil end
  local value = get(self)
  self[name] = value
  return value
end }

-- The record at `index` of a batch of its own (core.batch_copy), to be kept as
-- long as one likes; batch.plain: its data is its text.
function record.new(core, batch, index)
  return setmetatable({ core = core, batch = batch, index = index }, mt)
end

-- --- the view ---

-- Reads what is asked for, and keeps no more than the text and the data of the
-- record last asked for.
local view_getters = {}

function view_getters.key(self)
  return self.core.record_key(self.batch, self.index)
end

function view_getters.text(self)
  return self.core.record_text(self.batch, self.index)
end

-- nil, and `bad` says so, for text that is no JSON.
function view_getters.data(self)
  if self.data_index == self.index then return self.data_value end
  local text, value, why = self.text, nil, nil
  if text ~= nil then
    if self.plain then value = text else value, why = json.decode(text) end
  end
  if why then
    self.bad_index, value = self.index, nil
    self.on_bad(self.index, why)
  end
  self.data_index, self.data_value = self.index, value
  return value
end

-- Whether it was found that its text is no JSON.
function view_getters.bad(self) return self.bad_index == self.index end

function view_getters.headers(self)
  return self.core.headers_of(self.core.record_headers(self.batch, self.index))
end

function view_getters.time(self)
  return self.core.record_time(self.batch, self.index)
end

function view_getters.offset(self)
  return self.core.record_offset(self.batch, self.index)
end

function view_getters.partition(self) return self.batch.partition end

local view_mt = { __index = function(self, name)
  local get = view_getters[name]
  if get then return get(self) end
  return nil
end }

-- `on_bad(index, why)` hears of records that are no JSON. Set `index`, from 0,
-- to look at another record; view:reset() when the batch has others.
function record.view(core, batch, plain, on_bad)
  return setmetatable({ core = core, batch = batch, plain = plain,
    on_bad = on_bad, index = 0, data_index = -1, bad_index = -1,
    reset = function(self) self.data_index, self.bad_index = -1, -1 end },
    view_mt)
end

return record
