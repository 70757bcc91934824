-- SPDX-License-Identifier: MIT
local fork = require "spec.core.mailbox.fork"
local units = require "spec.support.units"
local ffi = units.ffi

describe("mailbox", function()
  local lib = units.cdef "core/mailbox/mailbox.h"
  local why = ffi.new "char[256]"
  local fd, sender, receiver

  local function open()
    local mailbox = ffi.new "struct mailbox"
    assert.equal(0, lib.mailbox_open(mailbox, fd, why), ffi.string(why))
    return mailbox
  end

  local function create()
    fd = fork.memory()
    assert.equal(0, lib.mailbox_create(fd, 4096, why), ffi.string(why))
    sender, receiver = open(), open()
  end

  local function close()
    lib.mailbox_close(sender)
    lib.mailbox_close(receiver)
    ffi.C.close(fd)
  end

  local function send(ring, text, kind)
    local room = lib.mail_reserve(ring, #text)
    if room == nil then return nil end
    ffi.copy(room, text, #text)
    return tonumber(lib.mail_send(ring, kind or 1, #text))
  end

  -- Text without the padding, whose length only the message itself knows.
  local function receive(ring, size)
    local mail = lib.mail_next(ring)
    if mail == nil then return nil end
    return ffi.string(mail + 1, size), tonumber(mail.ordinal), mail.type
  end

  before_each(create)
  after_each(close)

  it("carries messages in order, each with its number and type", function()
    assert.is_nil(receive(receiver.up, 0))
    assert.is_false(lib.mail_waits(receiver.up))
    assert.equal(1, send(sender.up, "first", 7))
    assert.equal(2, send(sender.up, "", 8))
    assert.equal(3, send(sender.up, "third", 9))
    assert.is_true(lib.mail_waits(receiver.up))
    assert.same({ "first", 1, 7 }, { receive(receiver.up, 5) })
    assert.same({ "", 2, 8 }, { receive(receiver.up, 0) })
    assert.same({ "third", 3, 9 }, { receive(receiver.up, 5) })
    assert.is_nil(receive(receiver.up, 0))
    assert.is_false(lib.mail_waits(receiver.up))
  end)

  it("uses the same few pages for ever while it is read at once", function()
    ffi.C.close(fd)
    lib.mailbox_close(sender)
    lib.mailbox_close(receiver)
    fd = fork.memory()
    assert.equal(0, lib.mailbox_create(fd, 1048576, why), ffi.string(why))
    sender, receiver = open(), open()
    local text, furthest = ("x"):rep(1000), 0
    for i = 1, 5000 do
      assert.equal(i, send(sender.up, text))
      assert.equal(text, (receive(receiver.up, #text)))
      local place = tonumber(receiver.up.position % receiver.up.ring_bytes)
      furthest = math.max(furthest, place)
      lib.mail_release(receiver.up)
    end
    assert.is_true(furthest < 65536 + 2000, furthest)
    -- But all of it is there when it is not.
    local held = 0
    while send(sender.up, text) do held = held + 1 end
    assert.is_true(held >= 1000, held)
    for _ = 1, held do assert.equal(text, (receive(receiver.up, #text))) end
    assert.is_false(lib.mail_waits(receiver.up))
  end)

  it("starts over from anywhere, and needs no room for it", function()
    ffi.C.close(fd)
    lib.mailbox_close(sender)
    lib.mailbox_close(receiver)
    fd = fork.memory()
    assert.equal(0, lib.mailbox_create(fd, 131072, why), ffi.string(why))
    sender, receiver = open(), open()
    -- Leaves the empty ring 8 bytes before its end: less than a header.
    assert.equal(1, send(sender.up, ("a"):rep(32768 - 16)))
    assert.equal(2, send(sender.up, ("b"):rep(32768 - 16)))
    assert.equal(3, send(sender.up, ("c"):rep(32768 - 16)))
    assert.equal(4, send(sender.up, ("d"):rep(32768 - 24)))
    for _ = 1, 4 do receive(receiver.up, 0) end
    lib.mail_release(receiver.up)
    assert.equal(131072 - 8, tonumber(sender.up.position))
    assert.equal(5, send(sender.up, "across the end"))
    assert.equal("across the end", (receive(receiver.up, 14)))
  end)

  it("refuses a ring whose sizes it could not say", function()
    local big = fork.memory()
    assert.is_true(lib.mailbox_create(big, 2 ^ 32, why) < 0)
    ffi.C.close(big)
  end)

  it("has two rings that know nothing of each other", function()
    assert.equal(1, send(sender.up, "question"))
    assert.equal(1, send(receiver.down, "answer"))
    assert.equal("question", (receive(receiver.up, 8)))
    assert.equal("answer", (receive(sender.down, 6)))
  end)

  it("shows nothing of what is only reserved", function()
    local room = lib.mail_reserve(sender.up, 100)
    ffi.fill(room, 100, 65)
    assert.is_false(lib.mail_waits(receiver.up))
    lib.mail_send(sender.up, 1, 3) -- fewer bytes than reserved
    assert.equal("AAA", (receive(receiver.up, 3)))
    send(sender.up, "next")
    assert.equal("next", (receive(receiver.up, 4)))
  end)

  it("is full until the receiver releases, not when it reads", function()
    local text = ("x"):rep(1000)
    for _ = 1, 4 do assert.truthy(send(sender.up, text)) end
    assert.is_nil(send(sender.up, text))
    assert.equal(text, (receive(receiver.up, 1000)))
    assert.is_nil(send(sender.up, text))
    lib.mail_release(receiver.up)
    assert.equal(5, send(sender.up, text))
    assert.is_nil(send(sender.up, text))
  end)

  it("shows a sender what a dead receiver had not given back", function()
    local view = ffi.new "struct mail_ring"
    lib.mail_look_back(sender.up, view)
    assert.is_nil(receive(view, 0))
    for round = 1, 30 do
      send(sender.up, "given back")
      receive(receiver.up, 0)
      lib.mail_release(receiver.up)
      local first = send(sender.up, ("a"):rep(round * 20))
      send(sender.up, "b")
      receive(receiver.up, 0)
      lib.mail_look_back(sender.up, view)
      assert.same({ ("a"):rep(round * 20), first, 1 }, { receive(view, round * 20) })
      assert.same({ "b", first + 1, 1 }, { receive(view, 1) })
      assert.is_nil(receive(view, 0))
      receive(receiver.up, 0)
      lib.mail_release(receiver.up)
    end
  end)

  it("keeps each message in one piece across the end of the ring", function()
    math.randomseed(3)
    local sent, crossed = {}, 0
    for round = 1, 2000 do
      while true do
        local text = string.char(round % 256):rep(math.random(0, 1024))
        local before = tonumber(sender.up.position) % 4096
        if not send(sender.up, text) then break end
        if before + 16 + #text > 4096 then crossed = crossed + 1 end
        sent[#sent + 1] = text
        if math.random(4) == 1 then break end
      end
      for _ = 1, math.random(#sent) do
        local text = table.remove(sent, 1)
        assert.equal(text, (receive(receiver.up, #text)))
      end
      lib.mail_release(receiver.up)
    end
    assert.is_true(crossed > 100)
  end)

  it("refuses memory that is not a mailbox of this version", function()
    local other = ffi.new "struct mailbox"
    local short = fork.memory()
    assert.equal(-1, lib.mailbox_open(other, short, why))
    assert.truthy(ffi.string(why):find "too short")
    ffi.C.close(short)
    sender.header.version = 99
    assert.equal(-7, lib.mailbox_open(other, fd, why))
    sender.header.version = 1
    sender.header.ring_bytes = 8192
    assert.equal(-1, lib.mailbox_open(other, fd, why))
    assert.truthy(ffi.string(why):find "sizes")
    sender.header.ring_bytes = 4096
  end)

  it("ends a process whose ring is spoilt, rather than believe it", function()
    local function spoil(how)
      close()
      create()
      send(sender.up, "message")
      how(ffi.cast("struct mail *", sender.up.bytes), sender.header.up)
      local _, signal = fork.quietly(function()
        lib.mail_next(receiver.up)
        return 0
      end)
      return signal
    end
    assert.equal(0, spoil(function() end))
    assert.equal(fork.SIGABRT, spoil(function(mail) mail.size = 8 end))
    assert.equal(fork.SIGABRT, spoil(function(mail) mail.size = 27 end))
    assert.equal(fork.SIGABRT, spoil(function(mail) mail.size = 4096 end))
    assert.equal(fork.SIGABRT, spoil(function(mail) mail.ordinal = 2 end))
    assert.equal(fork.SIGABRT, spoil(function(_, words) words.head = 8192 end))
    assert.equal(fork.SIGABRT, spoil(function(_, words) words.head = 8 end))
  end)

  describe("when the brain is killed", function()
    -- What a brain does with a request: takes it, works, answers.
    local function take(mailbox)
      local mail = lib.mail_next(mailbox.up)
      if mail == nil then return nil end
      mailbox.header.up.taken = mail.ordinal
      lib.mail_release(mailbox.up)
      return mail
    end

    local function answer(mailbox, mail)
      return send(mailbox.down, ("%8d"):format(tonumber(mail.ordinal)), 16)
    end

    it("tells what was answered, what was taken, and what was not", function()
      for number = 1, 5 do send(sender.up, "request " .. number) end
      local told = fork.memory() -- the third is taken: a second mailbox says so
      assert.equal(0, lib.mailbox_create(told, 4096, why))
      local news = ffi.new "struct mailbox"
      assert.equal(0, lib.mailbox_open(news, told, why))
      local brain = fork.start(function()
        answer(receiver, take(receiver))
        answer(receiver, take(receiver))
        take(receiver)
        send(news.up, "taken")
        ffi.C.pause()
      end)
      while not lib.mail_waits(news.up) do ffi.C.sched_yield() end
      local _, signal = fork.kill(brain)
      assert.equal(fork.SIGKILL, signal)

      assert.equal("       1", (receive(sender.down, 8)))
      assert.equal("       2", (receive(sender.down, 8)))
      assert.is_nil(receive(sender.down, 8)) -- so 3 has an unknown outcome,
      assert.equal(3, tonumber(sender.header.up.taken))
      assert.equal(5, tonumber(sender.up.ordinal)) -- and 4 and 5 were never seen
      lib.mailbox_close(news)
      ffi.C.close(told)
    end)

    it("leaves at most one request in doubt, at whatever step it dies", function()
      for round = 1, 40 do
        close()
        create()
        local brain = fork.start(function()
          while true do
            local mail = take(receiver)
            while mail ~= nil and not answer(receiver, mail) do ffi.C.sched_yield() end
          end
        end)
        local answered = 0
        local function read_answers()
          while true do
            local mail = lib.mail_next(sender.down)
            if mail == nil then break end
            answered = answered + 1
            assert.equal(answered, tonumber(ffi.string(mail + 1, 8)))
          end
          lib.mail_release(sender.down)
        end
        local alive = 200 + round * 20
        while answered < alive do
          send(sender.up, "request")
          read_answers()
        end
        fork.kill(brain)
        read_answers()
        local doubtful = tonumber(sender.header.up.taken) - answered
        assert.is_true(doubtful == 0 or doubtful == 1)
        assert.is_true(sender.header.up.taken <= sender.up.ordinal)
      end
    end)
  end)
end)
