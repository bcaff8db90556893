// SPDX-License-Identifier: Apache-2.0

package loop

import "github.com/pam-operator/pam-operator/internal/kinds"

// Object is an object of one of our kinds.
type Object = kinds.Object
