local suspended = obj.spec.suspend == true
return {
  ["reconcile"] = { ["displayName"] = "Reconcile now", ["iconClass"] = "fa fa-fw fa-sync" },
  ["suspend"] = { ["displayName"] = "Suspend", ["iconClass"] = "fa fa-fw fa-pause", ["disabled"] = suspended },
  ["resume"] = { ["displayName"] = "Resume", ["iconClass"] = "fa fa-fw fa-play", ["disabled"] = not suspended },
}
