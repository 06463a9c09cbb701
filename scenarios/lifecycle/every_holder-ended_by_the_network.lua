-- SPDX-License-Identifier: Apache-2.0
-- What ends a session from outside does not ask who holds it; and who holds it can let go of what is over.
local function keep(py, r, make)
  local value = make(r)
  py:del(r)
  return function() py:del(value) end
end

-- Each makes |r| held by itself alone, and returns what lets go, and where that is seen on its path.
local holders = {
  ["a variable"] = function(py, r) return function() py:del(r) end, { "global r" } end,
  ["a list"] = function(py, r)
    return keep(py, r, function() return py:list(r) end), { "global items", "list" }
  end,
  ["a set in a dict"] = function(py, r)
    local set = py:set(r)
    local drop = keep(py, r, function() return py:dict { all = set } end)
    py:del(set)
    return drop, { "dict", "key all", "set" }
  end,
  ["an attribute"] = function(py, r)
    return keep(py, r, function() return py:object("Runner", { session = r }) end),
           { "instance Runner", "attribute session" }
  end,
  ["a class"] = function(py, r)
    local drop = keep(py, r, function() return py:class("Pool", { session = r }) end)
    return function() drop() py:gc() end, { "class Pool", "session" } -- a class is a cycle by itself
  end,
  ["a bound method"] = function(py, r)
    local object = py:object("Measurer", { session = r })
    local drop = keep(py, r, function() return py:method(object, "on_done") end)
    py:del(object)
    return drop, { "bound method on_done", "instance Measurer" }
  end,
  ["a closure"] = function(py, r)
    return keep(py, r, function() return py:closure("f", { session = r }) end), { "function f", "cell session" }
  end,
  ["a default argument"] = function(py, r)
    return keep(py, r, function() return py:closure("f", nil, { session = r }) end),
           { "function f", "default session" }
  end,
  ["a registry"] = function(py, r)
    local entries = py:dict { one = r }
    py:module("registry").sessions = entries
    py:del(entries)
    py:del(r)
    return function() py:module("registry").sessions:unset("one") end, { "module registry", "key one" }
  end,
  ["a finalizer"] = function(py, r)
    local task = py:object("Task")
    py:finalize(task, "over", { argument = r })
    py:del(r)
    return function() py:del(task) end, { "module weakref", "argument" }
  end,
  ["atexit"] = function(py, r)
    py:atexit("bye", r)
    py:del(r)
    return function() py:exit() end, { "atexit" }
  end,
  ["a generator"] = function(py, r)
    local g = py:generator("measurements")
    g:next(function(frame) frame.remote = r end)
    py:del(r)
    return function() py:del(g) end, { "generator measurements", "local remote" }
  end,
  ["a kept error"] = function(py, r)
    py:call("measure", function(frame)
      frame.remote = r
      py:try(function() py:raise("ValueError", "kept") end, "err", function(err) frame.last_err = err end)
    end)
    py:del(r)
    return function() py:gc() end, { "uncollected cycle", "frame measure", "local remote" }
  end,
  ["the last traceback"] = function(py, r)
    pcall(py.call, py, "measure", function(frame)
      frame.remote = r
      py:raise("ValueError", "nobody catches it")
    end)
    py:del(r)
    return function()
      local sys = py:module("sys")
      sys.last_type, sys.last_value, sys.last_traceback, sys.last_exc = nil, nil, nil, nil
    end, { "module sys", "frame measure", "local remote" }
  end,
  ["a cycle of objects"] = function(py, r)
    local a = py:object("A", { session = r })
    local b = py:object("B", { a = a })
    a:set("b", b)
    py:del(a)
    py:del(b)
    py:del(r)
    return function() py:gc() end, { "uncollected cycle", "instance A" }
  end,
  ["what it gave out"] = function(py, r)
    local array = r:array(8)
    py:del(r)
    return function() py:del(array) end, { "instance RemoteArray" }
  end,
  ["a thread"] = function(py, r, w)
    local go_on = false
    local worker = py:thread("worker", function(frame)
      frame.remote = r
      w:await(function() return go_on end, "100s")
    end)
    w:await(function() return r:refcount() == 3 end, "1s")
    py:del(r)
    return function() go_on = true worker:join() end, { "thread worker", "local remote" }
  end,
}

scenario "whatever holds a session, it is released when its link, its client's host or its server is lost" {
  worlds = { "sim" }, -- keep-alive's 45 s, over and over
  limit  = "200s",
  matrix = {
    holder = {
      "a variable", "a list", "a set in a dict", "an attribute", "a class", "a bound method", "a closure",
      "a default argument", "a registry", "a finalizer", "atexit", "a generator", "a kept error", "the last traceback",
      "a cycle of objects", "what it gave out", "a thread", "a native handle", "a native cycle", "Lua",
    },
    cause = { "fin", "rst", "half_close", "silence", "server loss", "tracker loss" },
  },
  run = function(w, case)
    local tracker = w:tracker()
    local port = tracker:port()
    local server = w:server { key = "test", tracker = tracker }
    local client, r, drop, path, closed
    if holders[case.holder] then
      client = w:client { runtime = cpython("3.8.10") }
      client:connect_tracker(tracker)
      r = client:globals().t:request("test")
      drop, path = holders[case.holder](client, r, w)
      closed = function() return r:closed() end
    elseif case.holder == "Lua" then
      client = w:client { tracker = tracker, runtime = lua() }
      local held = { client:request("test") }
      r, path = w:session(client), { "table", "item 1" }
      drop = function() held = nil client:gc() end
      closed = function() return held[1]:closed() end
    else
      client = w:client { tracker = tracker, runtime = native() }
      r = client:share(client:request("test"))
      local node = client:node("runner")
      node:set("session", r)
      if case.holder == "a native cycle" then node:set("itself", node) end
      r:reset()
      if case.holder == "a native cycle" then node:reset() end
      path, closed = { "member session" }, function() return true end
      drop = function() if case.holder == "a native cycle" then client:kill() else node:reset() end end
    end
    local account = w:session(client)
    expect(r):held_by(table.unpack(path))
    expect(account):held { by = client, during = "20ms" }

    if case.cause == "tracker loss" then
      tracker:kill()
      expect(account):held { by = client, during = "1s" }
      tracker = w:tracker { port = port, name = "again" }
      drop()
      expect(account):released { within = "5s", requestable = "5s" } -- as the tracker shows it
    elseif case.cause == "server loss" then
      server:kill()
      w:await(closed, "100ms")
      expect(tracker):free("test", 0)
      drop()
      server = w:server { key = "test", tracker = tracker, name = "second" }
    elseif case.cause == "silence" then
      client:lose()
      expect(account):released { after = "silence" }
      client:find()
      drop()
    else
      local fault = w:fault { on = account, kind = case.cause }
      expect(fault:fired()):is(1)
      expect(account):released { after = case.cause == "rst" and "rst" or "fin" }
      drop()
    end
    if holders[case.holder] then expect(r):gone() end
    expect(tracker):free("test", 1, "5s")
  end,
}
