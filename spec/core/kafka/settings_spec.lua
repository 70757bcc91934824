-- SPDX-License-Identifier: MIT
local units = require "spec.support.units"
local ffi = units.ffi
local lib = units.cdef "core/kafka/settings.h"

local function check(name, value)
  local why = ffi.new "char[256]"
  local code = lib.settings_check(name, value, why)
  return code == 0 or ffi.string(why)
end

describe("kafka settings", function()
  it("takes what librdkafka takes", function()
    assert.is_true(check("security.protocol", "sasl_ssl"))
    assert.is_true(check("sasl.mechanisms", "SCRAM-SHA-256"))
    assert.is_true(check("sasl.password", "secret"))
    assert.is_true(check("ssl.ca.location", "/etc/ssl/ca.pem"))
    assert.is_true(check("linger.ms", "5"))
    assert.is_true(check("fetch.wait.max.ms", "10"))
  end)

  it("says what is wrong in librdkafka's own words", function()
    assert.equal('No such configuration property: "security.protocl"',
      check("security.protocl", "ssl"))
    assert.equal('Invalid value "x" for configuration property "security.protocol"',
      check("security.protocol", "x"))
  end)

  it("refuses what its promises rest on", function()
    assert.equal('cannot be set: it is always "all": no event may be lost', check("acks", "1"))
    assert.truthy(check("statistics.interval.ms", "0"):find "cannot be set")
    assert.truthy(check("max.in.flight", "100"):find "cannot be set")
    assert.equal('cannot be set: say brokers = "host:port"', check("bootstrap.servers", "x"))
    assert.equal("cannot be set: it is not a setting for a config", check("dr_msg_cb", "x"))
  end)

  it("never shows a secret", function()
    local why = check("ssl.key.password.x", "hush")
    assert.is_string(why)
    assert.is_nil(tostring(why):find("hush", 1, true))
  end)
end)
