// SPDX-License-Identifier: Apache-2.0
// What goes over a site's link, where the site's own rules have a say in it.
#include "client/agent/site_agent.h"

#include <gtest/gtest.h>

#include "common/crypto/digest.h"
#include "common/crypto/pki.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

class Recorded final : public Link {
 public:
  Status send(const Message& message) override {
    sent.push_back(message);
    return {};
  }
  void add_source(std::uint32_t, ChunkSource) override {}
  void remove_source(std::uint32_t) override {}
  void close(Error why, std::int64_t) override { closed = why.message; }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const Message& message : sent) {
      if (const auto* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  std::vector<Message> sent;
  std::string closed;
};

class RecordedDesk final : public SumDesk {
 public:
  void begin(const TaskKey& key) override { begun.push_back(key); }
  void handle(const SumRequest& request) override { requests.push_back(request); }
  void again() override { ++links; }
  void committed(const RoundCommitted& committed) override { over.push_back(committed.round); }

  std::vector<TaskKey> begun;
  std::vector<SumRequest> requests;
  std::vector<RoundNumber> over;
  int links = 0;
};

class SiteAgentTest : public testing::Test {
 protected:
  SiteAgentTest() {
    const PemPair own = *issue_certificate(ca_, {"north", "site", {}, KeyKind::kEd25519, 50});
    audit_ = *SiteAudit::open({*files_, clock_, *events_}, directory_ / "audit",
                              *Signer::make(own.certificate, own.key), ca_.certificate);
    agent_ = *SiteAgent::open(
        directory_ / "state",
        {clock_,
         *files_,
         random_,
         *events_,
         [this] { ++dials_; },
         [this](const Task& task) { started_.push_back(task.key); },
         [](const TaskKey&) {},
         {},
         audit_.get(),
         [this](const Task&, bool begun) { return begun ? std::nullopt : refusal_; },
         [this](const TaskKey&) { return withheld_; },
         {},
         {},
         nullptr,
         &desk_});
    agent_->start();
    connect();
  }
  void connect() {
    if (link_) agent_->unlinked(make_error(ErrorCode::kUnavailable, "gone"));
    for (const int before = dials_; link_ && dials_ == before;) {
      clock_.advance(Milliseconds(1000));
      agent_->pass_time();
    }
    link_ = std::make_shared<Recorded>();
    agent_->linked(link_, Welcome{}, "c1");
  }
  void offer(const Task& task) { ASSERT_TRUE(agent_->on_message(TaskOffer{task})); }
  static Task train(const BlobRef& model) {
    Task task;
    task.key = {JobId{"heart-1"}, 1, 1, TaskKind::kTrain};
    task.document = "name: heart";
    task.deadline_ms = 1'000'000'000;
    task.model = model;
    return task;
  }
  BlobRef put(const std::string& text) {
    return {*agent_->blobs().put(as_bytes(text)), text.size()};
  }
  // An update that is done and offered, and not answered yet.
  BlobRef finish_training() {
    const Task task = train(put("model"));
    offer(task);
    EXPECT_EQ(started_.size(), 1u);
    const BlobRef update = put("update");
    agent_->finished({task.key, TrainResult{update, 10, 0.5, 0.25, 1.0}});
    return update;
  }
  AuditHead head(std::uint64_t size, const std::string& name) const {
    const PemPair pair = *issue_certificate(ca_, {name, "coordinator", {}, KeyKind::kEd25519, 50});
    MerkleTree tree;
    for (std::uint64_t i = 0; i < size; ++i) tree.append(leaf_of(i, "a"));
    const SignedHead one = *sign_head(*Signer::make(pair.certificate, pair.key),
                                      {size, tree.root(), SystemClock().wall_ms()});
    return {size,
            one.head.root,
            one.head.at_ms,
            one.signature.certificates,
            std::string(as_text(one.signature.bytes)),
            {}};
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<FileSystem> files_ = make_file_system();
  PemPair ca_ = *make_ca("test", KeyKind::kEd25519, 100);
  std::unique_ptr<EventLog> events_ =
      *EventLog::open({.file = directory_ / "log.jsonl", .text_fd = -1}, clock_);
  std::unique_ptr<SiteAudit> audit_;
  std::optional<TaskFailure> refusal_, withheld_;
  RecordedDesk desk_;
  int dials_ = 0;
  std::vector<TaskKey> started_;
  std::shared_ptr<Recorded> link_;
  std::unique_ptr<SiteAgent> agent_;
};

TEST_F(SiteAgentTest, NotAByteIsFetchedForATaskThatIsRefused) {
  const Task task = train({sha256(as_bytes("model")), 5});
  refusal_ = TaskFailure{Reason::kPolicyDenied, "no"};
  offer(task);
  EXPECT_TRUE(link_->all<BlobRequest>().empty());
  EXPECT_TRUE(link_->all<TaskAccepted>().empty());
  ASSERT_EQ(link_->all<TaskResult>().size(), 1u);
  EXPECT_EQ(std::get<TaskFailure>(link_->all<TaskResult>()[0].outcome), *refusal_);
  refusal_.reset();
  offer(task);
  EXPECT_EQ(link_->all<BlobRequest>().size(), 1u);
}

TEST_F(SiteAgentTest, AKeptResultLeavesAfterAReconnectOnlyIfItStillMay) {
  const BlobRef update = finish_training();
  ASSERT_EQ(link_->all<TaskResult>().size(), 1u);
  withheld_ = TaskFailure{Reason::kPolicyDenied, "no"};
  connect();
  ASSERT_EQ(link_->all<TaskResult>().size(), 1u);
  EXPECT_EQ(std::get<TaskFailure>(link_->all<TaskResult>()[0].outcome), *withheld_);
  ASSERT_TRUE(agent_->on_message(BlobRequest{4, update.digest, 0}));
  EXPECT_EQ(link_->all<BlobRefused>().size(), 1u) << "nor do its bytes";
  EXPECT_TRUE(link_->all<BlobStart>().empty());
  withheld_.reset();
  connect();
  ASSERT_EQ(link_->all<TaskResult>().size(), 1u);
  EXPECT_TRUE(std::holds_alternative<TrainResult>(link_->all<TaskResult>()[0].outcome));
  ASSERT_TRUE(agent_->on_message(BlobRequest{4, update.digest, 0}));
  EXPECT_EQ(link_->all<BlobStart>().size(), 1u);
}

TEST_F(SiteAgentTest, AResultIsHeldBackAsSoonAsItIsDone) {
  withheld_ = TaskFailure{Reason::kSignatureInvalid, "no"};
  finish_training();
  ASSERT_EQ(link_->all<TaskResult>().size(), 1u);
  EXPECT_EQ(std::get<TaskFailure>(link_->all<TaskResult>()[0].outcome), *withheld_);
}

TEST_F(SiteAgentTest, TheDeskOfSumsHearsOfResultsThatLeftAndOfTheirEnd) {
  finish_training();
  ASSERT_EQ(desk_.begun.size(), 1u);
  const TaskKey key = desk_.begun[0];
  EXPECT_EQ(desk_.links, 1);
  ASSERT_TRUE(agent_->on_message(SumRequest{key, SumAgreements{}}));
  EXPECT_EQ(desk_.requests.size(), 1u);
  ASSERT_TRUE(agent_->on_message(TaskVerdict{key, Reason::kAccepted, ""}));
  EXPECT_TRUE(desk_.over.empty());
  ASSERT_TRUE(agent_->on_message(TaskVerdict{key, Reason::kStale, ""}));
  EXPECT_EQ(desk_.over, std::vector<RoundNumber>{1});
  connect();
  EXPECT_EQ(desk_.links, 2);
}

// The policy has changed since the site told that it is ready: it leaves the sum.
TEST_F(SiteAgentTest, NothingOfASumLeavesThatMayNotLeaveAnyMore) {
  finish_training();
  const TaskKey key = desk_.begun.at(0);
  const BlobRef masked = put("masked");
  withheld_ = TaskFailure{Reason::kPolicyDenied, "no"};
  agent_->answer_sum({{key, SumInput{masked}}});
  ASSERT_EQ(link_->all<SumAnswer>().size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SumAbort>(link_->all<SumAnswer>()[0].body));
  withheld_.reset();
  ASSERT_TRUE(agent_->on_message(BlobRequest{4, masked.digest, 0}));
  EXPECT_EQ(link_->all<BlobRefused>().size(), 1u) << "it was never told of";
  agent_->answer_sum({{key, SumInput{masked}}});
  ASSERT_TRUE(agent_->on_message(BlobRequest{5, masked.digest, 0}));
  EXPECT_EQ(link_->all<BlobStart>().size(), 1u);
}

TEST_F(SiteAgentTest, ATaskWithoutANameIsNotEvenAskedAbout) {
  Task task = train({sha256(as_bytes("model")), 5});
  task.key.job.value = "../heart";
  refusal_ = TaskFailure{Reason::kPolicyDenied, "no"};
  offer(task);
  EXPECT_NE(link_->closed, "");
  EXPECT_TRUE(link_->all<TaskResult>().empty());
}

TEST_F(SiteAgentTest, AHeadThatIsRefusedEndsNoLinkAndIsNotCountersigned) {
  ASSERT_TRUE(agent_->on_message(head(3, "c1")));
  ASSERT_TRUE(agent_->on_message(head(5, "c2")));
  EXPECT_EQ(link_->closed, "");
  const auto said = link_->all<AuditCountersignature>();
  ASSERT_EQ(said.size(), 3u);
  EXPECT_EQ(said[0].size, 0u);
  EXPECT_EQ(said[1].size, 3u);
  EXPECT_EQ(said[2].size, 3u) << "what it keeps";
  EXPECT_EQ(audit_->disputed(), "");
  const auto log = *files_->read(directory_ / "log.jsonl", 1u << 20);
  EXPECT_NE(as_text(log).find("audit.head_refused"), std::string_view::npos);
}

}  // namespace
}  // namespace tributary
