// SPDX-License-Identifier: Apache-2.0
// Published vectors: RFC 7748 section 6.1, RFC 5869 appendix A.1, and of AES-256-GCM's definition
// (McGrew & Viega 2005) the test cases 13 and 14, whose key and nonce are 0.
#include "common/crypto/key_material.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tributary {
namespace {

Bytes bytes_of(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}
SecretKey key_of(const std::string& hex) {
  SecretKey::Value value{};
  std::ranges::copy(bytes_of(hex), value.begin());
  return SecretKey(value);
}
std::string hex_of(const auto& bytes) { return to_hex(ByteView(bytes)); }

const SecretKey kZero{SecretKey::Value{}};

TEST(KeyMaterial, TwoPartiesAgree) {
  const SecretKey alice =
      key_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const SecretKey bob = key_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const AgreementPublicKey of_alice = agreement_public_key(alice),
                           of_bob = agreement_public_key(bob);
  EXPECT_EQ(hex_of(of_alice), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(hex_of(of_bob), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const SecretKey shared = *agree(alice, of_bob);
  EXPECT_EQ(hex_of(shared.value()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_TRUE(*agree(bob, of_alice) == shared);
  EXPECT_FALSE(SecretKey::make() == SecretKey::make());
}

TEST(KeyMaterial, AKeyOfLowOrderIsRefused) {
  AgreementPublicKey zero{}, one{};
  one[0] = std::byte{1};
  for (const AgreementPublicKey& low : {zero, one}) {
    const auto agreed = agree(SecretKey::make(), low);
    ASSERT_FALSE(agreed);
    EXPECT_EQ(agreed.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(KeyMaterial, KeysAreDerived) {
  const Bytes from(22, std::byte{0x0b});
  const Bytes info = bytes_of("f0f1f2f3f4f5f6f7f8f9");
  const SecretKey key = derive_key(from, bytes_of("000102030405060708090a0b0c"), as_text(info));
  EXPECT_EQ(hex_of(key.value()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

TEST(KeyMaterial, WhatIsSealedIsOpenedByItsKeyAlone) {
  EXPECT_EQ(hex_of(seal(kZero, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  const Bytes sealed = seal(kZero, Bytes(16), {});
  EXPECT_EQ(hex_of(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  EXPECT_EQ(*open_sealed(kZero, sealed, {}), Bytes(16));

  const SecretKey key = SecretKey::make();
  const Bytes plain = bytes_of("0102030405"), about = bytes_of("aabb");
  const Bytes mine = seal(key, plain, about);
  EXPECT_EQ(*open_sealed(key, mine, about), plain);
  EXPECT_FALSE(open_sealed(SecretKey::make(), mine, about));
  EXPECT_FALSE(open_sealed(key, mine, bytes_of("aabc")));
  EXPECT_FALSE(open_sealed(key, ByteView(mine).first(15), about));
  for (std::size_t i = 0; i < mine.size(); ++i) {
    Bytes changed = mine;
    changed[i] ^= std::byte{0x10};
    const auto opened = open_sealed(key, changed, about);
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code, ErrorCode::kUnauthenticated);
  }
}

// Blocks 1 and 2 are those that the vectors of GCM above are made of.
TEST(KeyMaterial, AKeyStreamIsReadAtAnyPlace) {
  KeyStream stream(kZero);
  Bytes whole(48);
  stream.read_at(0, whole);
  EXPECT_EQ(hex_of(whole),
            "dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738b"
            "cea7403d4d606b6e074ec5d3baf39d18");
  Bytes large(1u << 16);
  stream.read_at(0, large);
  for (const std::size_t offset : {16u, 4096u, 65'520u}) {
    Bytes part(std::min<std::size_t>(large.size() - offset, 100));
    stream.read_at(offset, part);
    EXPECT_TRUE(std::ranges::equal(part, ByteView(large).subspan(offset, part.size()))) << offset;
  }
}

}  // namespace
}  // namespace tributary
