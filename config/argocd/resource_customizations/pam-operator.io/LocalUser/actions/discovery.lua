return {
  ["reconcile"] = { ["displayName"] = "Reconcile now", ["iconClass"] = "fa fa-fw fa-sync" },
}
