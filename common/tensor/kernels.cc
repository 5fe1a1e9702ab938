// SPDX-License-Identifier: Apache-2.0
#include "common/tensor/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/assert.h"

// Highway compiles what stands between the two namespaces below once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/tensor/kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tributary::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using Floats = hn::Rebind<float, Doubles>;  // as many of them, half as wide
using Integers = hn::RebindToSigned<Doubles>;
using Singles = hn::ScalableTag<float>;
using Words = hn::RebindToUnsigned<Singles>;

// 1.5 * 2^52 and 1.5 * 2^84: added to a double, they leave its integer part, or its multiples of
// 2^32, in the low bits, rounded half to even.
constexpr double kOnes = 6755399441055744.0;
constexpr double kHighs = kOnes * 4294967296.0;

// To integers, half to even, below 2^62. There is no instruction for it before AVX-512: the
// multiple of 2^32 and the rest are rounded apart, which is the same because a multiple of 2^32 is
// even.
template <typename V>
auto to_integers(V y) {
  const Doubles d;
  const Integers i;
  const auto highs = hn::Add(y, hn::Set(d, kHighs));
  const auto rest = hn::Sub(y, hn::Sub(highs, hn::Set(d, kHighs)));
  const auto ones = hn::Add(rest, hn::Set(d, kOnes));
  const auto high = hn::Sub(hn::BitCast(i, highs), hn::BitCast(i, hn::Set(d, kHighs)));
  const auto low = hn::Sub(hn::BitCast(i, ones), hn::BitCast(i, hn::Set(d, kOnes)));
  return hn::Add(hn::ShiftLeft<32>(high), low);
}

// Value i goes into partial sum i modulo kPartials, whatever the width of a register.
constexpr std::size_t kPartials = 16;

BlockFacts examine(const float* values, std::size_t count, double bound) {
  const Doubles d;
  const Floats f;
  constexpr std::size_t kLanes = hn::MaxLanes(Doubles());
  constexpr std::size_t kVectors = kPartials / kLanes;
  static_assert(kPartials % kLanes == 0);
  hn::Vec<Doubles> sums[kVectors];
  for (auto& sum : sums) sum = hn::Zero(d);
  const auto most = hn::Set(d, bound);
  auto within = hn::Eq(most, most);
  std::size_t at = 0;
  for (; at + kPartials <= count; at += kPartials) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const auto x = hn::PromoteTo(d, hn::LoadU(f, values + at + v * kLanes));
      within = hn::And(within, hn::Le(hn::Abs(x), most));  // false for what is no number
      sums[v] = hn::Add(sums[v], hn::Mul(x, x));
    }
  }
  std::array<double, kPartials> partials{};
  for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[v], d, partials.data() + v * kLanes);
  BlockFacts facts{0.0, hn::AllTrue(d, within)};
  for (std::size_t p = 0; at < count; ++at, ++p) {
    const double x = static_cast<double>(values[at]);
    facts.within = facts.within && std::abs(x) <= bound;
    partials[p] += x * x;
  }
  for (std::size_t half = kPartials / 2; half > 0; half /= 2) {
    for (std::size_t p = 0; p < half; ++p) partials[p] += partials[p + half];
  }
  facts.squares = partials[0];
  return facts;
}

// --- stored values, a register of them to one of float32 ---

struct FromFp32 {
  template <typename V>
  auto operator()(V stored) const {
    return stored;
  }
};

// By integers, not by the machine's own instruction, which not every one has and which changes what
// is no number. Subnormal halves are multiples of 2^-24.
struct FromFp16 {
  template <typename V>
  auto operator()(V stored) const {
    const Singles f;
    const Words w;
    const hn::RebindToSigned<Singles> i;
    const auto half = hn::PromoteTo(w, stored);
    const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(w, 0x8000u)));
    const auto size = hn::And(half, hn::Set(w, 0x7fffu));
    const auto wide = hn::ShiftLeft<13>(size);
    const auto normal = hn::Add(wide, hn::Set(w, (127u - 15u) << 23));
    const auto beyond = hn::Add(wide, hn::Set(w, (255u - 31u) << 23));
    const auto subnormal =
        hn::BitCast(w, hn::Mul(hn::ConvertTo(f, hn::BitCast(i, size)), hn::Set(f, 0x1p-24f)));
    const auto is_small = hn::Lt(hn::BitCast(i, size), hn::Set(i, 0x0400));
    const auto is_beyond = hn::Gt(hn::BitCast(i, size), hn::Set(i, 0x7bff));
    const auto value = hn::IfThenElse(hn::RebindMask(w, is_small), subnormal,
                                      hn::IfThenElse(hn::RebindMask(w, is_beyond), beyond, normal));
    return hn::BitCast(f, hn::Or(value, sign));
  }
};

