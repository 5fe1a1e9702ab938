// SPDX-License-Identifier: Apache-2.0
// DialLimits: whether a peer that has no name yet may begin a handshake, which costs a processor 2
// to 3 ms, by where it comes from: so many a second, and so many under way at once, for each
// address (for IPv6 each /64, which is one customer's). So nobody takes the place of all others
// with connections that say nothing, or the processor with those that say too much. Owned by the
// listener, its thread. It opens nothing and closes nothing.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <unordered_map>

#include "common/base/clock.h"

namespace tributary {

// By what limits tell peers without a name apart: the address, or of IPv6 its /64.
using CustomerKey = boost::asio::ip::address_v6::bytes_type;
CustomerKey customer_of(const boost::asio::ip::address& address);

class DialLimits {
 public:
  // `rate`: a second for each address, which may also come at once.
  explicit DialLimits(std::int64_t rate) : rate_(rate) {}

  // What each address has had within the last second stays counted.
  void set_rate(TimePoint now, std::int64_t rate);
  // Counts it as under way where it may; greeted() when that is over.
  bool admit(TimePoint now, const boost::asio::ip::address& address);
  void greeted(const boost::asio::ip::address& address);
  std::size_t addresses() const { return dials_.size(); }  // remembered

 private:
  // A token bucket (the virtual scheduling of ITU-T I.371, appendix I): when it would be full
  // again, in parts of a dial, of which a millisecond brings `rate`.
  struct Dials {
    std::int64_t full_at = 0;
    std::size_t greeting = 0;
  };
  struct Hash {
    std::size_t operator()(const CustomerKey& key) const;
  };
  void sweep(TimePoint now);

  std::int64_t rate_;
  TimePoint sweep_at_;
  std::unordered_map<CustomerKey, Dials, Hash> dials_;
};

}  // namespace tributary
