// SPDX-License-Identifier: Apache-2.0
// A link that is lost in the middle of a transfer costs the time it is away and nothing else: no
// byte travels twice and nothing is trained twice, also when a process is killed meanwhile.
#include <gtest/gtest.h>

#include "tests/sim/site.h"

namespace tributary::sim {
namespace {

constexpr Milliseconds kMinute{60'000};
constexpr Milliseconds kDrop = 30 * kMinute;
// The longest wait for the next dial, and the rest of the round.
constexpr Milliseconds kSmall = 3 * kMinute;
constexpr std::size_t kChunk = 16;
// What may be under way when a connection breaks: the sender finds out within some milliseconds.
constexpr std::uint64_t kWindow = 2 * kChunk;
constexpr RoundNumber kRound = 2;  // the one with the fault
constexpr const char* kJob =
    "name: long\nseed: 1\nmodel: logistic\n"
    "data: {dataset: d, task: regression, features: [x], label: y, standardize: none}\n"
    "train: {}\n"
    "rounds: {count: 2, minimum_sites: 1, deadline: 3h, disconnect_grace: 1h, attempts: 1}\n"
    "evaluate: {every: 2}\n";

enum class Way { kUpload, kDownload };
enum class Victim { kNobody, kCoordinator, kSite };

struct Script {
  Way way = Way::kUpload;
  Milliseconds drop = kDrop;
  bool receiver_is_silent = true;  // it finds out last that the connection broke
  Victim victim = Victim::kNobody;
  Death death = Death::kProcess;
};

// One coordinator, one site, one job of two rounds, and one fault: when half of the blob has been
// sent.
class Federation {
 public:
  Federation(const Script& script, std::uint64_t seed) : script_(script), random_(seed) {
    network_.faults = {
        .latency = Milliseconds(5), .chunk = Milliseconds(2'000), .chunk_bytes = kChunk};
    network_.on_send = [this](int side, const std::string&, const Message& message) {
      note(side, message);
    };
    network_.on_chunk = [this](int side, std::uint32_t stream, std::size_t bytes) {
      const Digest& digest = asked_[{side, stream}];
      sent[digest] += bytes;
      if (digest != blob.digest || broken_ || sent[digest] < blob.bytes / 2) return;
      broken_ = true;
      timeline_.after(Milliseconds(1'000), [this] { break_link(); });
    };
  }
  ~Federation() {
    network_.die_all(0);
    network_.die_all(1);
  }

  void run() {
    hub_.start();
    site_.start();
    ASSERT_TRUE(hub_.submit({kJob, "token", {}}));
    const TimePoint end = timeline_.now() + 10 * kDrop;
    while (!finished() && timeline_.step(end)) {
    }
    ASSERT_TRUE(finished());
    ASSERT_TRUE(broken_) << "the fault came";
  }

  BlobRef blob;                          // of the fault
  std::map<Digest, std::uint64_t> sent;  // bytes of chunks, whether they arrived or not
  std::uint64_t sent_before = 0;         // of the blob, when the connection broke
  int trained = 0;                       // tasks of that round that the site began
  std::vector<std::string> outcomes;     // of the site's part in that round
  std::optional<TimePoint> opened, committed;

 private:
  void note(int side, const Message& message) {
    if (const auto* request = std::get_if<BlobRequest>(&message))
      asked_[{1 - side, request->stream}] = request->digest;
    if (const auto* offer = std::get_if<TaskOffer>(&message);
        offer != nullptr && script_.way == Way::kDownload && is_the_one(offer->task.key)) {
      blob = offer->task.model;
    }
    if (const auto* result = std::get_if<TaskResult>(&message);
        result != nullptr && script_.way == Way::kUpload && is_the_one(result->key)) {
      blob = std::get<TrainResult>(result->outcome).update;
    }
  }
  void report(const Report& report) {
    const auto has = [&report](const char* name, const FieldValue& value) {
      return std::ranges::find(report.fields, std::pair<std::string, FieldValue>(name, value)) !=
             report.fields.end();
    };
    if (!has("round", std::int64_t{kRound})) return;
    if (report.event == "round.started" && has("task", "train") && !opened)
      opened = timeline_.now();
    if (report.event == "round.committed") committed = timeline_.now();
    if (report.event != "client.outcome" || !has("task", "train")) return;
    for (const auto& [name, value] : report.fields) {
      if (name == "reason") outcomes.push_back(std::get<std::string>(value));
    }
  }
  void break_link() {
    sent_before = sent[blob.digest];
    const int receiver = script_.way == Way::kUpload ? 1 : 0;
    network_.cut_all(script_.receiver_is_silent ? receiver : 1 - receiver,
                     timeline_.now() + script_.drop);
    timeline_.after(script_.drop / 3, [this] {
      if (script_.victim == Victim::kCoordinator) hub_.kill(script_.death);
      if (script_.victim == Victim::kSite) site_.kill(script_.death);
    });
    timeline_.after(2 * script_.drop / 3, [this] {
      if (script_.victim == Victim::kCoordinator) hub_.start();
      if (script_.victim == Victim::kSite) site_.start();
    });
  }
  bool finished() const {
    return std::ranges::all_of(
        hub_.tables.jobs, [](const JobRecord& job) { return job.state == JobState::kFinished; });
  }
  static bool is_the_one(const TaskKey& key) {
    return key.round == kRound && key.kind == TaskKind::kTrain;
  }

  Script script_;
  SeededRandom random_;
  Timeline timeline_;
  Network network_{timeline_, random_};
  std::unique_ptr<EventLog> log_ =
      *EventLog::open({.level = EventLevel::kError, .text_fd = -1}, timeline_.clock());
  Surroundings world_{timeline_, random_, network_, *log_};
  Hub hub_{world_, EngineOptions{},
           Hub::Observer{[](const RoundEffects&) {}, [this](const Report& what) { report(what); }}};
  Site site_{"s",
             {},
             world_,
             hub_,
             Site::Observer{[this](const std::string&, const Task& task) {
                              if (is_the_one(task.key)) ++trained;
                            },
                            [](const Digest&, const Model&) {}}};
  std::map<std::pair<int, std::uint32_t>, Digest> asked_;  // by who sends, and the stream
  bool broken_ = false;
};

void expect_nothing_is_lost(const Federation& federation, const Script& script,
                            std::uint64_t bytes_max) {
  EXPECT_EQ(federation.trained, 1);
  EXPECT_EQ(federation.outcomes, std::vector<std::string>{"accepted"});
  EXPECT_GE(federation.sent.at(federation.blob.digest), federation.blob.bytes);
  EXPECT_LE(federation.sent.at(federation.blob.digest), bytes_max);
  ASSERT_TRUE(federation.opened && federation.committed);
  const Milliseconds took = *federation.committed - *federation.opened;
  EXPECT_GE(took, script.drop);
  EXPECT_LE(took, script.drop + kSmall);
}

TEST(LongDrop, CostsItsTimeAndNothingElse) {
  for (const Way way : {Way::kUpload, Way::kDownload}) {
    for (const Victim victim : {Victim::kNobody, Victim::kCoordinator, Victim::kSite}) {
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(std::string(way == Way::kUpload ? "upload" : "download") + ", victim " +
                     std::to_string(static_cast<int>(victim)) + ", seed " + std::to_string(seed));
        const Script script{.way = way, .victim = victim};
        Federation federation(script, seed);
        ASSERT_NO_FATAL_FAILURE(federation.run());
        expect_nothing_is_lost(federation, script, federation.blob.bytes + kWindow);
      }
    }
  }
}

// The site is back before the coordinator has noticed that it was away, and the other way round.
TEST(LongDrop, ANewLinkGoesOnBeforeTheOldOneIsFoundDead) {
  for (const Way way : {Way::kUpload, Way::kDownload}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SCOPED_TRACE(seed);
      const Script script{.way = way, .drop = Milliseconds(0)};
      Federation federation(script, seed);
      ASSERT_NO_FATAL_FAILURE(federation.run());
      expect_nothing_is_lost(federation, script, federation.blob.bytes + kWindow);
    }
  }
}

// What a power cut has taken is sent again; if it has torn something, all is. It is nobody's fault.
TEST(LongDrop, APowerCutCostsBytesAndNothingElse) {
  std::set<bool> sent_again;
  for (const auto& [way, victim] :
       {std::pair(Way::kUpload, Victim::kCoordinator), std::pair(Way::kDownload, Victim::kSite)}) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      SCOPED_TRACE(seed);
      const Script script{.way = way, .victim = victim, .death = Death::kPowerCut};
      Federation federation(script, seed);
      ASSERT_NO_FATAL_FAILURE(federation.run());
      expect_nothing_is_lost(federation, script,
                             federation.sent_before + kWindow + 2 * federation.blob.bytes);
      sent_again.insert(federation.sent.at(federation.blob.digest) >
                        federation.blob.bytes + kWindow);
    }
  }
  EXPECT_EQ(sent_again.size(), 2u) << "some parts were torn, some whole";
}

}  // namespace
}  // namespace tributary::sim
