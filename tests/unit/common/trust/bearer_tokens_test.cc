// SPDX-License-Identifier: Apache-2.0
// Who somebody is by a token, and each reason for being nobody.
#include "common/trust/bearer_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/support/tokens.h"

namespace tributary {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

constexpr std::int64_t kNow = 1'700'000'000;

class BearerTokensTest : public testing::Test {
 protected:
  Result<BearerIdentity> verify(const std::string& token, std::int64_t now = kNow) {
    const auto tokens = BearerTokens::make(rules_, key_.key_set());
    EXPECT_TRUE(tokens) << tokens.error().message;
    return tokens->verify(token, now);
  }
  Result<BearerIdentity> verify(const Json& claims, std::int64_t now = kNow) {
    return verify(key_.token(claims.dump()), now);
  }
  // What is said of the claims after a change; "" where they are good.
  std::string refusal(const std::function<void(Json&)>& change) {
    Json changed = claims_;
    change(changed);
    const auto who = verify(changed);
    return who ? "" : who.error().message;
  }

  TokenKey key_{"k1", "ES256"};
  OidcRules rules_{"https://sso.example.org", "tributary"};
  Json claims_ = {{"iss", "https://sso.example.org"},
                  {"aud", "tributary"},
                  {"sub", "anna"},
                  {"exp", kNow + 300},
                  {"nbf", kNow - 10},
                  {"iat", kNow - 10},
                  {"tributary_role", "analyst"}};
};

TEST_F(BearerTokensTest, SayWhoSomebodyIsAndUntilWhen) {
  const auto who = verify(claims_);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->name, "oidc:anna") << "no certificate can have that name";
  EXPECT_EQ(who->role, "analyst");
  EXPECT_EQ(who->until_seconds, kNow + 300 + kTokenLeewaySeconds);
}

TEST_F(BearerTokensTest, AreGoodForTheirTimeOnlyWithAMinuteForTheClocks) {
  EXPECT_TRUE(verify(claims_, kNow + 300 + 59));
  EXPECT_THAT(verify(claims_, kNow + 300 + 60).error().message, HasSubstr("has expired"));
  const auto at = [this](const char* claim, Json value) {
    return refusal([&](Json& claims) { claims[claim] = std::move(value); });
  };
  EXPECT_EQ(at("nbf", kNow + 60), "");
  EXPECT_THAT(at("nbf", kNow + 61), HasSubstr("not valid yet"));
  EXPECT_EQ(at("iat", kNow + 60), "");
  EXPECT_THAT(at("iat", kNow + 61), HasSubstr("issued in the future"));
  EXPECT_EQ(at("exp", kNow + 0.5), "") << "a fraction is a number too";
  for (const Json& none : {Json("1700000300"), Json(-1), Json(nullptr), Json(1e300), Json(true)}) {
    EXPECT_THAT(at("exp", none), HasSubstr("(exp)")) << none;
    EXPECT_THAT(at("nbf", none), HasSubstr("(nbf)")) << none;
  }
  EXPECT_THAT(refusal([](Json& claims) { claims.erase("exp"); }), HasSubstr("no end"));
  EXPECT_EQ(refusal([](Json& claims) { claims.erase("nbf"), claims.erase("iat"); }), "");
}

TEST_F(BearerTokensTest, AreOfOneIssuerAndForUs) {
  const auto with = [this](const char* claim, Json value) {
    return refusal([&](Json& claims) { claims[claim] = std::move(value); });
  };
  for (const Json& issuer : {Json("https://sso.example.org/"), Json("HTTPS://sso.example.org"),
                             Json::array({"https://sso.example.org"}), Json(nullptr)}) {
    EXPECT_THAT(with("iss", issuer), HasSubstr("another issuer")) << issuer;
  }
  EXPECT_THAT(refusal([](Json& claims) { claims.erase("iss"); }), HasSubstr("another issuer"));
  EXPECT_EQ(with("aud", Json::array({"mail", "tributary"})), "");
  for (const Json& audience :
       {Json("mail"), Json("tributary2"), Json::array(), Json(nullptr), Json({{"tributary", 1}})}) {
    EXPECT_THAT(with("aud", audience), HasSubstr("another audience")) << audience;
  }
  EXPECT_THAT(refusal([](Json& claims) { claims.erase("aud"); }), HasSubstr("another audience"));
}

