local phase = obj.status ~= nil and obj.status.phase or ""
local over = phase == "Completed" or phase == "Failed"
return {
  ["reconcile"] = { ["displayName"] = "Reconcile now", ["iconClass"] = "fa fa-fw fa-sync", ["disabled"] = over },
}
