// SPDX-License-Identifier: Apache-2.0

// Command hello is the binary of the images that the tests build.
package main

var version = "none"

func main() { println(version) }
