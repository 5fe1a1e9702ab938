// SPDX-License-Identifier: Apache-2.0
// The PEM files with which a party proves who it is and knows the others.
#pragma once

#include <string>

namespace tributary {

struct TlsFiles {
  std::string certificate;  // ours, then intermediates
  std::string key;          // a file, or the PKCS#11 URI of a key in a hardware token
  std::string ca;           // the federation's root
  std::string crl = {};  // lists of revoked certificates, one of each CA; empty: none is looked at
};

}  // namespace tributary