TEST_F(BearerTokensTest, NameSomebodyWhoLooksLikeNobodyElse) {
  const auto named = [this](const std::string& name) {
    return refusal([&](Json& claims) { claims["sub"] = name; });
  };
  for (const char* fine : {"auth0|5f7c8ec7", "anna@example.org", "0b1c-22", "x/y:z=", "a+b_c.d"})
    EXPECT_EQ(named(fine), "") << fine;
  for (const std::string& wrong :
       {std::string(), std::string("an na"), std::string("anna\n"), std::string("\xd0\xb0nna"),
        std::string("a\0b", 3), std::string(129, 'a'), std::string("<b>")}) {
    EXPECT_THAT(named(wrong), HasSubstr("has a name that is")) << wrong;
  }
  EXPECT_THAT(refusal([](Json& claims) { claims["sub"] = 7; }), HasSubstr("whose it is (sub)"));
  rules_.name_claim = "email";
  EXPECT_THAT(verify(claims_).error().message, HasSubstr("whose it is (email)"));
  claims_["email"] = "anna@example.org";
  EXPECT_EQ(verify(claims_)->name, "oidc:anna@example.org");
  claims_["email_verified"] = false;
  EXPECT_THAT(verify(claims_).error().message, HasSubstr("not verified"));
  claims_["email_verified"] = true;
  EXPECT_TRUE(verify(claims_));
}

TEST_F(BearerTokensTest, GiveOneKnownRoleOrNone) {
  const auto role = [this](Json value) {
    Json changed = claims_;
    changed[rules_.role_claim] = std::move(value);
    const auto who = verify(changed);
    if (who) return who->role;
    EXPECT_EQ(who.error().code, ErrorCode::kPermissionDenied);
    return who.error().message;
  };
  EXPECT_EQ(role("lead"), "lead");
  EXPECT_EQ(role(Json::array({"staff", "auditor"})), "auditor");
  EXPECT_THAT(role("janitor"), HasSubstr("no role"));
  EXPECT_THAT(role("site"), HasSubstr("no role")) << "of operators only";
  EXPECT_THAT(role("coordinator"), HasSubstr("no role"));
  EXPECT_THAT(role(nullptr), HasSubstr("no role"));
  EXPECT_THAT(role(Json::array({"lead", "auditor"})), HasSubstr("several"));
  rules_.role_claim = "groups";
  rules_.role_map = {{"/fl/leads", "lead"}, {"/fl/all", "analyst"}};
  EXPECT_EQ(role(Json::array({"/fl/all", "/fl/leads"})), "lead") << "the first of the map counts";
  EXPECT_EQ(role(Json::array({"/fl/all"})), "analyst");
  EXPECT_THAT(role(Json::array({"root-admin"})), HasSubstr("no role")) << "no word of the map";
}

TEST_F(BearerTokensTest, WhoseClaimsCanBeReadInTwoWaysAreRefused) {
  const std::string twice =
      R"({"iss":"https://sso.example.org","aud":"tributary","sub":"anna",)"
      R"("exp":1700000300,"tributary_role":"auditor","tributary_role":"lead"})";
  EXPECT_THAT(verify(key_.token(twice)).error().message, HasSubstr("twice"));
  EXPECT_THAT(verify(key_.token("[1]")).error().message, HasSubstr("no JSON object"));
  EXPECT_THAT(verify(key_.token("")).error().message, HasSubstr("no JSON object"));
}

TEST_F(BearerTokensTest, AreSignedAndNothingOfThemIsQuoted) {
  const std::string good = key_.token(claims_.dump());
  const TokenKey stranger("k1", "ES256");
  const std::string forged = stranger.token(claims_.dump());
  for (const std::string& token : {forged, good + "A", good.substr(0, good.rfind('.') + 1)}) {
    const auto refused = verify(token);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
    EXPECT_THAT(refused.error().message, Not(HasSubstr(token.substr(0, 20))));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("anna")));
  }
}

}  // namespace
}  // namespace tributary
