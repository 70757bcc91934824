-- SPDX-License-Identifier: MIT
require "spec.lua.path"
local utf8 = require "stentor.utf8"

describe("utf8", function()
  it("is what RFC 3629 says", function()
    for _, text in ipairs { "", "abc", "a\0b", "ü", "€", "😀", "aüb€c😀d", "\194\128", "\223\191",
      "\224\160\128", "\237\159\191", "\238\128\128", "\239\191\191", "\240\144\128\128",
      "\244\143\191\191" } do
      assert.is_true(utf8.is_valid(text), text)
    end
  end)

  it("is nothing else", function()
    for _, text in ipairs { "\128", "\255", "a\255b", "\192\128", "\193\191", "\194", "\194a\128",
      "\224\159\191", "\226\130", "ü\226\130", "\237\160\128", "\240\143\191\191", "\240\159\152",
      "\244\144\128\128", "\245\128\128\128", "€\128" } do
      assert.is_false(utf8.is_valid(text), text)
    end
  end)
end)
