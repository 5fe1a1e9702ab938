// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/private_key.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <thread>

#include "common/crypto/pki.h"
#include "common/crypto/signing.h"
#include "common/crypto/signing_request.h"
#include "common/crypto/token_uri.h"
#include "tests/support/soft_token.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(TokenUris, SayWhereTheKeyIsAndHowToGetThere) {
  EXPECT_TRUE(is_token_uri("pkcs11:token=a"));
  EXPECT_FALSE(is_token_uri("/etc/tributary/pkcs11:a"));
  const auto uri = parse_token_uri(
      "pkcs11:token=the%20site;serial=7;object=north;type=private"
      "?module-path=/opt/maker%27s.so&pin-source=file:///run/pin");
  ASSERT_TRUE(uri) << uri.error().message;
  EXPECT_EQ(uri->key, "pkcs11:token=the%20site;serial=7;object=north;type=private");
  EXPECT_THAT(uri->token, AllOf(HasSubstr("token=the%20site"), Not(HasSubstr("object"))));
  EXPECT_EQ(uri->module, "/opt/maker's.so");
  EXPECT_EQ(uri->pin_file, "/run/pin");
  EXPECT_EQ(parse_token_uri("pkcs11:token=a;id=%01?module-path=/m&pin-source=file:/p")->pin_file,
            "/p");
}

TEST(TokenUris, EachFaultIsNamed) {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"pkcs11:", "names no token"},
      {"pkcs11:object=a?module-path=/m", "names no token"},
      {"pkcs11:token=a?module-path=/m", "names no key"},
      {"pkcs11:token=a;object=b", "module-path="},
      {"pkcs11:token=a;object=b?module-path=m.so", "absolute path"},
      {"pkcs11:token=a;object=b?module-path=/m%00", "absolute path"},
      {"pkcs11:token=a;object=b?module-path=/m&pin-source=|/bin/pin", "runs no program"},
      {"pkcs11:token=a;object=b?module-path=/m&pin-source=pin", "absolute path"},
      {"pkcs11:token=a;object=b?module-path=/m&module-name=m", "'module-name'"},
      {"pkcs11:token=a;object=b;slot-id=4?module-path=/m", "'slot-id'"},
      {"pkcs11:token=a;object=b;type=cert?module-path=/m", "type has to be private"},
      {"pkcs11:token=a;token=c;object=b?module-path=/m", "token is there twice"},
      {"pkcs11:token=;object=b?module-path=/m", "NAME=VALUE"},
      {"pkcs11:token=%4;object=b?module-path=/m", "hexadecimal"}};
  for (const auto& [text, fault] : faults) {
    const auto uri = parse_token_uri(text);
    ASSERT_FALSE(uri) << text;
    EXPECT_THAT(uri.error().message, HasSubstr(fault)) << text;
  }
}

TEST(TokenUris, APinIsNeverShown) {
  for (const char* text : {"pkcs11:token=a;object=b?module-path=/m&pin-value=271828",
                           "pkcs11:token=a;object=b;pin-value=271828"}) {
    const auto uri = parse_token_uri(text);
    ASSERT_FALSE(uri);
    EXPECT_THAT(uri.error().message, AllOf(HasSubstr("pin-source"), Not(HasSubstr("271828"))));
  }
  EXPECT_EQ(shown_key("pkcs11:token=a;object=b?pin-value=271828"), "pkcs11:token=a;object=b");
  EXPECT_EQ(shown_key("what?.key"), "what?.key");
}

class KeyFiles : public testing::Test {
 protected:
  std::string write(const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_ / "file";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string fault(const std::string& place) {
    const auto key = load_private_key(place);
    return key ? "" : key.error().message;
  }

  TemporaryDirectory directory_;
};

TEST_F(KeyFiles, AreReadWhereNobodyElseCanReachThem) {
  const PemPair pair = *make_ca("test", KeyKind::kP256, 10);
  EXPECT_EQ(fault(write(pair.key)), "");
  EXPECT_THAT(fault(write(pair.key, 0640)), AllOf(HasSubstr("mode 0640"), HasSubstr("chmod 600")));
  EXPECT_THAT(fault(write(pair.certificate)), HasSubstr("in the place of the certificate"));
  EXPECT_THAT(fault(write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
              HasSubstr("key " + directory_ / "file"));
  EXPECT_THAT(fault(directory_ / "none"), HasSubstr("No such file"));
  EXPECT_THAT(fault("/dev/zero"), HasSubstr("is larger than"));
}

// Tokens are there before the first key is asked for; keys may come later.
class TokenKeys : public KeyFiles {
 protected:
  static void SetUpTestSuite() {
    token_ = new SoftToken;
    token_->add_token("north");
    token_->add_token("locked");
    request_ = *make_signing_request("north", "site", KeyKind::kP256);
    token_->import("north", "link", "01", request_.key);
    token_->import("locked", "link", "01", request_.key);
  }
  static void TearDownTestSuite() { delete token_; }
  void SetUp() override { ::unsetenv("TRIBUTARY_PKCS11_PIN"); }
  std::string uri(const std::string& names, const std::string& pin = SoftToken::kPin) {
    return "pkcs11:" + names + "?module-path=" + SoftToken::module() + "&pin-source=" + write(pin);
  }

  static inline SoftToken* token_ = nullptr;
  static inline NewRequest request_;
  PemPair root_ = *make_ca("test", KeyKind::kP256, 100);
  PemPair sites_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 50);
};

TEST_F(TokenKeys, SignAndTheirSignatureIsLikeAnyOther) {
  const std::string certificates =
      *certify(sites_, request_.request, {"north", "site", {}, KeyKind::kP256, 90});
  const auto signer =
      Signer::load(certificates, uri("token=north;object=link;type=private", "271828\n"));
  ASSERT_TRUE(signer) << signer.error().message;
  EXPECT_EQ(signer->identity().name, "north");
  const auto signature = signer->sign("test", as_bytes("payload"));
  ASSERT_TRUE(signature) << signature.error().message;
  const auto who =
      verify_signature(root_.certificate, "test", as_bytes("payload"), *signature, ::time(nullptr));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "north");
  EXPECT_TRUE(Signer::load(certificates, uri("token=north;id=%01"))) << "by its id";
  const auto foreign = *issue_certificate(sites_, {"north", "site", {}, KeyKind::kP256, 90});
  EXPECT_THAT(Signer::load(foreign.certificate, uri("token=north;object=link")).error().message,
              HasSubstr("does not belong"));
}

