-- SPDX-License-Identifier: Apache-2.0
scenario "a script that is none" {
  run = function(w
}
