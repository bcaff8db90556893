-- The health of every kind of pam-operator.io. A script in argocd-cm has neither string nor math: only base and table.
--
-- Ready, Reconciling and Stalled follow the rules of kstatus. status.observedGeneration is -1 until the operator has
-- looked at the object for the first time.

local function condition(type)
  for _, c in ipairs(obj.status ~= nil and obj.status.conditions or {}) do
    if c.type == type then
      return c
    end
  end
  return { status = "Unknown" }
end

local function health(status, c)
  local message = c.message or ""
  if c.reason ~= nil and c.reason ~= "" then
    message = c.reason .. ": " .. message
  end
  return { status = status, message = message }
end

local ready = condition("Ready")
local stalled = condition("Stalled")

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at this generation yet" }
end
-- Nothing changes until somebody acts, so a sync need not wait.
if stalled.status == "True" then
  return health("Degraded", stalled)
end
if ready.status == "True" then
  local healthy = health("Healthy", ready)
  -- Warnings about a connection that works.
  for _, type in ipairs({ "InsecureTLS", "ManagedHost" }) do
    local warning = condition(type)
    if warning.status == "True" then
      healthy.message = healthy.message .. "; " .. type .. ": " .. (warning.message or "")
    end
  end
  return healthy
end
-- Intended, or up to a person at the server or the clock, for hours perhaps. A sync wave waits for it all the same.
local scheduled = obj.status.phase == "Scheduled" and ready.reason == "Progressing"
if ready.reason == "Suspended" or ready.reason == "WaitingForApproval" or scheduled then
  return health("Suspended", ready)
end
return health("Progressing", ready)
