// SPDX-License-Identifier: Apache-2.0
// Signatures that are digests under a secret of each name: as good as real ones where nobody knows
// it.
#pragma once

#include <algorithm>
#include <string>

#include "common/crypto/digest.h"
#include "common/privacy/secagg/sum_notary.h"

namespace tributary {

class ToyNotary final : public SumNotary {
 public:
  explicit ToyNotary(const std::string& name) : name_(name), papers_{papers_of(name)} {}

  static SumPapers papers_of(const std::string& name) { return {"certificate of " + name, ""}; }
  const SumPapers& papers() const override { return papers_; }
  Result<Bytes> sign(std::string_view purpose, ByteView statement) const override {
    return signature_of(name_, purpose, statement);
  }
  Status verify(const SiteName& site, const SumPapers& papers, std::string_view purpose,
                ByteView statement, ByteView signature) const override {
    const Bytes right = signature_of(site.value, purpose, statement);
    if (papers.certificate == papers_of(site.value).certificate &&
        std::ranges::equal(right, signature)) {
      return {};
    }
    return make_error(ErrorCode::kUnauthenticated, "not signed by it");
  }

 private:
  static Bytes signature_of(const std::string& name, std::string_view purpose, ByteView statement) {
    Hasher hasher;
    hasher.update(as_bytes("secret of " + name + std::string(purpose)));
    hasher.update(statement);
    const Digest digest = hasher.finish();
    return {digest.bytes.begin(), digest.bytes.end()};
  }

  std::string name_;
  SumPapers papers_;
};

}  // namespace tributary
