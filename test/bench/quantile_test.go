// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestQuantile(t *testing.T) {
	hundred := make([]int, 0, 100)
	for i := range 100 {
		hundred = append(hundred, 100-i) // not in order
	}
	tests := map[string]struct {
		values []int
		q      float64
		want   int
	}{
		"of nothing is zero":                         {nil, 0.5, 0},
		"of one value is that value":                 {[]int{7}, 0.99, 7},
		"the median of two is the lower one":         {[]int{9, 1}, 0.5, 1},
		"p99 of a hundred leaves one above it":       {hundred, 0.99, 99},
		"p99 of a few is the largest":                {[]int{3, 1, 2}, 0.99, 3},
		"1 is the largest":                           {hundred, 1, 100},
		"0 is the smallest and not before the first": {hundred, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := quantile(tt.values, tt.q); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
