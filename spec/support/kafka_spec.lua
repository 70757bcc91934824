-- SPDX-License-Identifier: MIT
local kafka = require "spec.support.kafka"
local process = require "spec.support.process"

describe("a real Kafka broker for specs", function()
  local broker, why = kafka.shared()
  if not broker then return pending(why) end

  after_each(process.stop_all)

  it("has topics, and records that come back as they went", function()
    local topic = broker:topic(2)
    kafka.produce(broker.address, topic, { { "a", "one" }, "two" }, { partition = 1,
      headers = { "event=trade" } })
    kafka.produce(broker.address, topic, { "three" }, { partition = 0 })
    local records = kafka.read(broker.address, topic)
    assert.same({ "three", "one", "two" }, { records[1].text, records[2].text, records[3].text })
    assert.same({ 1, 0, "a", "trade" }, { records[2].partition, records[2].offset,
      records[2].key, records[2].headers.event })
    kafka.admin.delete_records(broker.address, topic, 1, 1)
    assert.same({ 1, 2 }, { kafka.admin.offsets(broker.address, topic, 1) })
    kafka.admin.add_partitions(broker.address, topic, 3)
    assert.same({ 0, 0 }, { kafka.admin.offsets(broker.address, topic, 2) })
    kafka.admin.delete(broker.address, topic)
  end)

  if os.getenv "STENTOR_TEST_KAFKA" then return end

  it("comes back at its address, with its data, after being killed", function()
    local mine = assert(kafka.own "broker-spec")
    finally(kafka.remove_all)
    local topic, address = mine:topic(), mine.address
    kafka.produce(address, topic, { "kept" })
    mine:signal "sigkill"
    assert(mine:start())
    assert.equal(address, mine.address)
    assert.equal("kept", kafka.read(address, topic)[1].text)
  end)
end)
