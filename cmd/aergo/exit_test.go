package main

import (
	"fmt"
	"testing"

	"aergo/branch"
	"aergo/net/problem"
	"aergo/net/transfer"
)

// What is wrong with a block is told to scripts in one word, wherever it was found.
func TestFaultsAreTold(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("block: %w: height 9", branch.FaultHeight),
		fmt.Errorf("remote: %w", &transfer.RemoteError{Code: transfer.CodeInvalid, Fault: branch.FaultHeight, Text: "block: height 9"}),
	} {
		if v := judge(t.Context(), err); v.problem.Code != "invalid" || v.problem.Fault != "height" || v.exit != problem.ExitIntegrity {
			t.Errorf("%v: %+v", err, v)
		}
	}
}
