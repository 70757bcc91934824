-- SPDX-License-Identifier: MIT
-- All that is wrong with a config, gathered while it loads and told at once,
-- in the order of files and lines.
local complaints = {}
complaints.__index = complaints

function complaints.new()
  return setmetatable({ list = {}, files = {}, file_count = 0, seen = {} },
    complaints)
end

-- `path` comes in the list where it was first mentioned.
function complaints:file(path)
  if not self.files[path] then
    self.file_count = self.file_count + 1
    self.files[path] = self.file_count
  end
  return self.files[path]
end

-- `line` may be nil: of the file as a whole. The same sentence of one line is
-- told once.
function complaints:add(path, line, text)
  local sentence = line and ("%s:%d: %s"):format(path, line, text)
    or ("%s: %s"):format(path, text)
  if self.seen[sentence] then return end
  self.seen[sentence] = true
  self.list[#self.list + 1] = { file = self:file(path), line = line or 0,
    order = #self.list, sentence = sentence }
end

function complaints:any() return #self.list > 0 end

-- One sentence a line, or nil if there is none.
function complaints:text()
  if #self.list == 0 then return nil end
  table.sort(self.list, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return a.order < b.order
  end)
  local lines = {}
  for i, complaint in ipairs(self.list) do lines[i] = complaint.sentence end
  return table.concat(lines, "\n")
end

return complaints
