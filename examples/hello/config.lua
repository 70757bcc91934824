-- The smallest useful thing: one channel, a page that shows it, and a way to
-- speak into it. Run it from the project's folder:
--
--   ./dev run examples/hello/config.lua      then open http://127.0.0.1:3000

listen(env.HELLO_LISTEN or "127.0.0.1:3000")

-- The last ten minutes are kept: a browser that was away gets what it missed.
local messages = channel "messages" { replay = "10m" }

local page = file "index.html"

route "GET /" {
  respond = function()
    return 200, page, { ["Content-Type"] = "text/html; charset=utf-8" }
  end,
}

-- A newcomer first sees the last twenty messages, then all that come.
route "GET /events" { stream = messages, since = 20, retry = "2s" }

route "POST /say" {
  respond = function(request)
    local said = request:json()
    local text = type(said) == "table" and said.text
    if type(text) ~= "string" or text == "" then
      return 400, 'send {"text": "…"}\n'
    end
    return 202, { id = messages:publish { text = text, at = now() } }
  end,
}
