// SPDX-License-Identifier: Apache-2.0

// Package nps is a simulated Netwrix Privilege Secure server: its REST API around activity sessions, with state.
//
// It implements docs/vendors/nps.md alone and knows nothing of any client. Where that page infers a fact or
// leaves a question open, the behaviour is a switch (see Switches), so that no client comes to depend on a guess.
// Transport faults (delays, cut connections, foreign responses) are the job of the fault.Injector in front of the REST
// API.
//
// Time is computed, never awaited: a session stores what was decided about it and when, and its state follows from
// Options.Now whenever it is read. There are no timers and no goroutines, so a test with a fake clock never waits.
//
// The default catalogue; every slice of Options replaces one part completely:
//
//	users         LAB\svc-k8s    password and TOTP secret: DefaultPassword, DefaultTOTPSecret
//	              LAB\svc-nomfa  the same password, no second factor required
//	              LAB\admin      the same password, fixed code DefaultMFACode, administrator and approver
//	applications  k8s            API key DefaultAPIKey, any client certificate until a serial number is set
//	resources     db1.payments.example.com   Linux             win1.payments.example.com  Windows
//	              dc1.example.com            Active Directory  appliance1                 custom, cloned from Linux
//	              portal.example.com         Website
//	credentials   svc-backup (LAB), oracle-sys
//	activities    Linux root              db1, appliance1    8 h, can be extended twice by 30 min
//	              Nightly vacuum          db1                the same; a task automation, ends by itself
//	              Linux audit             db1                requires a note
//	              Linux patching          db1                requires a ticket
//	              Linux break-glass       db1, appliance1    15 min, no extension, no password
//	              Windows admin           win1, dc1          20 h, no extension
//	              Activity Token for Domain Admin Access     dc1, waits for approval, 1 h
//	              Website admin           portal             1 h
//	              Credential Release      both credentials   1 h
//
// Every user and every application may use every policy of the default catalogue.
package nps
