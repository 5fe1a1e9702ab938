// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) through OpenSSL. Hasher: one owner, one thread. A failing digest of OpenSSL
// is a programmer error.
#pragma once

#include <memory>

#include "common/base/bytes.h"

namespace tributary {

Digest sha256(ByteView bytes);

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(ByteView bytes);
  Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tributary
