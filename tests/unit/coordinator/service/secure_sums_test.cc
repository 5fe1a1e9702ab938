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
const std::string kDocument = R"(name: heart
model: {family: logistic}
data: {dataset: patients, task: binary, features: [age], label: sick, standardize: none}
train: {optimizer: {name: sgd, learning_rate: 0.1}}
rounds: {count: 3, minimum_sites: 3, quorum: 3, target: 5}
)";

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
    open_blobs();
    // Certificates are of now.
    clock_.advance(Milliseconds(std::time(nullptr) * 1'000 - clock_.wall_ms() + 60'000));
    spec_.privacy.secure_aggregation = SecureAggregation{.clip = 10, .range = 10, .step_ms = 1'000};
    spec_.aggregation.example_cap = 100;
    spec_.rounds.quorum = 3;
    const auto model = *models_.create_model(key_.job, 0, kLayout);
    ASSERT_TRUE(model->write(std::vector<float>(3, 0.0F)));
    ASSERT_TRUE(model->commit());
    model_ = *blobs_->put(as_bytes("the model that sites are sent"));
    for (int i = 0; i < 5; ++i) make_site(i);
    open();
  }
  // From now on each site adds its part of the noise.
  void hide_sites(double multiplier, double clip, std::optional<AdaptiveClip> adaptive = {}) {
    spec_.privacy.sites = SitePrivacy{.clip = clip,
                                      .noise_multiplier = multiplier,
                                      .delta = 1e-5,
                                      .max_epsilon = 1e9,
                                      .adaptive = adaptive};
    spec_.privacy.secure_aggregation->clip = spec_.privacy.secure_aggregation->range = clip;
    spec_.rounds.target = 5;
    clip_ = clip;
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
        *SumClient::make(sum_context(spec_, key_, sha256(as_bytes(kDocument)), model_, 3, clip_),
                         name, {}, *site.notary, random_));
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
    EXPECT_EQ(*blobs_->put(sites_.at(site).input), blob.digest);
    later_.emplace_back([done] { done({}); });
  }
  void tell(const SiteName& name, const SumRequest& request) {
    if (dead_.contains(name)) return;
    EXPECT_EQ(request.key, key_) << "as the sites know the sum";
    Site& site = sites_.at(name);
    SumStep step = site.client->handle(request.body);
    if (step.input_due) {
      site.input = masked(site);
      const BlobRef mine{sha256(site.input), site.input.size()};
      step = site.client->give_input(mine);
      if (name == liar_) step.answers = {SumInput{{model_, mine.bytes}}};
    }
    for (const SumAnswerBody& body : step.answers) {
      if (std::holds_alternative<SumReveal>(body)) ++reveals_;
      sums_->on_answer(name, {key_, body});
    }
  }
  Bytes masked(const Site& site) {
    if (spec_.privacy.sites) return noisy(site);
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
  Bytes noisy(const Site& site) {
    const auto coding = noisy_coding(spec_, site.client->members(), 3, clip_);
    EXPECT_TRUE(coding);
    auto coded = *coding->code(site.update, random_);
    if (exaggerates_) {
      for (std::uint32_t& number : coded.numbers) number = 0x3fffffff;
    }
    std::vector<std::uint64_t> wide = {coded.count, 0, 0};
    apply_masks(site.client->masks(SumPart::kNumbers), 32, 0, coded.numbers);
    apply_masks(site.client->masks(SumPart::kWide), 0, wide);
    return pack_input(coded.numbers, 32, wide);
  }
  void run() {
    start(1);
    go_on([] { return false; });
  }
  void start(AttemptNumber attempt) {
    MakeSum wanted{key_, {}, {model_, 1}, 3, clip_};
    wanted.key.attempt = attempt;
    for (const auto& [name, site] : sites_) {
      if (dead_.contains(name)) continue;
      wanted.sites.push_back(name);
      if (!site.client->has_given())
        sums_->on_answer(name, {key_, site.client->keys()});  // before the sum begins
    }
    sums_->make(wanted, spec_, kDocument);
  }
  void go_on(const std::function<bool()>& until) {
    while (!answer_) {
      while (!later_.empty()) {
        if (until()) return;
        const auto next = std::move(later_.front());
        later_.pop_front();
        next();
      }
      if (answer_ || until()) return;
      ASSERT_TRUE(sums_->next_wake());
      clock_.advance(Milliseconds(1'000));
      sums_->pass_time();
    }
  }
  void settle() {
    while (!later_.empty()) {
      const auto next = std::move(later_.front());
      later_.pop_front();
      next();
    }
  }
  // What was made is in a model; the sites begin anew.
  void commit(int sites) {
    sums_->committed(key_.job);
    settle();
    answer_.reset();
    for (int i = 0; i < sites; ++i) make_site(i);
  }
  // The coordinator's process ends; in the next one sites say again what they said last.
  void crash(const std::set<SiteName>& with_it = {}) {
    later_.clear();
    dead_ = with_it;
    open();
    for (const auto& [name, site] : sites_) {
      if (!dead_.contains(name) && site.client->has_given())
        sums_->on_answer(name, {key_, site.client->last()});
    }
  }
  void open_blobs() { blobs_.emplace(*BlobStore::open(*files_, folder_ / "blobs"), 0); }
  void open() {
    sums_ = std::make_unique<SecureSums>(SecureSums::Ports{
        clock_, *blobs_, models_, *this,
        [this](const Report& report) { reports_.push_back(report); },
        [this](std::function<void()> work) { later_.push_back(std::move(work)); },
        [this](const JobId&, std::function<void()> work) { later_.push_back(std::move(work)); },
        one_after_another, [this] { return trust_; },
        [this](const RoundEvent& event) { answer_ = event; }, &kept_});
  }
  const SumMade& made() const {
    EXPECT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
    return std::get<SumMade>(*answer_);
  }
  bool reported(const std::string& event) const {
    return std::ranges::any_of(reports_, [&](const Report& one) { return one.event == event; });
  }
  // 0 * 20 + 1 * 40 + 2 * 60 + 3 * 80 + 4 * 100 of 300 rows, by hand.
  void expect_mean_of_all(const AcceptedUpdate& sum) {
    EXPECT_EQ(sum.result.examples, 300u);
    const Model mean = *decode_safetensors(*blobs_->read(sum.result.update.digest));
    EXPECT_NEAR(mean.values[0], 800 / 300.0, 1e-6);
    EXPECT_NEAR(mean.values[1], -0.5, 1e-6);
  }

  const TaskKey key_{JobId{"heart-1"}, 1, 1, TaskKind::kTrain};
  JobSpec spec_;
  const PemPair root_ = *make_ca("test", KeyKind::kP256, 10);
  const PemPair ca_ = *make_issuing_ca(root_, kSitesCa, KeyKind::kP256, 10);
  const Trust trust_{root_.certificate};
  SecureRandom random_;
  TemporaryDirectory folder_;
  const std::unique_ptr<FileSystem> files_ = make_file_system(Durability::kNone);
  std::optional<Staging> blobs_;
  ModelRepository models_{*files_, folder_ / "models"};
  ManualClock clock_;
  std::map<SiteName, Site> sites_;
  Digest model_;
  SiteName liar_;
  bool exaggerates_ = false;
  double clip_ = 0.0;
  std::uint64_t forged_weight_ = 0;
  std::deque<std::function<void()>> later_;
  std::optional<RoundEvent> answer_;
  std::vector<Report> reports_;
  std::set<SiteName> dead_;  // whose processes have ended
  int reveals_ = 0;          // that sites told
  const KeptSums kept_{*files_, folder_ / "sums"};
  std::unique_ptr<SecureSums> sums_;
};

TEST_F(SecureSumsTest, TheMeanIsThatOfFloat64AndNoInputStays) {
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  const AcceptedUpdate& sum = std::get<SumMade>(*answer_).sums.at(0);
  EXPECT_EQ(sum.site.value, "sum-1");
  EXPECT_EQ(sum.result.examples, 300u);
  const Model mean = *decode_safetensors(*blobs_->read(sum.result.update.digest));
  EXPECT_EQ(mean.layout, kLayout);
  const double first = (0 * 20 + 1 * 40 + 2 * 60 + 3 * 80 + 4 * 100) / 300.0;
  EXPECT_NEAR(mean.values[0], first, 1e-6);
  EXPECT_NEAR(mean.values[1], -0.5, 1e-6);
  EXPECT_NEAR(mean.values[2], 0.25, 1e-6);
  EXPECT_NEAR(sum.norm, std::sqrt(first * first + 0.25 + 0.0625), 1e-5);
  for (const auto& [name, site] : sites_) EXPECT_FALSE(blobs_->contains(sha256(site.input)));
}

// Two groups of three sites with 20 to 120 rows, of which 100 count: the mean of the groups, each
// with its weight, is that over all sites. Where a rule compares the groups they are alike.
TEST_F(SecureSumsTest, GroupsWeighWhatTheirSitesDo) {
  make_site(5);
  spec_.privacy.secure_aggregation->group_size = 3;
  run();
  ASSERT_EQ(made().sums.size(), 2u);
  double weights = 0, first = 0, of_all = 0;
  for (const AcceptedUpdate& sum : made().sums) {
    const Model mean = *decode_safetensors(*blobs_->read(sum.result.update.digest));
    weights += static_cast<double>(sum.weight);
    first += static_cast<double>(sum.weight) * static_cast<double>(mean.values[0]);
  }
  for (int i = 0; i < 6; ++i) of_all += std::min(20.0 * (i + 1), 100.0) * i;
  EXPECT_EQ(weights, 400.0);
  EXPECT_NEAR(first / weights, of_all / 400.0, 1e-6);
  commit(6);
  spec_.aggregation.rule = {"median", {}};
  run();
  for (const AcceptedUpdate& sum : made().sums) EXPECT_EQ(sum.weight, 0u);
}

// It would have the coordinator read another file than an input, and remove it after.
TEST_F(SecureSumsTest, ASiteThatNamesABlobOfOthersIsOutAndTheBlobStays) {
  liar_ = SiteName{"site-2"};
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  EXPECT_TRUE(blobs_->contains(model_));
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

// Killed when some have revealed and others have not, and one of the sites with it, for good.
TEST_F(SecureSumsTest, ACrashIsGoneOnFromWithTheSameSites) {
  start(1);
  go_on([this] { return reveals_ == 2; });
  ASSERT_FALSE(answer_);
  const SiteName away{"site-3"};
  crash({away});
  start(2);
  go_on([] { return false; });
  const SumMade& sum = made();
  EXPECT_EQ(sum.key.attempt, 2u) << "of the attempt that asked for it";
  ASSERT_EQ(sum.sums.size(), 1u);
  EXPECT_EQ(sum.sums[0].key, sum.key);
  expect_mean_of_all(sum.sums[0]);
  EXPECT_EQ(sum.also, std::vector<SiteName>{away});
  EXPECT_TRUE(sum.left.empty());
  EXPECT_TRUE(reported("sum.resumed"));
  EXPECT_FALSE(reported("sum.unkept"));
}

// Before anybody has signed, too; and as often as it crashes.
TEST_F(SecureSumsTest, WhatIsKeptOutlivesSeveralCrashes) {
  start(1);
  go_on([this] { return kept_.any(key_.job); });
  for (const int reveals : {1, 3}) {
    crash();
    start(1);
    go_on([this, reveals] { return reveals_ >= reveals; });
    ASSERT_FALSE(answer_);
  }
  crash();
  start(1);
  go_on([] { return false; });
  expect_mean_of_all(made().sums.at(0));
}

TEST_F(SecureSumsTest, WhoIsReadyAndWasNotInItIsLeftOut) {
  const SiteName late{"site-4"};
  dead_ = {late};
  start(1);
  go_on([this] { return reveals_ == 1; });
  crash();
  start(2);
  go_on([] { return false; });
  const SumMade& sum = made();
  EXPECT_EQ(sum.sums.at(0).result.examples, 200u);
  ASSERT_EQ(sum.left.size(), 1u);
  EXPECT_EQ(sum.left.begin()->first, late);
  EXPECT_THAT(sum.left.begin()->second, HasSubstr("resumed"));
}

// A flipped bit in either file: the sum begins anew, with keys of its own, and somebody is told.
TEST_F(SecureSumsTest, WhatIsDamagedIsAsIfItWereNotThere) {
  for (const bool of_inputs : {false, true}) {
    commit(5);
    reports_.clear();
    const int before = reveals_;
    start(1);
    go_on([&] { return reveals_ == before + 1; });
    const auto sums = *kept_.load(key_.job);
    ASSERT_EQ(sums.size(), 1u);
    const std::string path =
        of_inputs ? blobs_->path(sums[0].inputs.digest) : folder_ / "sums/heart-1/sum-1.json";
    Bytes bytes = *files_->read(path, 1u << 20);
    bytes[bytes.size() / 2] ^= std::byte{1};
    ASSERT_TRUE(files_->write_durably(path, bytes));
    open_blobs();  // nothing was read and found right in this life
    crash();
    for (int i = 0; i < 5; ++i) make_site(i);
    start(1);
    go_on([] { return false; });
    expect_mean_of_all(made().sums.at(0));
    EXPECT_TRUE(reported("sum.unkept"));
    EXPECT_FALSE(reported("sum.resumed"));
  }
}

TEST_F(SecureSumsTest, WhatIsKeptGoesWithItsRoundItsFailureAndItsJob) {
  run();
  const std::vector<KeptSum> sums = *kept_.load(key_.job);
  ASSERT_EQ(sums.size(), 1u) << "until the round is committed, should the mean be lost";
  EXPECT_EQ(sums[0].key, key_);
  EXPECT_TRUE(sums_->uses(sums[0].inputs.digest));
  sums_->committed(key_.job);
  settle();
  EXPECT_FALSE(kept_.any(key_.job));
  EXPECT_FALSE(sums_->uses(sums[0].inputs.digest));
  ASSERT_TRUE(kept_.keep(sums[0]));
  sums_->forget(key_.job);
  settle();
  EXPECT_FALSE(kept_.any(key_.job));
  answer_.reset();
  forged_weight_ = 1'000'000;
  for (int i = 0; i < 5; ++i) make_site(i);
  run();
  ASSERT_TRUE(std::holds_alternative<SumNotMade>(*answer_));
  settle();
  EXPECT_FALSE(kept_.any(key_.job));
}

// The mean was made and its bytes are lost: the sites tell the same shares again.
TEST_F(SecureSumsTest, AMeanThatIsLostIsMadeAgainOfTheSameSites) {
  run();
  ASSERT_TRUE(blobs_->remove(made().sums.at(0).result.update.digest));
  answer_.reset();
  crash();
  start(2);
  go_on([] { return false; });
  expect_mean_of_all(made().sums.at(0));
}

// --- sums in which sites hide ---

// Each counts alike, whatever its rows, the first and the last shortened; by what was planned.
TEST_F(SecureSumsTest, OfHiddenSitesTheSumIsDividedByTheTargetAndOnlyWhatHasNoiseIsTold) {
  hide_sites(0.02, 2.0);
  sites_.erase(SiteName{"site-0"});  // four of five that were planned
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  const AcceptedUpdate& sum = std::get<SumMade>(*answer_).sums.at(0);
  EXPECT_EQ(sum.result.examples, 0u);
  EXPECT_EQ(sum.result.train_loss, 0.0);
  EXPECT_EQ(sum.next_clip, 2.0);
  double first = 0, second = 0;
  for (const auto& [name, site] : sites_) {
    double squares = 0;
    for (const float value : site.update) squares += static_cast<double>(value) * value;
    const double factor = std::min(1.0, 2.0 / std::sqrt(squares)) / 5;
    first += factor * static_cast<double>(site.update[0]);
    second += factor * static_cast<double>(site.update[1]);
  }
  const Model mean = *decode_safetensors(*blobs_->read(sum.result.update.digest));
  // Four of four are sure to be honest, and one of them knows its own noise.
  const double deviation = 0.02 * 2.0 * std::sqrt(4 / 3.0) / 5;
  EXPECT_NEAR(mean.values[0], first, 6 * deviation);
  EXPECT_NEAR(mean.values[1], second, 6 * deviation);
  EXPECT_GT(std::abs(static_cast<double>(mean.values[0]) - first), deviation * 1e-6);
  const auto made = std::ranges::find(reports_, std::string("sum.made"), &Report::event);
  ASSERT_NE(made, reports_.end());
  for (const auto& [field, value] : made->fields)
    EXPECT_TRUE(field == "job" || field == "round" || field == "task" || field == "norm") << field;
}

TEST_F(SecureSumsTest, TheNextClipFollowsTheNoisyCountOfThoseWithin) {
  hide_sites(0.02, 2.5, AdaptiveClip{0.5, 0.2, 0.05});
  run();
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  // Norms are about 0.6, 1.1, 2.1, 3.1, 4.0: three within, two longer; the noise's deviation is
  // about 1.1 here, for the least noise that adds up to a Gaussian is half a step of each.
  const double next = std::get<SumMade>(*answer_).sums.at(0).next_clip;
  const double share = 0.5 - std::log(next / 2.5) / 0.2;
  const double counted = (2 * share - 1) * 5;
  EXPECT_NEAR(counted, std::round(counted), 1e-6) << "a whole number was counted";
  EXPECT_LE(std::abs(counted - 1), 12);
}

TEST_F(SecureSumsTest, ASumBeyondTheClipAndItsNoiseIsNone) {
  hide_sites(0.02, 2.0);
  exaggerates_ = true;
  run();
  ASSERT_TRUE(std::holds_alternative<SumNotMade>(*answer_));
  EXPECT_THAT(std::get<SumNotMade>(*answer_).detail, HasSubstr("longer than updates within"));
}

// How much noise each site adds is said by the file: sites know nothing of what operators change.
TEST_F(SecureSumsTest, AChangedQuorumChangesNoGrid) {
  hide_sites(0.02, 2.0);
  const JobSpec signed_for = spec_;
  spec_.rounds.quorum = 5;
  ASSERT_NE(
      noisy_coding(spec_, 5, 3, 2.0)->sigma() * noisy_coding(spec_, 5, 3, 2.0)->step(),
      noisy_coding(signed_for, 5, 3, 2.0)->sigma() * noisy_coding(signed_for, 5, 3, 2.0)->step());
  MakeSum wanted{key_, {}, {model_, 1}, 5, 2.0};
  for (const auto& [name, site] : sites_) wanted.sites.push_back(name);
  const JobSpec changed = std::exchange(spec_, signed_for);  // the sites' own
  sums_->make(wanted, changed, kDocument);
  for (const auto& [name, site] : sites_) sums_->on_answer(name, {key_, site.client->keys()});
  while (!answer_ && !later_.empty()) {
    const auto next = std::move(later_.front());
    later_.pop_front();
    next();
  }
  ASSERT_TRUE(answer_);
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_)) << std::get<SumNotMade>(*answer_).detail;
  const AcceptedUpdate& sum = std::get<SumMade>(*answer_).sums.at(0);
  const Model mean = *decode_safetensors(*blobs_->read(sum.result.update.digest));
  double third = 0;
  for (const auto& [name, site] : sites_) {
    double squares = 0;
    for (const float value : site.update) squares += static_cast<double>(value) * value;
    third += 0.25 * std::min(1.0, 2.0 / std::sqrt(squares)) / 5;
  }
  EXPECT_NEAR(mean.values[2], third, 0.06);
}

// One that says why it takes no part before the sum begins is not waited for.
TEST_F(SecureSumsTest, ASiteThatLeftBeforeTheSumBeganIsLeftOutWithItsReason) {
  hide_sites(0.02, 2.0);
  MakeSum wanted{key_, {}, {model_, 1}, 3, clip_};
  for (const auto& [name, site] : sites_) {
    wanted.sites.push_back(name);
    SumAnswer answer{key_, site.client->keys()};
    if (name == SiteName{"site-3"}) answer.body = SumAbort{"budget_spent", "failed_precondition"};
    sums_->on_answer(name, answer);
  }
  sums_->make(wanted, spec_, kDocument);
  while (!answer_ && !later_.empty()) {
    const auto next = std::move(later_.front());
    later_.pop_front();
    next();
  }
  ASSERT_TRUE(answer_) << "nobody waited for it";
  ASSERT_TRUE(std::holds_alternative<SumMade>(*answer_));
  EXPECT_EQ(std::get<SumMade>(*answer_).left.at(SiteName{"site-3"}),
            "budget_spent: failed_precondition");
}

TEST_F(SecureSumsTest, WithoutAnybodySureToAddNoiseThereIsNoSum) {
  spec_.privacy.secure_aggregation->adversarial = 0.9;
  spec_.privacy.secure_aggregation->dropout = 0.9;
  spec_.rounds.quorum = 0;
  hide_sites(1.0, 2.0);
  run();
  ASSERT_TRUE(std::holds_alternative<SumNotMade>(*answer_));
  EXPECT_THAT(std::get<SumNotMade>(*answer_).detail, HasSubstr("whose noise would hide anybody"));
}

}  // namespace
}  // namespace tributary
