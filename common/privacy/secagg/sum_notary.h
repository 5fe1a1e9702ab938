// SPDX-License-Identifier: Apache-2.0
// SumNotary: a member's own signature, and whether another's holds, as a port. What the protocol
// promises against a lying coordinator rests on it: its certificates come from CAs that the
// coordinator does not have. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/crypto/signing.h"

namespace tributary {

// Of one party: PEM texts.
struct SumPapers {
  std::string certificate;  // its own
  std::string issuers;      // those between it and the root
};

class SumNotary {
 public:
  virtual ~SumNotary() = default;
  virtual const SumPapers& papers() const = 0;
  virtual Result<Bytes> sign(std::string_view purpose, ByteView statement) const = 0;
  // kUnauthenticated: the papers are not those of that site, or it did not sign this.
  virtual Status verify(const SiteName& site, const SumPapers& papers, std::string_view purpose,
                        ByteView statement, ByteView signature) const = 0;
};

// By certificates of the federation. What is handed in outlives it.
class CertificateNotary final : public SumNotary {
 public:
  // `signer`: null where nothing is to be signed, at the coordinator.
  CertificateNotary(const Signer* signer, const Trust& trust,
                    std::function<std::int64_t()> unix_seconds);

  const SumPapers& papers() const override { return papers_; }
  Result<Bytes> sign(std::string_view purpose, ByteView statement) const override;
  Status verify(const SiteName& site, const SumPapers& papers, std::string_view purpose,
                ByteView statement, ByteView signature) const override;

 private:
  const Signer* signer_;
  const Trust& trust_;
  std::function<std::int64_t()> unix_seconds_;
  SumPapers papers_;
};

}  // namespace tributary