struct FromBf16 {
  template <typename V>
  auto operator()(V stored) const {
    return hn::BitCast(Singles(), hn::ShiftLeft<16>(hn::PromoteTo(Words(), stored)));
  }
};

struct FromInt8 {
  float scale;
  template <typename V>
  auto operator()(V stored) const {
    const hn::RebindToSigned<Singles> i;
    return hn::Mul(hn::ConvertTo(Singles(), hn::PromoteTo(i, stored)), hn::Set(Singles(), scale));
  }
};

// The last values, fewer than a register has, go through it too: one definition for all.
template <typename Stored, typename Convert>
void widen(const Stored* from, std::size_t count, float* into, const Convert& convert) {
  const Singles f;
  const hn::Rebind<Stored, Singles> stored;
  const std::size_t lanes = hn::Lanes(f);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    hn::StoreU(convert(hn::LoadU(stored, from + at)), f, into + at);
  if (at == count) return;
  Stored padded[hn::MaxLanes(Singles())] = {};
  float widened[hn::MaxLanes(Singles())];
  std::copy(from + at, from + count, padded);
  hn::StoreU(convert(hn::LoadU(stored, padded)), f, widened);
  std::copy(widened, widened + (count - at), into + at);
}

void widen_halves(const std::uint16_t* from, std::size_t count, float* into) {
  widen(from, count, into, FromFp16());
}
void widen_brains(const std::uint16_t* from, std::size_t count, float* into) {
  widen(from, count, into, FromBf16());
}
void widen_quanta(const std::int8_t* from, std::size_t count, float scale, float* into) {
  widen(from, count, into, FromInt8{scale});
}

// --- the fold: widened in registers, so that no pass of its own decodes ---

template <typename V, typename Scale>
void add_half(V values, Scale scale, std::int64_t* sums) {
  const Integers integers;
  const auto term = to_integers(hn::Mul(hn::PromoteTo(Doubles(), values), scale));
  hn::StoreU(hn::Add(hn::LoadU(integers, sums), term), integers, sums);
}

template <typename V, typename Scale>
void add_terms(V values, Scale scale, std::int64_t* sums) {
#if HWY_TARGET == HWY_SCALAR  // one value, and no halves
  add_half(values, scale, sums);
#else
  add_half(hn::LowerHalf(Floats(), values), scale, sums);
  add_half(hn::UpperHalf(Floats(), values), scale, sums + hn::Lanes(Doubles()));
#endif
}

template <typename Stored, typename Convert>
void fold(const Stored* from, std::size_t count, double factor, std::int64_t* sums,
          const Convert& convert) {
  const hn::Rebind<Stored, Singles> stored;
  const std::size_t lanes = hn::Lanes(Singles());
  const auto scale = hn::Set(Doubles(), factor);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes)
    add_terms(convert(hn::LoadU(stored, from + at)), scale, sums + at);
  if (at == count) return;
  Stored padded[hn::MaxLanes(Singles())] = {};
  std::int64_t last[hn::MaxLanes(Singles())] = {};
  std::copy(from + at, from + count, padded);
  std::copy(sums + at, sums + count, last);
  add_terms(convert(hn::LoadU(stored, padded)), scale, last);
  std::copy(last, last + (count - at), sums + at);
}

void fold_floats(const float* from, std::size_t count, double factor, std::int64_t* sums) {
  fold(from, count, factor, sums, FromFp32());
}
void fold_halves(const std::uint16_t* from, std::size_t count, double factor, std::int64_t* sums) {
  fold(from, count, factor, sums, FromFp16());
}
void fold_brains(const std::uint16_t* from, std::size_t count, double factor, std::int64_t* sums) {
  fold(from, count, factor, sums, FromBf16());
}
void fold_quanta(const std::int8_t* from, std::size_t count, float scale, double factor,
                 std::int64_t* sums) {
  fold(from, count, factor, sums, FromInt8{scale});
}

// --- sums modulo a power of two ---

