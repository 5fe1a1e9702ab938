// SPDX-License-Identifier: Apache-2.0
// Crypto figures: how fast this machine encrypts what goes over a link, and digests what arrives.
// They are limits of the round's path and have none themselves. One thread.
#pragma once

#include <vector>

#include "tests/bench/figure.h"

namespace tributary::bench {

// Takes a second or two.
std::vector<Figure> crypto_figures();

}  // namespace tributary::bench
