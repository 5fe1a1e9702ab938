// SPDX-License-Identifier: Apache-2.0
#include "common/wire/message_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"
#include "common/base/random_source.h"

namespace tributary {
namespace {

using testing::HasSubstr;

Digest digest(int seed) {
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i)
    digest.bytes[i] = static_cast<std::byte>(seed + static_cast<int>(i));
  return digest;
}

TaskKey key(TaskKind kind) { return {JobId{"heart-1f2e"}, 3, 2, kind}; }

DataSummary summary() {
  DataSummary summary{100, 25, {}, {}};
  summary.numeric["age"] = {90, 54.25, 1234.5};
  summary.categories["sex"] = {{"f", 40}, {"m", 60}};
  return summary;
}

EvaluationCounts counts() {
  EvaluationCounts counts{10,
                          -12345,
                          8,
                          {{4, 1, 1}},
                          std::vector<std::uint64_t>(limits::kScoreBins),
                          std::vector<std::uint64_t>(limits::kScoreBins)};
  counts.positives[4095] = 5;
  counts.negatives[0] = 5;
  counts.places = 12;
  counts.confusion = {1, 2, 3, 4};
  counts.measured = {5, -6, 7, 8, 9};
  counts.ngrams = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  return counts;
}

JobSummary job_summary() {
  return {JobId{"heart-1f2e"},
          "heart",
          "training",
          "why not",
          3,
          20,
          1'700'000'000'000,
          0.5,
          0.75,
          {},
          0.25,
          2,
          true,
          {.priority = -3, .quorum = 2},
          0.625,
          {{"r2", 0.25}}};
}

RoundRow round_row() {
  return {
      3,
      1,
      "train",
      "committed",
      1.5,
      400,
      0.25,
      digest(9),
      0.5,
      {},
      0.875,
      {},
      SiteSpread{"north", 0.25, 0.5, 0.125},
      {{SiteName{"north"}, "train", "accepted", "", 1000, 100, 1.25, 0.5, 0.125, 0.75, {}, 0.5, {{"ece", 0.5}}}},
      0.625,
      1e-3,
      {{{"loss", 0.5, Interval{0.25, 0.75}, SiteSpread{"north", 0.25, 0.5, 0.125}}, {"ece", 0.125}},
       9,
       {{1, 2, 3}, {4, 5, 6}},
       {1, 2, 3, 4}}};
}

std::vector<Message> one_of_each_of_sites() {
  Task task{key(TaskKind::kTrain),
            "name: heart\n",
            {{{"age", {54.0, 9.0}}}, {{"sex", {"f", "m"}}}},
            {digest(1), 1000},
            {digest(10), {digest(11), 300}},
            {digest(2), 2000},
            60'000,
            2,
            true,
            {5, "-----BEGIN", Bytes(3, std::byte{7})},
            3};
  return {
      Hello{1, 2, "tributary 0.1", {"heart", "lungs"}, "header.claims.signature"},
      Welcome{1, "tributary 0.1", 5000, 50'000},
      Goodbye{ErrorCode::kUnavailable, "restarting", 1000},
      Heartbeat{7, true},
      BlobRequest{4, digest(3), 77},
      BlobStart{4, 1000},
      BlobRefused{4, "no such blob"},
      BlobCancel{4},
      TaskOffer{task},
      TaskCancel{key(TaskKind::kTrain), Reason::kDeadline},
      TaskVerdict{key(TaskKind::kTrain), Reason::kOutOfBounds, "too large"},
      RoundCommitted{JobId{"heart-1f2e"}, 3},
      TaskAccepted{key(TaskKind::kEvaluate)},
      TaskProgress{key(TaskKind::kTrain), 5, 10},
      TaskResult{key(TaskKind::kTrain), TrainResult{{digest(5), 1000}, 100, 0.5, 0.25, 1.5, 0.75}}};
}

std::vector<Message> one_of_each_of_secure_sums() {
  const TaskKey sum = key(TaskKind::kTrain);
  const Bytes few(3, std::byte{9});
  SumPublicKey public_key{};
  public_key.back() = std::byte{1};
  const SumMember member{SiteName{"north"}, "-----BEGIN", public_key, public_key, digest(1), few};
  const std::vector<SealedShares> shares = {{3, few}, {4, {}}};
  return {SumRequest{sum, SumRoster{5, 2, "-----BEGIN", {member, member}}},
          SumRequest{sum, SumSharesPassed{few, shares}},
          SumRequest{sum, SumSurvivors{few, few}},
          SumRequest{sum, SumAgreements{{{1, few}, {2, few}}}},
          SumRequest{sum, SumAgreements{}},
          SumAnswer{sum, SumKeys{member, "-----BEGIN"}},
          SumAnswer{sum, SumShares{digest(2), shares}},
          SumAnswer{sum, SumInput{{digest(3), 1000}}},
          SumAnswer{sum, SumAgreement{few}},
          SumAnswer{sum, SumReveal{{{7, true, {1, 2, 3, 4, 5}}, {8, false, {}}}}},
          SumAnswer{sum, SumReveal{}},
          SumAnswer{sum, SumAbort{"two_survivor_sets", "why"}}};
}

std::vector<Message> one_of_each_of_operators() {
  return {SubmitJob{"name: heart\n",
                    "token",
                    {digest(6), 10},
                    true,
                    JobId{"heart-1f2e"},
                    {5, "-----BEGIN", Bytes(3, std::byte{7})}},
          JobSubmitted{JobId{"heart-1f2e"}, true},
          ListJobs{3},
          JobList{{job_summary()}, 4},
          ShowJob{JobId{"heart-1f2e"}, {3, 4}},
          JobDetail{job_summary(),
                    "name: heart\n",
                    {round_row()},
                    {5, 6},
                    {digest(6), 10},
                    {5, "-----BEGIN", Bytes(3, std::byte{7})},
                    {{"heart", JobId{"heart-1f2e"}, 3, 1.1, 1e-5, 0.625, 8.0}},
                    0.75},
          AbortJob{JobId{"heart-1f2e"}, "wrong data"},
          JobAborted{JobId{"heart-1f2e"}},
          ChangeJob{JobId{"heart-1f2e"}, {true, -3, 60'000, 2, 30}},
          JobChanged{JobId{"heart-1f2e"}},
          GetStatus{5},
          StatusReply{"tributary 0.1",
                      1234,
                      {{SiteName{"north"},
                        true,
                        "train round 3",
                        5,
                        "[::1]:5",
                        "0.1",
                        {"heart"},
                        "disabled",
                        "by olga"}},
                      {job_summary()},
                      6},
          WatchJob{JobId{"heart-1f2e"}, {1, 0}},
          Event{5, "round.started", "{}"},
          GetModel{JobId{"heart-1f2e"}, "best"},
          ModelInfo{JobId{"heart-1f2e"},
                    3,
                    {digest(7), 99},
                    "name: heart",
                    {{{"age", {61.0, 12.5}}}, {{"ward", {"a", "b"}}}}},
          RequestFailed{ErrorCode::kNotFound, "no such job"},
          ControlSite{SiteName{"north"}, SiteAction::kRevoke, "laptop lost"},
          SiteControlled{SiteName{"north"}, 2, true}};
}

std::vector<Message> one_of_each_of_enrolment() {
  return {GetRoot{},
          RootCertificate{"-----BEGIN ROOT"},
          Enrol{SiteName{"north"}, "c0ffee", "-----BEGIN REQUEST"},
          EnrolAnswer{EnrolmentState::kIssued, "-----BEGIN LEAF", "-----BEGIN LISTS", "welcome"},
          RenewCertificate{"-----BEGIN REQUEST"},
          TrustUpdate{"-----BEGIN LEAF", "-----BEGIN LISTS"},
          InviteSite{SiteName{"north"}, "evaluator", digest(14), 3'600'000},
          SiteInvited{SiteName{"north"}, 1'700'000'000'000},
          ListEnrolments{3},
          EnrolmentList{{{SiteName{"north"}, "site", true, EnrolmentState::kDenied,
                          "-----BEGIN REQUEST", "ab:cd", "[::1]:5", "olga", "not known", 5, 6}},
                        7},
          DecideEnrolment{SiteName{"north"}, true, "ab:cd", "-----BEGIN LEAF", "known by phone"},
          EnrolmentDecided{SiteName{"north"}}};
}

std::vector<Message> one_of_each() {
  std::vector<Message> all = one_of_each_of_sites();
  all.push_back(one_of_each_of_secure_sums().front());
  all.push_back(one_of_each_of_secure_sums().back());
  const std::vector<Message> others = one_of_each_of_operators();
  all.insert(all.end(), others.begin(), others.end());
  all.push_back(AuditHead{9, digest(8), 5, "PEM", "\xff\x01", {digest(12), digest(13)}});
  all.push_back(AuditCountersignature{9, digest(8), 5, 6, "PEM", "\xff\x02"});
  const std::vector<Message> enrolment = one_of_each_of_enrolment();
  all.insert(all.end(), enrolment.begin(), enrolment.end());
  return all;
}

// The structs have no operator==; equal bytes of a deterministic encoder over distinct values say
// the same.
TEST(MessageCodec, EveryMessageRoundTrips) {
  const std::vector<Message> messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  std::set<std::string> names;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i) << "the list follows the variant";
    const auto bytes = encode_message(messages[i]);
    ASSERT_TRUE(bytes);
    const auto decoded = decode_message(*bytes);
    ASSERT_TRUE(decoded) << message_name(messages[i]) << ": " << decoded.error().message;
    ASSERT_EQ(decoded->index(), i);
    EXPECT_EQ(*encode_message(*decoded), *bytes) << message_name(messages[i]);
    names.insert(message_name(messages[i]));
  }
  EXPECT_EQ(names.size(), messages.size());
}

TEST(MessageCodec, TasksAndEveryResultKeepTheirValues) {
  const auto offer = std::get<TaskOffer>(one_of_each()[8]);
  EXPECT_EQ(std::get<TaskOffer>(*decode_message(*encode_message(offer))).task, offer.task);
  for (const TaskOutcome& outcome :
       {TaskOutcome{TaskFailure{Reason::kDataInvalid, "column"}},
        TaskOutcome{PrepareResult{summary()}}, TaskOutcome{InitializeResult{{digest(1), 5}}},
        TaskOutcome{TrainResult{{digest(5), 1000}, 100, 0.5, 0.25, 1.5}},
        TaskOutcome{EvaluateResult{counts()}}}) {
    const TaskResult result{key(TaskKind::kTrain), outcome};
    EXPECT_EQ(std::get<TaskResult>(*decode_message(*encode_message(result))), result);
  }
}

TEST(MessageCodec, AnEvaluationKeepsItsFigures) {
  const auto detail = std::get<JobDetail>(*decode_message(*encode_message(
      JobDetail{job_summary(), "name: heart\n", {round_row()}, {}, {}, {}, {}, {}})));
  ASSERT_EQ(detail.rounds.size(), 1u);
  EXPECT_EQ(detail.rounds[0].figures, round_row().figures);
  EXPECT_EQ(detail.rounds[0].participants[0].figures, round_row().participants[0].figures);
  EXPECT_EQ(detail.summary.figures, job_summary().figures);
}

TEST(MessageCodec, EveryMessageOfASecureSumKeepsItsValues) {
  for (const Message& message : one_of_each_of_secure_sums()) {
    const auto decoded = decode_message(*encode_message(message));
    ASSERT_TRUE(decoded) << decoded.error().message;
    if (const auto* request = std::get_if<SumRequest>(&message)) {
      EXPECT_EQ(std::get<SumRequest>(*decoded), *request);
    } else {
      EXPECT_EQ(std::get<SumAnswer>(*decoded), std::get<SumAnswer>(message));
    }
  }
}

std::string refused(const Message& message) {
  const auto decoded = decode_message(*encode_message(message));
  return decoded ? "" : decoded.error().message;
}

TEST(MessageCodec, NamesMessageAndFieldOfAFault) {
  EXPECT_THAT(refused(TaskAccepted{{JobId{"../etc"}, 1, 1, TaskKind::kTrain}}),
              HasSubstr("task_accepted: key.job"));
  EXPECT_THAT(refused(TaskAccepted{{JobId{"a"}, 1, 0, TaskKind::kTrain}}), HasSubstr("attempt"));
  EXPECT_THAT(refused(BlobStart{0, 1}), HasSubstr("stream"));
  EXPECT_THAT(refused(BlobRequest{1, {}, 0}), HasSubstr("digest"));
  EXPECT_THAT(refused(Hello{2, 1, "x", {}}), HasSubstr("protocol"));
  EXPECT_THAT(refused(TaskResult{key(TaskKind::kTrain), TrainResult{{digest(1), 1}, 1, NAN, 0, 0}}),
              HasSubstr("train_loss"));
  EXPECT_THAT(refused(TaskResult{key(TaskKind::kTrain),
                                 TaskFailure{Reason::kPending, std::string(5000, 'x')}}),
              HasSubstr("5000 bytes"));
  EvaluationCounts few = counts();
  few.positives.resize(7);
  EXPECT_THAT(refused(TaskResult{key(TaskKind::kEvaluate), EvaluateResult{few}}),
              HasSubstr("bins"));
  EvaluationCounts many = counts();
  many.confusion.resize(64 * 64 + 1);
  EXPECT_THAT(refused(TaskResult{key(TaskKind::kEvaluate), EvaluateResult{many}}),
              HasSubstr("counts.confusion"));
}

TEST(MessageCodec, RefusesToEncodeMoreThanAFrame) {
  EXPECT_EQ(encode_message(Event{1, "x", std::string(limits::kControlBytesMax, 'x')}).error().code,
            ErrorCode::kResourceExhausted);
}

TEST(MessageCodec, SkipsFieldsOfANewerPeer) {
  Bytes bytes = *encode_message(Heartbeat{7, false});
  const ByteView unknown = as_bytes(std::string_view("\xfa\x3e\x03new", 6));  // field 1007, 3 bytes
  bytes.insert(bytes.end(), unknown.begin(), unknown.end());
  ASSERT_TRUE(decode_message(bytes));
  EXPECT_FALSE(decode_message(unknown)) << "but a message of no known kind is a fault";
}

TEST(MessageCodec, NoMutationCrashes) {
  SeededRandom random(11);
  for (const Message& message : one_of_each()) {
    const Bytes good = *encode_message(message);
    for (int i = 0; i < 300 && !good.empty(); ++i) {
      Bytes bytes = good;
      for (std::uint64_t k = random.uniform_below(3) + 1; k > 0; --k) {
        bytes[random.uniform_below(bytes.size())] =
            static_cast<std::byte>(random.uniform_below(256));
      }
      bytes.resize(bytes.size() - random.uniform_below(std::min<std::size_t>(bytes.size(), 4)));
      if (const auto decoded = decode_message(bytes)) {
        EXPECT_TRUE(encode_message(*decoded));
      }
    }
  }
}

}  // namespace
}  // namespace tributary
