// SPDX-License-Identifier: Apache-2.0
// Signed tokens: the vectors of RFC 7515 and RFC 8037, and everything that must not pass for a
// signature.
#include "common/crypto/jws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "common/crypto/strict_json.h"
#include "tests/support/tokens.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kClaims = R"({"iss":"joe"})";

Result<KeySet> keys_of(const std::string& jwks) { return KeySet::parse(jwks); }
Result<KeySet> set_of(const std::vector<std::string>& keys) {
  std::string list;
  for (const std::string& key : keys) list += (list.empty() ? "" : ",") + key;
  return keys_of(R"({"keys":[)" + list + "]}");
}

// RFC 7515, A.2 and A.3: the payload of both.
constexpr const char* kRfcPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";
constexpr const char* kRfcClaims =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
constexpr const char* kRfcRsaKey =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx)"
    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wG"
    "zjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv"
    "b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWy"
    R"(uXpoQ","e":"AQAB"})";
constexpr const char* kRfcRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5j"
    "ujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L"
    "07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEU"
    "ipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
constexpr const char* kRfcCurveKey =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kRfcCurveSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

TEST(Jws, VerifiesTheRfcsVectors) {
  const std::string rsa = "eyJhbGciOiJSUzI1NiJ9." + std::string(kRfcPayload) + ".";
  EXPECT_EQ(*set_of({kRfcRsaKey})->open(rsa + kRfcRsaSignature), kRfcClaims);
  const std::string curve = "eyJhbGciOiJFUzI1NiJ9." + std::string(kRfcPayload) + ".";
  EXPECT_EQ(*set_of({kRfcCurveKey})->open(curve + kRfcCurveSignature), kRfcClaims);
  EXPECT_FALSE(set_of({kRfcCurveKey})->open(rsa + kRfcRsaSignature));
  // RFC 8037, A.4.
  const auto edwards = set_of(
      {R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"});
  EXPECT_EQ(*edwards->open("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                           "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9"
                           "g7sVvpAr_MuM0KAg"),
            "Example of Ed25519 signing");
}

TEST(Jws, VerifiesWhatEachAlgorithmSignsAndNoChangeOfIt) {
  for (const char* algorithm : {"RS256", "PS256", "ES256", "EdDSA"}) {
    SCOPED_TRACE(algorithm);
    const TokenKey key("k1", algorithm), other("k1", algorithm);
    const auto keys = keys_of(key.key_set());
    ASSERT_TRUE(keys) << keys.error().message;
    const std::string token = key.token(kClaims);
    EXPECT_EQ(*keys->open(token), kClaims);
    EXPECT_FALSE(keys->open(other.token(kClaims))) << "the same kid, another key";
    const std::size_t first = token.find('.'), second = token.rfind('.');
    // Each part once: another bit, another letter, a part of another token.
    for (const std::size_t at : {std::size_t{3}, first + 3, second + 3}) {
      std::string changed = token;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(keys->open(changed)) << at;
    }
    EXPECT_FALSE(keys->open(token.substr(0, first + 1) + base64url(R"({"iss":"eve"})") +
                            token.substr(second)));
    EXPECT_FALSE(keys->open(token.substr(0, second + 1))) << "no signature";
    EXPECT_FALSE(keys->open(token + "AAAA"));
  }
}

TEST(Jws, TheKeyDecidesTheAlgorithm) {
  const TokenKey rsa("k1", "RS256"), pss("k1", "PS256"), curve("k2", "ES256");
  const auto keys = set_of({rsa.jwk(), curve.jwk()});
  const auto with = [](const std::string& algorithm, const std::string& kid) {
    return R"({"alg":")" + algorithm + R"(","kid":")" + kid + R"("})";
  };
  for (const char* algorithm : {"none", "None", "", "HS256", "RS384", "ES256", "EdDSA", "rs256"}) {
    const auto refused = keys->open(rsa.token(with(algorithm, "k1"), kClaims));
    ASSERT_FALSE(refused) << algorithm;
    EXPECT_THAT(refused.error().message, HasSubstr("algorithm that its key is not for"));
  }
  const std::string unsigned_one = base64url(with("none", "k1")) + "." + base64url(kClaims) + ".";
  EXPECT_FALSE(keys->open(unsigned_one));
  EXPECT_FALSE(keys->open(rsa.token(with("PS256", "k1"), kClaims))) << "the other padding";
  // Where the provider binds a key to one, only that one.
  const auto bound = set_of({pss.jwk(R"(,"alg":"PS256")")});
  EXPECT_TRUE(bound->open(pss.token(kClaims)));
  EXPECT_FALSE(bound->open(pss.token(with("RS256", "k1"), kClaims)));
}

// The old attack: the public key's text as the secret of a MAC.
TEST(Jws, AMacByThePublicKeyIsNoSignature) {
  const TokenKey key("k1", "RS256");
  const auto keys = keys_of(key.key_set());
  const std::string header = R"({"alg":"HS256","kid":"k1"})";
  const std::string message = base64url(header) + "." + base64url(kClaims);
  for (const std::string& secret : {key.jwk(), key.key_set()}) {
    std::string mac(32, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(),
         reinterpret_cast<unsigned char*>(mac.data()), &size);
    EXPECT_FALSE(keys->open(message + "." + base64url(mac)));
  }
}

TEST(Jws, TheKeyIsLookedUpByItsName) {
  const TokenKey one("k1", "ES256"), two("k2", "ES256"), unknown("k3", "ES256");
  const auto both = set_of({one.jwk(), two.jwk()});
  EXPECT_TRUE(both->open(one.token(kClaims)));
  EXPECT_TRUE(both->open(two.token(kClaims)));
  EXPECT_THAT(both->open(unknown.token(kClaims)).error().message, HasSubstr("(kid)"));
  const std::string nameless = R"({"alg":"ES256"})";
  EXPECT_THAT(both->open(one.token(nameless, kClaims)).error().message, HasSubstr("several"));
  EXPECT_TRUE(set_of({one.jwk()})->open(one.token(nameless, kClaims)));
  EXPECT_FALSE(both->open(one.token(R"({"alg":"ES256","kid":7})", kClaims)));
  // What a header brings along is not a key.
  const std::string own = R"({"alg":"ES256","kid":"k3","jwk":)" + unknown.jwk() +
                          R"(,"jku":"https://evil.example/keys"})";
  EXPECT_FALSE(both->open(unknown.token(own, kClaims)));
}

TEST(Jws, HeadersThatWouldBeReadInTwoWaysAreRefused) {
  const TokenKey key("k1", "ES256");
  const auto keys = keys_of(key.key_set());
  const auto refused = [&](const std::string& header) {
    return !keys->open(key.token(header, kClaims));
  };
  EXPECT_FALSE(refused(R"({"alg":"ES256","typ":"JWT"})"));
  EXPECT_FALSE(refused(R"({"alg":"ES256","typ":"application/at+jwt"})"));
  EXPECT_TRUE(refused(R"({"alg":"ES256","typ":"dpop+jwt"})"));
  EXPECT_TRUE(refused(R"({"alg":"ES256","typ":1})"));
  EXPECT_TRUE(refused(R"({"alg":"ES256","crit":["exp"],"exp":1})"));
  EXPECT_TRUE(refused(R"({"alg":"ES256","b64":false})"));
  EXPECT_TRUE(refused(R"({"alg":"none","alg":"ES256"})")) << "twice";
  EXPECT_TRUE(refused(R"({"kid":"k1"})"));
  EXPECT_TRUE(refused(R"({"alg":["ES256"]})"));
  EXPECT_TRUE(refused(R"([{"alg":"ES256"}])"));
  EXPECT_TRUE(refused("\xff\xfe"));
  EXPECT_TRUE(refused(R"({"alg":"ES256","pad":")" + std::string(5000, 'x') + R"("})")) << "long";
}

TEST(Jws, TokensThatAreNoneAreRefusedAndNothingOfThemIsQuoted) {
  const TokenKey key("k1", "EdDSA");
  const auto keys = keys_of(key.key_set());
  const std::string good = key.token(kClaims);
  const std::string large = key.token(R"({"pad":")" + std::string(kTokenBytesMax, 'p') + R"("})");
  for (const std::string& token :
       {std::string(), std::string("..."), std::string("a.b"), good + ".", "." + good,
        good.substr(1), good + "=", " " + good, good + "\n", large}) {
    const auto refused = keys->open(token);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
    for (const std::string& part : {good.substr(0, 20), good.substr(good.size() - 20)})
      EXPECT_THAT(refused.error().message, Not(HasSubstr(part)));
  }
}

TEST(Jws, KeySetsArePublicAndOfUse) {
  const TokenKey rsa("k1", "RS256"), curve("k2", "ES256"), small("k4", "RS256", 1024);
  const std::string other_use = TokenKey("k3", "RS256").jwk(R"(,"use":"enc","alg":"RSA-OAEP")");
  const std::string unknown = R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})";
  const auto some = set_of({other_use, rsa.jwk(R"(,"use":"sig","x5c":["MII"])"), unknown,
                            curve.jwk(R"(,"key_ops":["verify"])")});
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(some->size(), 2u);
  const auto why = [](const Result<KeySet>& set) {
    return set ? std::string("fine") : set.error().message;
  };
  EXPECT_THAT(why(set_of({other_use, unknown})), HasSubstr("no key for RS256"));
  EXPECT_THAT(why(set_of({})), HasSubstr("no key for RS256"));
  EXPECT_THAT(why(set_of({rsa.jwk(), rsa.jwk()})), HasSubstr("'k1' stands there twice"));
  EXPECT_THAT(why(set_of({rsa.jwk(R"(,"d":"AQAB")")})), HasSubstr("secret key"));
  EXPECT_THAT(why(set_of({rsa.jwk(), R"({"kty":"oct","k":"AQAB"})"})), HasSubstr("secret key"));
  EXPECT_THAT(why(set_of({small.jwk()})), HasSubstr("'k4' is damaged, or too short"));
  EXPECT_THAT(why(set_of({R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"})),
              HasSubstr("damaged"));
  std::string off_curve = kRfcCurveKey;
  off_curve[off_curve.find("f83O")] = 'g';
  EXPECT_THAT(why(set_of({off_curve})), HasSubstr("damaged"));
  EXPECT_THAT(why(keys_of("[]")), HasSubstr("no JSON object"));
  EXPECT_THAT(why(keys_of(R"({"keys":{}})")), HasSubstr("no JWK Set"));
  EXPECT_THAT(why(keys_of(R"({"keys":[],"keys":[]})")), HasSubstr("twice"));
}

TEST(Base64Url, IsStrict) {
  const auto decoded = [](std::string_view text) {
    std::string bytes;
    return decode_base64url(text, bytes) ? bytes : "no";
  };
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("Zg"), "f");
  EXPECT_EQ(decoded("Zm9v"), "foo");
  EXPECT_EQ(decoded("_-8"), "\xff\xef");
  for (const char* wrong : {"Zg==", "Zh", "Z", "Zm9vY", "Zm9v\n", "+/8", "Zm 9"})
    EXPECT_EQ(decoded(wrong), "no") << wrong;
}

TEST(StrictJson, HasOneReadingOrNone) {
  const auto fine = [](std::string_view text) {
    return parse_strict_object(text, 200).has_value();
  };
  EXPECT_TRUE(fine(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})")) << "the same key in other objects";
  EXPECT_FALSE(fine(R"({"a":1,"a":1})"));
  EXPECT_FALSE(fine(R"({"x":[{"a":1,"b":2,"a":3}]})"));
  EXPECT_FALSE(fine("{\"a\":1,\"\\u0061\":2}")) << "the same key, written otherwise";
  EXPECT_FALSE(fine(R"({"a":1} )" + std::string("{}")));
  EXPECT_FALSE(fine(R"({"a":1e999})"));
  EXPECT_FALSE(fine("{\"a\":\"\xff\"}"));
  EXPECT_FALSE(fine("\"a\""));
  EXPECT_FALSE(fine(R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}"));
  EXPECT_FALSE(fine(R"({"a":")" + std::string(200, 'x') + R"("})"));
}

}  // namespace
}  // namespace tributary