template <typename Word>
void add_masked(const Word* addends, std::size_t count, Word mask, Word* sums) {
  const hn::ScalableTag<Word> w;
  const std::size_t lanes = hn::Lanes(w);
  const auto kept = hn::Set(w, mask);
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes) {
    const auto sum = hn::Add(hn::LoadU(w, sums + at), hn::LoadU(w, addends + at));
    hn::StoreU(hn::And(sum, kept), w, sums + at);
  }
  for (; at < count; ++at) sums[at] = (sums[at] + addends[at]) & mask;
}

void add_words(const std::uint32_t* addends, std::size_t count, std::uint32_t mask,
               std::uint32_t* sums) {
  add_masked(addends, count, mask, sums);
}
void add_integers(const std::uint64_t* addends, std::size_t count, std::uint64_t* sums) {
  add_masked(addends, count, ~std::uint64_t{0}, sums);
}

}  // namespace tributary::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tributary {

HWY_EXPORT(fold_floats);
HWY_EXPORT(fold_halves);
HWY_EXPORT(fold_brains);
HWY_EXPORT(fold_quanta);
HWY_EXPORT(examine);
HWY_EXPORT(widen_halves);
HWY_EXPORT(widen_brains);
HWY_EXPORT(widen_quanta);
HWY_EXPORT(add_words);
HWY_EXPORT(add_integers);

void fold_fp32(std::span<const float> values, double factor, std::span<std::int64_t> sums) {
  TRIB_ASSERT(values.size() == sums.size(), "an update of another size");
  HWY_DYNAMIC_DISPATCH(fold_floats)(values.data(), values.size(), factor, sums.data());
}

void fold_fp16(std::span<const std::uint16_t> halves, double factor, std::span<std::int64_t> sums) {
  TRIB_ASSERT(halves.size() == sums.size(), "an update of another size");
  HWY_DYNAMIC_DISPATCH(fold_halves)(halves.data(), halves.size(), factor, sums.data());
}

void fold_bf16(std::span<const std::uint16_t> halves, double factor, std::span<std::int64_t> sums) {
  TRIB_ASSERT(halves.size() == sums.size(), "an update of another size");
  HWY_DYNAMIC_DISPATCH(fold_brains)(halves.data(), halves.size(), factor, sums.data());
}

void fold_int8(std::span<const std::int8_t> quanta, float scale, double factor,
               std::span<std::int64_t> sums) {
  TRIB_ASSERT(quanta.size() == sums.size(), "an update of another size");
  HWY_DYNAMIC_DISPATCH(fold_quanta)(quanta.data(), quanta.size(), scale, factor, sums.data());
}

void add_modular(std::span<const std::uint32_t> addends, int bits, std::span<std::uint32_t> sums) {
  TRIB_ASSERT(addends.size() == sums.size(), "words of another size");
  TRIB_ASSERT(bits >= 1 && bits <= 32, "a modulus of 1 to 32 bits");
  HWY_DYNAMIC_DISPATCH(add_words)
  (addends.data(), addends.size(), ~std::uint32_t{0} >> (32 - bits), sums.data());
}

void add_modular(std::span<const std::int64_t> addends, std::span<std::int64_t> sums) {
  TRIB_ASSERT(addends.size() == sums.size(), "sums of another size");
  HWY_DYNAMIC_DISPATCH(add_integers)
  (reinterpret_cast<const std::uint64_t*>(addends.data()), addends.size(),
   reinterpret_cast<std::uint64_t*>(sums.data()));
}

BlockFacts examine_block(std::span<const float> values, double bound) {
  TRIB_ASSERT(values.size() <= kBlockValues, "more than a block");
  return HWY_DYNAMIC_DISPATCH(examine)(values.data(), values.size(), bound);
}

void widen_fp16(std::span<const std::uint16_t> halves, std::span<float> into) {
  TRIB_ASSERT(halves.size() == into.size(), "room for another number of values");
  HWY_DYNAMIC_DISPATCH(widen_halves)(halves.data(), halves.size(), into.data());
}

void widen_bf16(std::span<const std::uint16_t> halves, std::span<float> into) {
  TRIB_ASSERT(halves.size() == into.size(), "room for another number of values");
  HWY_DYNAMIC_DISPATCH(widen_brains)(halves.data(), halves.size(), into.data());
}

void widen_int8(std::span<const std::int8_t> quanta, float scale, std::span<float> into) {
  TRIB_ASSERT(quanta.size() == into.size(), "room for another number of values");
  HWY_DYNAMIC_DISPATCH(widen_quanta)(quanta.data(), quanta.size(), scale, into.data());
}

}  // namespace tributary
#endif
