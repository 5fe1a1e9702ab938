// SPDX-License-Identifier: Apache-2.0
// Sums over rows: against all rows together, and files of other sites that lie.
#include "client/explain/importance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/explain/pages.h"
#include "tests/unit/client/explain/subjects.h"

namespace tributary {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kFeatures = 3;

Explanation some_values(std::int64_t entries, std::uint64_t seed) {
  SeededRandom random(seed);
  Explanation found{{}, entries};
  for (std::int64_t i = 0; i < entries * static_cast<std::int64_t>(kFeatures); ++i)
    found.values.push_back(random.normal());
  return found;
}

Importance site_of(const Explanation& saliency, const Explanation& permutation) {
  const auto rows = static_cast<std::uint64_t>(saliency.entries);
  Importance site{"a-job", std::string(64, 'a'), rows, single_features(kFeatures), {}};
  for (const auto& [name, values] :
       {std::pair{"saliency", &saliency}, std::pair{"permutation", &permutation}})
    site.methods[name] = importance_of(**find_explain_method(name), *values, kFeatures, rows);
  return site;
}

TEST(Importance, OfSitesTogetherIsThatOfAllTheirRows) {
  const Explanation a = some_values(30, 1), b = some_values(50, 2);
  const Explanation of_a = some_values(4, 3), of_b = some_values(4, 4);
  const Importance all = *join_importance({site_of(a, of_a), site_of(b, of_b)});
  EXPECT_EQ(all.rows, 80u);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    double sum = 0.0, squares = 0.0, drops = 0.0;
    for (const Explanation* one : {&a, &b}) {
      for (std::size_t row = 0; row < static_cast<std::size_t>(one->entries); ++row) {
        const double value = one->values[row * kFeatures + i];
        sum += std::abs(value) / 80.0;
        squares += value * value / 80.0;
      }
    }
    // By rows: a repetition over 50 rows counts for more than one over 30.
    for (std::size_t repeat = 0; repeat < 4; ++repeat)
      drops += (30.0 * of_a.values[repeat * kFeatures + i] +
                50.0 * of_b.values[repeat * kFeatures + i]) /
               (4.0 * 80.0);
    const MethodImportance& saliency = all.methods.at("saliency");
    EXPECT_NEAR(all.mean(saliency, i), sum, 1e-12);
    EXPECT_NEAR(all.spread(saliency, i), std::sqrt(squares - sum * sum), 1e-9);
    EXPECT_NEAR(all.mean(all.methods.at("permutation"), i), drops, 1e-12);
  }
}

TEST(Importance, TheFileHasSumsAndComesBack) {
  const Importance site = site_of(some_values(25, 1), some_values(4, 2));
  const auto text = importance_json(site, kImportanceRowsMin);
  ASSERT_TRUE(text);
  const Json json = Json::parse(*text);
  // Nothing in it is as long as there are rows, or repetitions times features.
  for (const auto& [name, method] : json.at("methods").items()) {
    EXPECT_EQ(method.size(), 3u);
    EXPECT_EQ(method.at("sums").size(), kFeatures);
    EXPECT_EQ(method.at("squares").size(), kFeatures);
  }
  const auto back = parse_importance(*text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->rows, 25u);
  EXPECT_EQ(back->features.names, site.features.names);
  EXPECT_EQ(back->methods.at("saliency").sums, site.methods.at("saliency").sums);
  EXPECT_EQ(back->methods.at("saliency").squares, site.methods.at("saliency").squares);
  EXPECT_EQ(back->methods.at("permutation").unit, "what the score loses");
}

TEST(Importance, OfFewRowsNothingIsWrittenDown) {
  const auto few = importance_json(site_of(some_values(19, 1), some_values(4, 2)), 20);
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("sums over 19 rows would tell of each of them"));
  EXPECT_FALSE(importance_json(site_of(some_values(25, 1), some_values(4, 2)), 26));
}

