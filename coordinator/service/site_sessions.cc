// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/site_sessions.h"

#include <algorithm>
#include <deque>

#include "common/base/limits.h"
#include "common/base/version.h"
#include "common/base/words.h"

namespace tributary {
namespace {

constexpr Milliseconds kPostponedEvery{1'000};

Error not_listed(const SiteName& site) {
  return make_error(ErrorCode::kPermissionDenied,
                    "site '" + site.value + "' is not in the coordinator's list");
}

}  // namespace

class SiteSessions::Session final : public LinkHandler,
                                    public std::enable_shared_from_this<Session> {
 public:
  Session(SiteSessions& owner, std::shared_ptr<Link> link, SiteRow row, TimePoint since)
      : owner_(owner),
        link_(std::move(link)),
        row_(std::move(row)),
        site_(row_.site),
        since_(since) {
    transfers_.emplace(
        owner.ports_.blobs, *link_, [this](const Digest& digest) { return open_offered(digest); },
        [this](const BlobRef& blob, const Status& outcome) { fetched(blob, outcome); },
        BlobTransfers::Options{
            [this](const BlobRef& blob, std::uint64_t offset) {
              owner_.ports_.log.record("transfer.resumed",
                                       {{"site", site_.value},
                                        {"digest", blob.digest.short_hex()},
                                        {"offset", static_cast<std::int64_t>(offset)},
                                        {"bytes", static_cast<std::int64_t>(blob.bytes)}});
            },
            owner.ports_.work_queue ? owner.ports_.work_queue() : BlobTransfers::WorkQueue{}});
  }

  const SiteName& site() const { return site_; }
  const std::string& address() const { return row_.address; }
  const SiteRow& row() const { return row_; }
  const std::shared_ptr<Link>& link() const { return link_; }
  TimePoint since() const { return since_; }

  Status on_message(const Message& message) override {
    Driver& driver = *owner_.driver_;
    if (BlobTransfers::is_mine(message))
      return transfers_ ? transfers_->on_message(message) : Status{};
    if (const auto* accepted = std::get_if<TaskAccepted>(&message)) {
      driver.handle(SiteAcceptedTask{site_, accepted->key});
    } else if (const auto* progress = std::get_if<TaskProgress>(&message)) {
      driver.handle(SiteProgressed{site_, progress->key, progress->done, progress->total});
    } else if (const auto* result = std::get_if<TaskResult>(&message)) {
      driver.handle(SiteReturned{site_, *result});
    } else if (const auto* answer = std::get_if<SumAnswer>(&message)) {
      driver.handle(site_, *answer);
    } else if (const auto* audit = std::get_if<AuditCountersignature>(&message);
               audit != nullptr && owner_.ports_.audit) {
      owner_.ports_.audit(site_, *audit);
    } else if (const auto* renew = std::get_if<RenewCertificate>(&message);
               renew != nullptr && owner_.ports_.renew) {
      return owner_.ports_.renew(site_, *renew);
    } else if (const auto* goodbye = std::get_if<Goodbye>(&message)) {
      return make_error(ErrorCode::kUnavailable, "the site left: " + goodbye->message);
    } else {
      return make_error(ErrorCode::kProtocol, "a message that a site may not send");
    }
    return {};
  }

  Status on_chunk(std::uint32_t stream, Chunk chunk) override {
    return transfers_ ? transfers_->on_chunk(stream, std::move(chunk)) : Status{};
  }

  void send(const Message& message) {
    // What a task names, the site may fetch; of the last tasks only, which are all it can have
    // waiting.
    if (const auto* offer = std::get_if<TaskOffer>(&message)) {
      const Task& task = offer->task;
      for (const BlobRef& blob : {task.model, task.delta.blob, task.model_file}) {
        if (!blob.digest.is_none()) offered_.push_back(blob.digest);
      }
      while (offered_.size() > 3 * limits::kTasksQueuedMax) offered_.pop_front();
    }
    static_cast<void>(link_->send(message).has_value());
  }

  void fetch(const BlobRef& blob, Lodging lodging, std::function<void(Status)> done) {
    waiting_[blob.digest].push_back(std::move(done));
    // The answer may be there at once, and the driver must not be called from its own call.
    owner_.ports_.to_engine(
        [self = shared_from_this(), blob, lodging] { self->ask_for_turn(blob, lodging); });
  }

  // The link may take a while to end. What has arrived over it is for the next one to go on with.
  void end(const Error& why) {
    transfers_.reset();
    for (const auto& [digest, ticket] : std::exchange(tickets_, {})) owner_.grants_.end(ticket);
    std::map<Digest, std::vector<std::function<void(Status)>>> waiting;
    waiting.swap(waiting_);
    for (auto& [digest, calls] : waiting) {
      for (auto& done : calls) done(make_error(ErrorCode::kUnavailable, why.message));
    }
  }

 private:
  Result<std::unique_ptr<ReadFile>> open_offered(const Digest& digest) const {
    if (std::ranges::find(offered_, digest) == offered_.end())
      return make_error(ErrorCode::kPermissionDenied, "no task of this site names the blob");
    return owner_.ports_.blobs.open_blob(digest);
  }
  void ask_for_turn(const BlobRef& blob, Lodging lodging) {
    if (!transfers_ || !waiting_.contains(blob.digest) || tickets_.contains(blob.digest)) return;
    // It may be over before its ticket is here.
    tickets_[blob.digest] = 0;
    const UploadGrants::Ticket ticket = owner_.grants_.ask(
        blob, lodging,
        [this, blob] {  // none while the session ends, which ends its other tickets too
          if (transfers_) static_cast<void>(transfers_->fetch(blob).has_value());
        });
    const auto mine = tickets_.find(blob.digest);
    if (mine == tickets_.end()) return owner_.grants_.end(ticket);
    mine->second = ticket;
  }
  void fetched(const BlobRef& blob, const Status& outcome) {
    if (const auto ticket = tickets_.extract(blob.digest)) owner_.grants_.end(ticket.mapped());
    const auto calls = waiting_.extract(blob.digest);
    if (calls.empty()) return;
    for (auto& done : calls.mapped()) done(outcome);
  }

  SiteSessions& owner_;
  std::shared_ptr<Link> link_;
  SiteRow row_;
  SiteName site_;
  TimePoint since_;
  std::deque<Digest> offered_;
  std::map<Digest, std::vector<std::function<void(Status)>>> waiting_;
  std::map<Digest, UploadGrants::Ticket> tickets_;  // of uploads that run or wait
  std::optional<BlobTransfers> transfers_;          // none once the session has ended
};

SiteSessions::SiteSessions(Ports ports)
    : ports_(std::move(ports)),
      admission_(ports_.admission),
      grants_(ports_.upload_memory, ports_.blobs, ports_.clock) {
  ports_.blobs.set_room_freed([this, alive = std::weak_ptr(alive_), to_engine = ports_.to_engine] {
    to_engine([this, alive] {
      if (!alive.expired()) grants_.pass_time();
    });
  });
}

SiteSessions::~SiteSessions() { ports_.blobs.set_room_freed({}); }

std::shared_ptr<LinkHandler> SiteSessions::admit(std::shared_ptr<Link> link, const SiteName& site,
                                                 const std::string& address, const Hello& hello,
                                                 bool evaluator) {
  if (!may_come(*link, site, address)) return nullptr;
  if (const auto older = sessions_.find(site); older != sessions_.end())
    replace(std::shared_ptr(older->second), address);
  if (!link->send(welcome(site))) return nullptr;
  const SiteRow row{site, true, "", 0, address, hello.software, hello.datasets};
  const auto session = std::make_shared<Session>(*this, std::move(link), row, ports_.clock.now());
  sessions_[site] = session;
  save_seen(row);
  ports_.log.record("site.connected", {{"site", site.value},
                                       {"address", address},
                                       {"software", hello.software},
                                       {"datasets", joined(hello.datasets, ",")}});
  driver_->handle(SiteConnected{site, hello.datasets, evaluator});
  return session;
}

void SiteSessions::save_seen(SiteRow row) {
  row.last_seen_wall_ms = ports_.clock.wall_ms();
  if (const Status saved = ports_.store.save_site(row); !saved)
    ports_.log.record("storage.failed", {{"path", "sites"}, {"detail", saved.error().message}});
}

bool SiteSessions::is_allowed(const SiteName& site) const {
  const auto& allowed = ports_.allowed;
  return allowed.empty() || std::ranges::find(allowed, site.value) != allowed.end();
}

bool SiteSessions::may_come(Link& link, const SiteName& site, const std::string& address) {
  if (!is_allowed(site)) {
    ports_.log.record("site.refused", {{"site", site.value},
                                       {"address", address},
                                       {"reason", "not among `sites` of the coordinator's file"}});
    link.close(not_listed(site), limits::kRedialMs);
    return false;
  }
  const std::size_t others = sessions_.size() - sessions_.count(site);
  const Admission::Verdict verdict = admission_.admit(ports_.clock.now(), site, others);
  if (!verdict.refused_by.empty()) postpone(link, site, address, verdict);
  return verdict.refused_by.empty();
}

void SiteSessions::postpone(Link& link, const SiteName& site, const std::string& address,
                            const Admission::Verdict& verdict) {
  const std::string bound(verdict.refused_by);
  ports_.log.record("site.postponed", {{"site", site.value},
                                       {"address", address},
                                       {"reason", bound},
                                       {"retry_after_ms", verdict.retry_after_ms}});
  link.close(make_error(ErrorCode::kUnavailable,
                        "more sites came than admission." + bound +
                            " of the coordinator's file lets in; this one's turn is later"),
             verdict.retry_after_ms);
  if (postponed_.empty()) postponed_since_ = ports_.clock.now();
  Postponed& postponed = postponed_[verdict.refused_by];
  ++postponed.sites;
  postponed.retry_after_ms = std::max(postponed.retry_after_ms, verdict.retry_after_ms);
}

void SiteSessions::pass_time() {
  grants_.pass_time();
  if (ports_.clock.now() - postponed_since_ >= kPostponedEvery) report_postponed();
}

void SiteSessions::report_postponed() {
  for (const auto& [bound, postponed] : postponed_) {
    ports_.log.record("sites.postponed",
                      {{"sites", postponed.sites},
                       {"reason", std::string(bound)},
                       {"connected", static_cast<std::int64_t>(size())},
                       {"waiting", static_cast<std::int64_t>(admission_.waiting())},
                       {"retry_after_ms", postponed.retry_after_ms}});
  }
  postponed_.clear();
}

void SiteSessions::replace(const std::shared_ptr<Session>& older, const std::string& address) {
  const std::string& site = older->site().value;
  ports_.log.record("site.replaced", {{"site", site}, {"address", address}});
  // A process that lives on is another one with the same certificate: the two must not take turns.
  older->link()->close(
      make_error(ErrorCode::kAlreadyExists, "another process came with the certificate of site '" +
                                                site + "', from " + address),
      limits::kRedialMs);
  remove(older, make_error(ErrorCode::kUnavailable, "replaced by a newer link"));
}

// If this process dies, all come back: each is told over how long, so that they come at the rate.
Welcome SiteSessions::welcome(const SiteName& site) {
  known_.insert(site);
  const std::size_t sites = ports_.allowed.empty() ? known_.size() : ports_.allowed.size();
  return {kProtocolVersion, ports_.software, limits::kHeartbeatMs, admission_.spread_ms(sites)};
}

void SiteSessions::expect(const std::vector<SiteRow>& sites) {
  for (const SiteRow& row : sites) known_.insert(row.site);
}

// One that is off its link may have work that waits for it.
void SiteSessions::renew(std::vector<std::string> allowed, const AdmissionConfig& admission) {
  admission_.renew(ports_.clock.now(), admission);
  std::vector<SiteName> leaving;
  for (const SiteName& site : known_)
    if (is_allowed(site)) leaving.push_back(site);
  ports_.allowed = std::move(allowed);
  std::erase_if(leaving, [this](const SiteName& site) { return is_allowed(site); });
  for (const SiteName& site : leaving) bar(site, not_listed(site));
}

void SiteSessions::ended(const std::shared_ptr<LinkHandler>& handler, const Error& why) {
  remove(std::static_pointer_cast<Session>(handler), why);
}

void SiteSessions::remove(const std::shared_ptr<Session>& session, const Error& why) {
  const auto found = sessions_.find(session->site());
  if (found == sessions_.end() || found->second != session) return;  // replaced
  sessions_.erase(found);
  const std::int64_t up_ms = (ports_.clock.now() - session->since()).count();
  ports_.log.record("site.disconnected", {{"site", session->site().value},
                                          {"address", session->address()},
                                          {"code", std::string(error_code_name(why.code))},
                                          {"detail", why.message},
                                          {"seconds", static_cast<double>(up_ms) / 1000.0}});
  if (!closing_) save_seen(session->row());  // at an end of ours all of them are seen last
  session->end(why);
  driver_->handle(SiteDisconnected{session->site()});
}

void SiteSessions::send_away(Link& link, const Error& why) {
  const std::int64_t turn_ms = admission_.give_turn(ports_.clock.now());
  link.close(why, std::min(limits::kRedialFirstMs + turn_ms, limits::kRetryAfterMs));
}

bool SiteSessions::bar(const SiteName& site, const Error& why) {
  driver_->handle(SiteBarred{site, why.message});
  const auto found = sessions_.find(site);
  if (found == sessions_.end()) return false;
  const std::shared_ptr<Session> session = found->second;
  session->link()->close(why, limits::kRedialMs);
  remove(session, why);
  return true;
}

void SiteSessions::drop(const SiteName& site, const Error& why) {
  if (const auto found = sessions_.find(site); found != sessions_.end())
    found->second->link()->close(why);
}

void SiteSessions::close_all(const Error& why) {
  report_postponed();
  closing_ = true;
  for (const auto& [site, session] : sessions_) send_away(*session->link(), why);
}

void SiteSessions::send(const SiteName& site, const Message& message) {
  if (const auto found = sessions_.find(site); found != sessions_.end())
    found->second->send(message);
}

void SiteSessions::fetch(const SiteName& site, const BlobRef& blob, Lodging lodging,
                         std::function<void(Status)> done) {
  const auto found = sessions_.find(site);
  if (found != sessions_.end()) return found->second->fetch(blob, lodging, std::move(done));
  ports_.to_engine([site, done = std::move(done)] {
    done(make_error(ErrorCode::kUnavailable, "site " + site.value + " is off the link"));
  });
}

}  // namespace tributary
