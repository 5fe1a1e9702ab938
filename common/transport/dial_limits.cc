// SPDX-License-Identifier: Apache-2.0
#include "common/transport/dial_limits.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "common/base/limits.h"

namespace tributary {
namespace {

namespace ip = boost::asio::ip;

constexpr std::int64_t kPartsPerDial = 1'000;
constexpr std::int64_t kBurstSeconds = 1;
constexpr Milliseconds kSweepEvery{1'000};

}  // namespace

CustomerKey customer_of(const ip::address& address) {
  if (address.is_v4()) return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
  CustomerKey bytes = address.to_v6().to_bytes();
  if (!address.to_v6().is_v4_mapped()) std::fill(bytes.begin() + 8, bytes.end(), 0);
  return bytes;
}

std::size_t DialLimits::Hash::operator()(const CustomerKey& key) const {
  return std::hash<std::string_view>{}(
      std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
}

void DialLimits::set_rate(TimePoint now, std::int64_t rate) {
  for (auto& [key, dials] : dials_) {
    const std::int64_t owed = std::max<std::int64_t>(0, dials.full_at - now.ms * rate_);
    dials.full_at = now.ms * rate + owed;
  }
  rate_ = rate;
}

bool DialLimits::admit(TimePoint now, const ip::address& address) {
  sweep(now);
  const auto key = customer_of(address);
  auto found = dials_.find(key);
  if (found == dials_.end()) {
    // More than these do not dial within a second: none of them is let in to forget another.
    if (dials_.size() >= limits::kDialAddressesMax) return false;
    found = dials_.try_emplace(key).first;
  }
  Dials& dials = found->second;
  const std::int64_t at = now.ms * rate_;
  const std::int64_t full_at = std::max(dials.full_at, at) + kPartsPerDial;
  if (full_at - at > kBurstSeconds * rate_ * kPartsPerDial) return false;
  if (dials.greeting >= limits::kHandshakesMax / 2) return false;
  dials.full_at = full_at;
  ++dials.greeting;
  return true;
}

void DialLimits::greeted(const ip::address& address) {
  if (const auto found = dials_.find(customer_of(address)); found != dials_.end())
    --found->second.greeting;
}

void DialLimits::sweep(TimePoint now) {
  if (now < sweep_at_) return;
  sweep_at_ = now + kSweepEvery;
  std::erase_if(dials_, [&](const auto& one) {
    return one.second.greeting == 0 && one.second.full_at <= now.ms * rate_;
  });
}

}  // namespace tributary
