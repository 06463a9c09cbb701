-- SPDX-License-Identifier: Apache-2.0
-- The same program twice on one stage: in a real CPython, and in the heap model of the version that was
-- measured in its stead. After each step both must say the same, and on the wire the same must be over.
local modelled = {
  ["3.7.3"] = "3.7.2", ["3.7.7"] = "3.7.12", ["3.7.9"] = "3.7.12", ["3.9.2"] = "3.9.0", ["3.9.6"] = "3.9.5",
  ["3.10.2"] = "3.9.5", ["3.11.3"] = "3.11.2", ["3.13.0"] = "3.13",
  ["3.7.9-windows"] = "3.7.12", ["3.9.2-windows"] = "3.9.0", ["3.9.6-windows"] = "3.9.5",
}

-- The program's steps: in the words of mocks/pyclient, and as the model's.
local function real_program(w, case, tracker)
  local client = w:python_client { python = case.python, kind_zero = not case.python:find("windows") }
  local make = {
    ["as reported"]                = "check-remote",
    ["no local"]                   = "check-remote-no-local",
    ["collected while connecting"] = "check-remote-collecting",
    ["collected before del"]       = "check-remote",
  }
  return {
    make = function()
      client:step(make[case.shape] .. " r " .. tracker:host() .. " " .. tracker:port() .. " real 60")
      return w:session(client)
    end,
    refcount = function() return math.tointeger(client:step("getrefcount r")) end,
    del      = function() client:step("del r") end,
    gc       = function(generation) return math.tointeger(client:step("gc " .. generation)) end,
    alive    = function() return client:step("alive r") == "yes" end,
  }
end

local function model_program(w, case, tracker)
  local py = w:client { runtime = cpython(modelled[case.python]) }
  local r
  return {
    make = function()
      r = py:call("check_remote", function(frame)
        frame.t = py:connect_tracker(tracker)
        if case.shape == "collected while connecting" then py:gc(0) end
        if case.shape == "no local" then return frame.t:request("model", { timeout = "60s" }) end
        frame.remote = frame.t:request("model", { timeout = "60s" })
        return frame.remote
      end)
      return w:session(py)
    end,
    refcount = function() return r:refcount() end,
    del      = function() py:del(r) end,
    gc       = function(generation) return py:gc(generation) end,
    alive    = function() return r:alive() end,
  }
end

-- Off the cycle of the real program hang nine objects that the model has none of: the frames of its step loop and
-- what they refer to. A tenth, the dictionary of the session, goes with the session.
local OWN, OWN_WITH_SESSION = 9, 10

-- What is done once the session is there.
local function steps_of(shape)
  local steps = { "refcount", "del", "gc 0", "gc 1", "gc 2" }
  if shape == "collected before del" then
    steps = { "refcount", "gc 0", "refcount", "del", "gc 0", "gc 1", "gc 2" }
  end
  return steps
end

local function take(program, step)
  if step == "refcount" then return program.refcount() end
  if step == "del" then
    program.del()
    return "done"
  end
  return program.gc(math.tointeger(step:sub(4)))
end

-- A step of the model, and what is left of its session after it, which the wire must show.
local function model_steps(program, case)
  local session, seen, gone = program.make(), {}, false
  for i, step in ipairs(steps_of(case.shape)) do
    local answer, alive = take(program, step), program.alive()
    local released = not alive and not gone
    if released then
      expect(session):released { after = "last reference" }
      gone = true
    end
    if step:find("gc") and answer > 0 then
      answer = answer + (released and OWN_WITH_SESSION or OWN)
    end
    seen[i] = { answer = answer, alive = alive }
  end
  return seen
end

-- The same of the real program: the wire is looked at first, with what the model says of it, then the program.
local function real_steps(program, case, model)
  local session, gone = program.make(), false
  for i, step in ipairs(steps_of(case.shape)) do
    local told = step .. ": "
    expect(told .. tostring(take(program, step))):is(told .. tostring(model[i].answer))
    if model[i].alive then
      expect(session):held { during = "50ms" }
    elseif not gone then
      expect(session):released { after = "last reference" }
      gone = true
    end
    expect(told .. tostring(program.alive())):is(told .. tostring(model[i].alive))
  end
end

scenario "the heap model and the CPython that it stands for go the same way, step by step" {
  from   = "Trouble with RPC session",
  matrix = {
    python = { "3.7.3", "3.7.7", "3.7.9", "3.9.2", "3.9.6", "3.10.2", "3.11.3", "3.13.0", "3.7.9-windows",
               "3.9.2-windows", "3.9.6-windows" },
    shape  = { "as reported", "no local", "collected while connecting", "collected before del" },
  },
  worlds = { "live" },
  run = function(w, case)
    local tracker = w:tracker()
    w:server { key = "real", tracker = tracker, dialect = "legacy" }
    w:server { key = "model", tracker = tracker, dialect = "legacy" }
    local model = model_steps(model_program(w, case, tracker), case)
    expect(model[#model].alive):is(false)
    real_steps(real_program(w, case, tracker), case, model)
    expect(tracker):free("real", 1)
    expect(tracker):free("model", 1)
  end,
}
