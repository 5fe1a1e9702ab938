// SPDX-License-Identifier: Apache-2.0
// The coordinator's side of secure sums with its blobs and models, against sites with certificates.
#include "coordinator/service/secure_sums.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <deque>

#include "common/crypto/digest.h"
#include "common/crypto/pki.h"
#include "common/crypto/secure_random.h"
#include "common/privacy/secagg/sum_plan.h"
#include "common/tensor/safetensors.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const Layout kLayout{{{"w", {3}}}};
const std::string kDocument = "name: heart\n";

class SecureSumsTest : public testing::Test, public SitePort {
 protected:
  struct Site {
    std::unique_ptr<Signer> signer;
    std::unique_ptr<CertificateNotary> notary;
    std::unique_ptr<SumClient> client;
    std::vector<float> update;
    std::uint64_t examples = 0;
    Bytes input;
  };

  void SetUp() override {
    // Certificates are of now.
    clock_.advance(Milliseconds(std::time(nullptr) * 1'000 - clock_.wall_ms() + 60'000));
    spec_.privacy.secure_aggregation = SecureAggregation{.clip = 10, .range = 10, .step_ms = 1'000};
    spec_.aggregation.example_cap = 100;
    spec_.rounds.quorum = 3;
    const auto model = *models_.create_model(key_.job, 0, kLayout);
    ASSERT_TRUE(model->write(std::vector<float>(3, 0.0F)));
    ASSERT_TRUE(model->commit());
    model_ = *blobs_.put(as_bytes("the model that sites are sent"));
    for (int i = 0; i < 5; ++i) make_site(i);
  }
  void make_site(int i) {
    const SiteName name{"site-" + std::to_string(i)};
    const PemPair pair = *issue_certificate(ca_, {name.value, "site", {}, KeyKind::kP256, 5});
    Site& site = sites_[name];
    site.signer = std::make_unique<Signer>(*Signer::make(pair.certificate, pair.key));
    site.notary = std::make_unique<CertificateNotary>(site.signer.get(), trust_,
                                                      [] { return std::time(nullptr); });
    site.client = std::make_unique<SumClient>(
        *SumClient::make(sum_context(spec_, key_, sha256(as_bytes(kDocument)), model_, 3), name, {},
                         *site.notary, random_));
    site.update = {static_cast<float>(i), -0.5F, 0.25F};
    site.examples = static_cast<std::uint64_t>(20 * (i + 1));
  }
  // --- SitePort ---
  void send(const SiteName& site, const Message& message) override {
    const auto& request = std::get<SumRequest>(message);
    later_.emplace_back([this, site, request] { tell(site, request); });
  }
  void fetch(const SiteName& site, const BlobRef& blob, Lodging,
             std::function<void(Status)> done) override {
    EXPECT_EQ(*blobs_.put(sites_.at(site).input), blob.digest);
    later_.emplace_back([done] { done({}); });
  }
  void tell(const SiteName& name, const SumRequest& request) {
    Site& site = sites_.at(name);
    SumStep step = site.client->handle(request.body);
    if (step.input_due) {
      site.input = masked(site);
      const BlobRef mine{sha256(site.input), site.input.size()};
      step = site.client->give_input(mine);
      if (name == liar_) step.answers = {SumInput{{model_, mine.bytes}}};
    }
    for (const SumAnswerBody& body : step.answers) sums_.on_answer(name, {key_, body});
  }
  Bytes masked(const Site& site) {
    const SumWeight weight = sum_weight(spec_, site.examples);
    const SumCoding coding = sum_coding(spec_, site.client->members());
    CodedUpdate coded = *code_update(coding, site.update, weight.share, random_);
    if (exaggerates_) {
      for (std::uint32_t& number : coded.numbers) number = 0x3fffffff;
    }
    std::vector<std::uint64_t> wide =
        wide_numbers({weight.weight + forged_weight_, site.examples, 0, 0, 0, 0});
    apply_masks(site.client->masks(SumPart::kNumbers), 32, 0, coded.numbers);
    apply_masks(site.client->masks(SumPart::kWide), 0, wide);
    return pack_input(coded.numbers, 32, wide);
  }
  void run() {
    MakeSum wanted{key_, {}, {model_, 1}, 3};
    for (const auto& [name, site] : sites_) {
      wanted.sites.push_back(name);
      sums_.on_answer(name, {key_, site.client->keys()});  // before the sum begins
    }
    sums_.make(wanted, spec_, kDocument);
    while (!answer_) {
      while (!later_.empty()) {
        const auto next = std::move(later_.front());
        later_.pop_front();
        next();
      }
      if (answer_) return;
      ASSERT_TRUE(sums_.next_wake());
      clock_.advance(Milliseconds(1'000));
      sums_.pass_time();
    }
  }

  const TaskKey key_{JobId{"heart-1"}, 1, 1, TaskKind::kTrain};
  JobSpec spec_;
  const PemPair root_ = *make_ca("test", KeyKind::kP256, 10);
  const PemPair ca_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 10);
  const Trust trust_{root_.certificate};
  SecureRandom random_;
  TemporaryDirectory folder_;
  const std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  Staging blobs_{*BlobStore::open(*files_, folder_ / "blobs"), 0};
  ModelRepository models_{*files_, folder_ / "models"};
  ManualClock clock_;
  std::map<SiteName, Site> sites_;
  Digest model_;
  SiteName liar_;
  bool exaggerates_ = false;
  std::uint64_t forged_weight_ = 0;
  std::deque<std::function<void()>> later_;
  std::optional<RoundEvent> answer_;
  std::vector<Report> reports_;
  SecureSums sums_{
      {clock_, blobs_, models_, *this, [this](const Report& report) { reports_.push_back(report); },
       [this](std::function<void()> work) { later_.push_back(std::move(work)); },
       [this](const JobId&, std::function<void()> work) { later_.push_back(std::move(work)); },
       one_after_another, [this] { return trust_; },
       [this](const RoundEvent& event) { answer_ = event; }}};
};

TEST_F(SecureSumsTest, TheMeanIsThatOfFloat64AndNoInputStays) {
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  const AcceptedUpdate& sum = std::get<SumMade>(*answer_).sums.at(0);
  EXPECT_EQ(sum.site.value, "sum-1");
  EXPECT_EQ(sum.result.examples, 300u);
  const Model mean = *decode_safetensors(*blobs_.read(sum.result.update.digest));
  EXPECT_EQ(mean.layout, kLayout);
  const double first = (0 * 20 + 1 * 40 + 2 * 60 + 3 * 80 + 4 * 100) / 300.0;
  EXPECT_NEAR(mean.values[0], first, 1e-6);
  EXPECT_NEAR(mean.values[1], -0.5, 1e-6);
  EXPECT_NEAR(mean.values[2], 0.25, 1e-6);
  EXPECT_NEAR(sum.norm, std::sqrt(first * first + 0.25 + 0.0625), 1e-5);
  for (const auto& [name, site] : sites_) EXPECT_FALSE(blobs_.contains(sha256(site.input)));
}

// It would have the coordinator read another file than an input, and remove it after.
TEST_F(SecureSumsTest, ASiteThatNamesABlobOfOthersIsOutAndTheBlobStays) {
  liar_ = SiteName{"site-2"};
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  EXPECT_TRUE(blobs_.contains(model_));
  const auto& left = std::get<SumMade>(*answer_).left;
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left.begin()->first, liar_);
  EXPECT_THAT(left.begin()->second, HasSubstr("lied"));
}

TEST_F(SecureSumsTest, ASumBeyondTheClipIsNone) {
  exaggerates_ = true;
  run();
  ASSERT_TRUE(std::holds_alternative<SumNotMade>(*answer_));
  EXPECT_THAT(std::get<SumNotMade>(*answer_).detail, HasSubstr("longer than updates within"));
}

TEST_F(SecureSumsTest, FiguresThatNobodyCanHaveAreNone) {
  forged_weight_ = 1'000'000;
  run();
  ASSERT_TRUE(std::holds_alternative<SumNotMade>(*answer_));
  EXPECT_THAT(std::get<SumNotMade>(*answer_).detail, HasSubstr("figures of the sum"));
}

}  // namespace
}  // namespace tributary
