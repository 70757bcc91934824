-- SPDX-License-Identifier: MIT
-- Whether a text is UTF-8, as RFC 3629 has it: no surrogates, nothing longer
-- than need be, nothing beyond U+10FFFF.
local utf8 = {}

local TAIL = "[\128-\191]"
local SEQUENCES = {
  "^[%z\1-\127]+",
  "^[\194-\223]" .. TAIL,
  "^\224[\160-\191]" .. TAIL,
  "^[\225-\236\238\239]" .. TAIL .. TAIL,
  "^\237[\128-\159]" .. TAIL,
  "^\240[\144-\191]" .. TAIL .. TAIL,
  "^[\241-\243]" .. TAIL .. TAIL .. TAIL,
  "^\244[\128-\143]" .. TAIL .. TAIL,
}

-- Where the character at `at` ends; nil if there is none.
local function sequence_end(text, at)
  for _, sequence in ipairs(SEQUENCES) do
    local _, last = text:find(sequence, at)
    if last then return last end
  end
  return nil
end

function utf8.is_valid(text)
  local at = text:find("[\128-\255]")
  while at and at <= #text do
    local last = sequence_end(text, at)
    if not last then return false end
    at = last + 1
  end
  return true
end

return utf8