TEST(Importance, PicturesComeBackToo) {
  Importance site{"a-job", std::string(64, 'b'), 20, {}, {}};
  site.features.count = 6;
  site.features.height = 2;
  site.features.width = 3;
  site.methods["occlusion"] = {"unit", std::vector<double>(6, 1.0), std::vector<double>(6, 1.0)};
  const auto back = parse_importance(*importance_json(site, 20));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(back->features.pictures());
  EXPECT_EQ(back->features.count, 6u);
  EXPECT_THAT(*federation_page({{"north", *back}}, *back), HasSubstr("data:image/png"));
}

// What another site sends is believed no further than it can be.
TEST(Importance, FilesThatCannotBeAreRefusedWithTheReason) {
  const Json good =
      Json::parse(*importance_json(site_of(some_values(25, 1), some_values(4, 2)), 20));
  const auto told = [&good](const std::string& at, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(at)] = value;
    const auto read = parse_importance(bad.dump());
    return read ? "believed" : read.error().message;
  };
  EXPECT_EQ(told("/job", "another"), "believed");
  EXPECT_THAT(told("/format", "x"), HasSubstr("its format is not tributary.explanation/1"));
  EXPECT_THAT(told("/model", "abc"), Not(HasSubstr("believed")));
  EXPECT_THAT(told("/rows", 3), HasSubstr("fewer than 20 rows"));
  EXPECT_THAT(told("/rows", -30), HasSubstr("'rows' is no whole number"));
  EXPECT_THAT(told("/rows", 1e18), HasSubstr("'rows' is no whole number"));
  EXPECT_THAT(told("/features", Json::array()), HasSubstr("it has 0 features"));
  EXPECT_THAT(told("/features/0", 7), HasSubstr("a feature's name is no text"));
  EXPECT_THAT(told("/picture", {{"height", 60'000}, {"width", 60'000}}), HasSubstr("features"));
  EXPECT_THAT(told("/methods", Json::object()), HasSubstr("it has no methods"));
  EXPECT_THAT(told("/methods/saliency/sums", {1.0}), HasSubstr("not one number for each feature"));
  EXPECT_THAT(told("/methods/saliency/sums/0", nullptr), HasSubstr("is no number up to 1e100"));
  EXPECT_THAT(told("/methods/saliency/sums/0", 1e200), HasSubstr("is no number up to 1e100"));
  EXPECT_THAT(told("/methods/saliency/sums/0", 1e6), HasSubstr("do not fit"));
  EXPECT_THAT(told("/methods/saliency/squares/0", -1.0), HasSubstr("do not fit"));
  EXPECT_FALSE(parse_importance("{\"rows\": 30, \"rows\": 40}"));
  EXPECT_FALSE(parse_importance("no json"));
}

TEST(Importance, OfAnotherModelOrOfOtherFeaturesIsNotJoined) {
  const Importance one = site_of(some_values(25, 1), some_values(4, 2));
  Importance other = one;
  other.model = std::string(64, 'c');
  EXPECT_THAT(join_importance({one, other}).error().message, HasSubstr("another model"));
  other = one;
  other.features.names[1] = "y";
  EXPECT_THAT(join_importance({one, other}).error().message, HasSubstr("other features"));
  other = one;
  other.methods.erase("saliency");
  EXPECT_THAT(join_importance({one, other}).error().message,
              HasSubstr("other features or methods"));
  EXPECT_FALSE(join_importance({}));
}

// A feature's name comes from another site's file.
TEST(Importance, ThePageOfAFederationHasNoMarkupOfOthers) {
  Importance site = site_of(some_values(25, 1), some_values(4, 2));
  site.features.names[0] = "<script>";
  const std::string page = *federation_page({{"north", site}, {"<b>", site}}, site);
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
  EXPECT_THAT(page, HasSubstr("<svg"));
}

}  // namespace
}  // namespace tributary
