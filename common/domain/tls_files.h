// SPDX-License-Identifier: Apache-2.0
// The PEM files with which a party proves who it is and knows the others.
#pragma once

#include <string>

namespace tributary {

struct TlsFiles {
  std::string certificate;  // ours, then intermediates
  std::string key;
  std::string ca;
};

}  // namespace tributary
