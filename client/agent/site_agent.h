// SPDX-License-Identifier: Apache-2.0
// SiteAgent: joins a site's session to what it keeps (blobs, results) and to its link. Sockets,
// threads and training come through ports, so that the programs and simulations run the same code.
// One thread. It decides nothing: the session does.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/agent/model_fetches.h"
#include "client/agent/result_store.h"
#include "client/agent/site_audit.h"
#include "client/agent/upload_pace.h"
#include "client/session/session.h"
#include "common/storage/blob_store.h"
#include "common/telemetry/event_log.h"
#include "common/transfer/blob_transfers.h"
#include "common/wire/link.h"

namespace tributary {

// The site's part in secure sums, which may be on another thread. Called on the agent's; answers
// with SiteAgent::answer_sum(), later.
class SumDesk {
 public:
  virtual ~SumDesk() = default;
  // The coordinator is told that this task is done; nothing where it is none of a secure sum.
  virtual void begin(const TaskKey& key) = 0;
  virtual void handle(const SumRequest& request) = 0;
  virtual void again() = 0;  // on a new link
  virtual void committed(const RoundCommitted& committed) = 0;
};

class SiteAgent final : public LinkHandler {
 public:
  struct Ports {
    const Clock& clock;
    FileSystem& files;
    RandomSource& random;  // spreads the dials
    EventLog& log;
    std::function<void()> dial;                   // answered by linked(), sent_away() or unlinked()
    std::function<void(const Task& task)> start;  // answered by finished(), later
    std::function<void(const TaskKey& key)> stop;  // the running task; finished() still comes
    BlobTransfers::WorkQueue downloads = {};       // none: on the link's thread
    SiteAudit* audit = nullptr;                    // none: nothing is recorded
    // The site's own rules, asked before a byte is fetched for an offered task; `begun`: it waits
    // or runs here already, or is done. What the coordinator learns where they say no. None: all
    // may be done, and may leave.
    std::function<std::optional<TaskFailure>(const Task& task, bool begun)> refusal = {};
    // The same before a result leaves, its blob too.
    std::function<std::optional<TaskFailure>(const TaskKey& key)> withheld = {};
    // On each new link: what the coordinator is asked for beside work; what it answers.
    std::function<RenewCertificate()> ask_news = {};
    std::function<void(const Message&)> news = {};
    UploadPace* pace = nullptr;  // of results that leave; none: as fast as the link takes them
    SumDesk* sums = nullptr;     // none: the site takes part in no secure sum
  };
  // Takes up what an earlier life left in `state_dir`.
  static Result<std::unique_ptr<SiteAgent>> open(std::string state_dir, Ports ports);

  BlobStore& blobs() { return *blobs_; }
  std::size_t results() const { return results_kept_; }  // of an earlier life

  void start();
  void stop();  // for good; stopped() once the link is down and no task runs
  bool stopped() const { return session_.stopped(); }

  // Hello and Welcome are done. Whoever runs the link hands what arrives to this object until
  // unlinked(), which also answers a dial that failed. `peer`: the coordinator's name, by its
  // certificate.
  void linked(std::shared_ptr<Link> link, const Welcome& welcome, std::string peer = "");
  void sent_away(const Goodbye& goodbye);  // instead of a Welcome
  void unlinked(const Error& why);
  void progressed(const TaskKey& key, std::uint64_t done, std::uint64_t total);
  void finished(const TaskResult& result);  // its blob, if it has one, is in blobs()
  // When pass_time() is due at the latest; none while nothing waits for time.
  std::optional<TimePoint> next_wake() const { return session_.next_wake(); }
  void pass_time();
  void answer_sum(const std::vector<SumAnswer>& answers);
  void go_on_uploads();  // those that wait for the pace: often
  void ask_for_news();   // on a link that is up

  Status on_message(const Message& message) override;
  Status on_chunk(std::uint32_t stream, Chunk chunk) override;

 private:
  struct EffectPerformer;

  SiteAgent(std::string state_dir, Ports ports)
      : state_dir_(std::move(state_dir)), ports_(std::move(ports)), session_(ports_.random) {}
  Status recover();
  void dispatch(session::SessionEvent event);
  bool distrusts() const { return ports_.audit != nullptr && !ports_.audit->disputed().empty(); }
  void send(const Message& message);
  void send_result(const TaskResult& result);
  void refuse(const TaskKey& key);
  void tell_desk(const Message& message);
  bool take_offer(const Task& task);
  Status on_head(const AuditHead& head);
  Result<std::unique_ptr<ReadFile>> open_own(const Digest& digest) const;
  void download(const BlobRef& blob);
  void fetched(const BlobRef& blob, const Status& outcome);
  void note_failure(const Status& status);

  std::string state_dir_;
  Ports ports_;
  session::Session session_;
  std::unique_ptr<BlobStore> blobs_;
  std::optional<ModelFetches> models_;
  std::optional<ResultStore> results_;
  std::size_t results_kept_ = 0;
  std::map<Digest, TaskKey> may_serve_;  // what the coordinator may fetch: blobs of our results
  std::deque<session::SessionEvent> events_;
  bool handling_ = false;
  bool give_up_dial_ = false;
  std::shared_ptr<Link> link_;
  std::string peer_;  // whose certificate the link has
  std::optional<PacedPort> paced_;
  std::optional<BlobTransfers> transfers_;
};

}  // namespace tributary
