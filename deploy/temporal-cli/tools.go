//go:build tools

// Package tools names the program that this module exists to pin, so that `go mod tidy` keeps it.
package tools

import _ "github.com/temporalio/cli/cmd/temporal"
