local phase = obj.status ~= nil and obj.status.phase or ""
local over = phase == "Completed" or phase == "Cancelled" or phase == "Failed" or phase == "Denied"
local cancelled = over or phase == "Ending" or obj.spec.cancel == true
return {
  ["reconcile"] = { ["displayName"] = "Reconcile now", ["iconClass"] = "fa fa-fw fa-sync", ["disabled"] = over },
  ["refresh"] = {
    ["displayName"] = "Refresh the Secret", ["iconClass"] = "fa fa-fw fa-key", ["disabled"] = phase ~= "Active",
  },
  ["cancel"] = {
    ["displayName"] = "End the session", ["iconClass"] = "fa fa-fw fa-stop", ["disabled"] = cancelled,
  },
}