TEST_F(TokenKeys, StayInTheToken) {
  const auto key = load_private_key(uri("token=north;object=link"));
  ASSERT_TRUE(key) << key.error().message;
  const auto text = text_of_key(key->get());
  EXPECT_NE(text ? *text : "", request_.key) << "what OpenSSL can write has no private part";
}

TEST_F(TokenKeys, AreLoadedAndUsedByManyThreads) {
  const std::string place = uri("token=north;object=link");
  const std::string certificates =
      *certify(sites_, request_.request, {"north", "site", {}, KeyKind::kP256, 90});
  std::array<int, 4> good{};
  {
    std::vector<std::jthread> threads;
    for (int& mine : good) {
      threads.emplace_back([&] {
        for (int i = 0; i < 8; ++i) {
          const auto signer = Signer::load(certificates, place);
          const auto made = signer ? signer->sign("test", as_bytes("payload"))
                                   : Result<Signature>(signer.error());
          const auto who = made ? verify_signature(root_.certificate, "test", as_bytes("payload"),
                                                   *made, ::time(nullptr))
                                : Result<PeerIdentity>(made.error());
          mine += who ? 1 : 0;
        }
      });
    }
  }
  EXPECT_THAT(good, testing::Each(8));
}

TEST_F(TokenKeys, ThePinComesFromTheEnvironmentWhereTheUriNamesNoFile) {
  const std::string place = "pkcs11:token=north;object=link?module-path=" + SoftToken::module();
  EXPECT_THAT(fault(place), AllOf(HasSubstr("PIN is missing"), HasSubstr("pin-source"),
                                  HasSubstr("TRIBUTARY_PKCS11_PIN")));
  ::setenv("TRIBUTARY_PKCS11_PIN", SoftToken::kPin, 1);
  EXPECT_EQ(fault(place), "");
}

TEST_F(TokenKeys, WhatIsMissingIsNamed) {
  EXPECT_THAT(fault(uri("token=locked;object=link", "314159")),
              AllOf(HasSubstr("PIN incorrect"), HasSubstr(directory_ / "file"),
                    Not(HasSubstr("314159")), Not(HasSubstr("pin-source"))));
  EXPECT_THAT(fault(uri("token=south;object=link")), HasSubstr("no such token"));
  EXPECT_THAT(fault(uri("token=north;object=other")), HasSubstr("no private key of that name"));
  EXPECT_THAT(fault(uri("token=north;object=link", "")), HasSubstr("holds no PIN"));
  const std::string readable = uri("token=north;object=link");
  ::chmod((directory_ / "file").c_str(), 0644);
  EXPECT_THAT(fault(readable), HasSubstr("PIN file " + directory_ / "file" + " can be reached"));
  std::filesystem::remove(directory_ / "file");
  EXPECT_THAT(fault(readable), HasSubstr("No such file"));
}

TEST_F(TokenKeys, ANewKeyInTheTokenIsFound) {
  ASSERT_EQ(fault(uri("token=north;object=link")), "");
  token_->import("north", "next", "02", make_signing_request("north", "site", KeyKind::kP256)->key);
  EXPECT_EQ(fault(uri("token=north;object=next")), "");
}

// One library is loaded for the life of a process, so each case has a process of its own.
class TokenLibraries : public TokenKeys {
 protected:
  void expect_told(const std::string& place, const std::string& what) {
    EXPECT_EXIT(
        {
          std::fputs(fault(place).c_str(), stderr);
          std::_Exit(0);
        },
        testing::ExitedWithCode(0), HasSubstr(what));
  }
};

TEST_F(TokenLibraries, ThatCannotBeLoadedAreNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string pin = "&pin-source=" + write(SoftToken::kPin);
  const std::string names = "pkcs11:token=north;object=link?module-path=";
  expect_told(names + "/none.so" + pin, "/none.so: cannot open");
  Dl_info libcrypto{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&EVP_sha256), &libcrypto), 0);
  expect_told(names + libcrypto.dli_fname + pin, "is no PKCS#11 library");
  ::setenv("OPENSSL_ENGINES", directory_.path().c_str(), 1);
  expect_told(uri("token=north;object=link"), "apt-get install libengine-pkcs11-openssl");
  ::unsetenv("OPENSSL_ENGINES");
}

}  // namespace
}  // namespace tributary
