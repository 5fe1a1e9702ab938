// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/state_store.h"

#include <sqlite3.h>

#include <charconv>

#include "coordinator/service/audit_trail.h"
#include "coordinator/service/record_json.h"

namespace tributary {
namespace {

constexpr int kSchemaVersion = 4;
constexpr const char* kSchema = R"sql(
CREATE TABLE sites (site TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, document BLOB NOT NULL,
                   record TEXT NOT NULL);
CREATE TABLE accepted (sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, round INTEGER NOT NULL,
                       site TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (job, round, site));
CREATE TABLE rounds (sequence INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX rounds_of_job ON rounds (job, sequence);
)sql";
// Since version 2: how many records of the audit trail belong to this state; what operators decided
// about sites.
constexpr const char* kSinceVersion2 = R"sql(
CREATE TABLE audit (one INTEGER PRIMARY KEY CHECK (one = 1), records TEXT NOT NULL);
INSERT INTO audit VALUES (1, '0');
CREATE TABLE standings (site TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
)sql";
// Since version 3: who was invited, and who asks for a certificate.
constexpr const char* kSinceVersion3 = R"sql(
CREATE TABLE enrolments (site TEXT NOT NULL, renewal TEXT NOT NULL, record TEXT NOT NULL,
                         PRIMARY KEY (site, renewal)) WITHOUT ROWID;
)sql";
// Since version 4: what jobs have spent of datasets.
constexpr const char* kSinceVersion4 = R"sql(
CREATE TABLE ledger (sequence INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, job TEXT NOT NULL,
                     record TEXT NOT NULL, UNIQUE (dataset, job));
)sql";

std::string column(sqlite3_stmt* statement, int index) {
  const auto* text = static_cast<const char*>(sqlite3_column_blob(statement, index));
  return text == nullptr
             ? std::string{}
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, index)));
}

class SqliteStore final : public StateStore {
 public:
  explicit SqliteStore(sqlite3* database, std::string path)
      : database_(database), path_(std::move(path)) {}
  ~SqliteStore() override { sqlite3_close_v2(database_); }
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Status prepare();
  Status open_trail(const OpenTrail& open);
  Status apply(const RoundEffects& effects) override;
  Status save_site(const SiteRow& site) override;
  Status save_standing(const SiteStanding& standing, const RoundEffects& told) override;
  Status save_enrolment(const Enrolment& enrolment, const RoundEffects& told) override;
  Result<std::vector<JobRecord>> jobs() const override;
  Result<JobRecord> job(const JobId& job) const override;
  Result<std::vector<AcceptedUpdate>> accepted(const JobId& job) const override;
  Result<std::vector<RoundRow>> rounds(const JobId& job) const override;
  Result<std::vector<SiteRow>> sites() const override;
  Result<std::vector<SiteStanding>> standings() const override;
  Result<std::vector<Enrolment>> enrolments() const override;
  Result<std::vector<SiteSpending>> ledger(const std::string& dataset) const override;

 private:
  // The records of a table, each read from its JSON text.
  template <typename Record>
  Result<std::vector<Record>> read(const char* sql, Result<Record> (*from)(std::string_view),
                                   const std::vector<std::string>& parameters = {}) const {
    std::vector<Record> found;
    TRIB_CHECK_OK(run(sql, parameters, [&](sqlite3_stmt* row) -> Status {
      TRIB_TRY(record, from(column(row, 0)));
      found.push_back(std::move(record));
      return {};
    }));
    return found;
  }
  Error error(const char* tried) const {
    const int code = sqlite3_errcode(database_);
    const ErrorCode kind = code == SQLITE_FULL ? ErrorCode::kResourceExhausted
                           : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kDataLoss
                                                                             : ErrorCode::kIo;
    return make_error(kind, std::string(tried) + " " + path_ + ": " + sqlite3_errmsg(database_));
  }
  Status execute(const char* sql) {
    return sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? Status{}
                                                                                : error("write");
  }
  // Runs one statement with text parameters; calls `row` with the texts of each row.
  template <typename Row>
  Status run(const char* sql, const std::vector<std::string>& parameters, Row row) const;
  Status write(const char* sql, const std::vector<std::string>& parameters) {
    return run(sql, parameters, [](sqlite3_stmt*) { return Status{}; });
  }
  Status store(const RoundEffect& effect);
  Status audit(const RoundEffects& effects, bool& appended);
  template <typename Write>
  Status transact(const RoundEffects& effects, Write write_all);

  sqlite3* database_;
  std::string path_;
  AuditTrail* trail_ = nullptr;
};

template <typename Row>
Status SqliteStore::run(const char* sql, const std::vector<std::string>& parameters,
                        Row row) const {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr) != SQLITE_OK) return error("prepare");
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, &sqlite3_finalize);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    // Null destructor: SQLITE_STATIC; the parameters outlive the statement.
    if (sqlite3_bind_text64(raw, static_cast<int>(i) + 1, parameters[i].data(),
                            parameters[i].size(), nullptr, SQLITE_UTF8) != SQLITE_OK) {
      return error("bind");
    }
  }
  for (;;) {
    const int step = sqlite3_step(raw);
    if (step == SQLITE_DONE) return {};
    if (step != SQLITE_ROW) return error("use");
    TRIB_CHECK_OK(row(raw));
  }
}

Status SqliteStore::prepare() {
  sqlite3_busy_timeout(database_, 5'000);
  TRIB_CHECK_OK(
      execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"));
  int version = 0;
  TRIB_CHECK_OK(run("PRAGMA user_version", {}, [&version](sqlite3_stmt* statement) {
    version = sqlite3_column_int(statement, 0);
    return Status{};
  }));
  if (version > kSchemaVersion) {
    return make_error(ErrorCode::kFailedPrecondition,
                      path_ + " was written by a newer version (schema " + std::to_string(version) +
                          "); install that version");
  }
  if (version == kSchemaVersion) return {};
  const std::string create = "BEGIN IMMEDIATE;" + std::string(version < 1 ? kSchema : "") +
                             (version < 2 ? kSinceVersion2 : "") +
                             (version < 3 ? kSinceVersion3 : "") + kSinceVersion4 +
                             "PRAGMA user_version=" + std::to_string(kSchemaVersion) + "; COMMIT;";
  return execute(create.c_str());
}

Status SqliteStore::open_trail(const OpenTrail& open) {
  std::uint64_t records = 0;
  TRIB_CHECK_OK(run("SELECT records FROM audit", {}, [&records](sqlite3_stmt* row) {
    const std::string text = column(row, 0);
    std::from_chars(text.data(), text.data() + text.size(), records);
    return Status{};
  }));
  TRIB_TRY(trail, open(records));
  trail_ = trail;
  return {};
}

// Records go to the trail first; the transaction that says they are there makes them count.
Status SqliteStore::audit(const RoundEffects& effects, bool& appended) {
  if (trail_ == nullptr) return {};
  TRIB_TRY(records, trail_->append(effects, *this));
  appended = records.has_value();
  return appended ? write("UPDATE audit SET records = ?", {std::to_string(*records)}) : Status{};
}

Status SqliteStore::store(const RoundEffect& effect) {
  if (const auto* job = std::get_if<SaveJob>(&effect)) {
    return write(
        "INSERT INTO jobs (job, document, record) VALUES (?, ?, ?) ON CONFLICT (job) DO UPDATE SET "
        "record = excluded.record",
        {job->record.id.value, job->record.document, job_record_to_json(job->record)});
  }
  if (const auto* accepted = std::get_if<SaveAccepted>(&effect)) {
    const TaskKey& key = accepted->update.key;
    return write(
        "INSERT OR REPLACE INTO accepted (job, round, site, record) VALUES (?, CAST(? AS INTEGER), "
        "?, ?)",
        {key.job.value, std::to_string(accepted->update.into), accepted->update.site.value,
         accepted_to_json(accepted->update)});
  }
  if (const auto* dropped = std::get_if<DropAccepted>(&effect)) {
    return write("DELETE FROM accepted WHERE job = ? AND round = CAST(? AS INTEGER) AND site = ?",
                 {dropped->job.value, std::to_string(dropped->into), dropped->site.value});
  }
  if (const auto* round = std::get_if<SaveRound>(&effect)) {
    return write("INSERT INTO rounds (job, record) VALUES (?, ?)",
                 {round->job.value, round_row_to_json(round->row)});
  }
  if (const auto* spent = std::get_if<SaveSpending>(&effect)) {
    return write(
        "INSERT INTO ledger (dataset, job, record) VALUES (?, ?, ?) ON CONFLICT (dataset, job) DO "
        "UPDATE SET record = excluded.record",
        {spent->spending.dataset, spent->spending.job.value,
         site_spending_to_json(spent->spending)});
  }
  if (const auto* forget = std::get_if<ForgetAccepted>(&effect)) {
    return write("DELETE FROM accepted WHERE job = ?", {forget->job.value});
  }
  return {};
}

// What `write_all` writes, with what the trail is to have of `effects`; all of it or nothing.
template <typename Write>
Status SqliteStore::transact(const RoundEffects& effects, Write write_all) {
  TRIB_CHECK_OK(execute("BEGIN IMMEDIATE"));
  bool audited = false;
  Status done = audit(effects, audited);
  if (done) done = write_all();
  if (done) done = execute("COMMIT");
  if (!done) {
    // The rollback may have happened by itself (SQLITE_FULL); that is what its error would say.
    static_cast<void>(execute("ROLLBACK").has_value());
    if (audited) trail_->take_back();
  }
  return done;
}

Status SqliteStore::apply(const RoundEffects& effects) {
  return transact(effects, [&]() -> Status {
    for (const RoundEffect& effect : effects) TRIB_CHECK_OK(store(effect));
    return {};
  });
}

Status SqliteStore::save_site(const SiteRow& site) {
  return write("INSERT OR REPLACE INTO sites (site, record) VALUES (?, ?)",
               {site.site.value, site_row_to_json(site)});
}

Status SqliteStore::save_standing(const SiteStanding& standing, const RoundEffects& told) {
  return transact(told, [&] {
    return write("INSERT OR REPLACE INTO standings (site, record) VALUES (?, ?)",
                 {standing.site.value, standing_to_json(standing)});
  });
}

Status SqliteStore::save_enrolment(const Enrolment& enrolment, const RoundEffects& told) {
  return transact(told, [&] {
    return write("INSERT OR REPLACE INTO enrolments (site, renewal, record) VALUES (?, ?, ?)",
                 {enrolment.row.site.value, enrolment.row.renewal ? "1" : "0",
                  enrolment_to_json(enrolment)});
  });
}

Result<std::vector<JobRecord>> SqliteStore::jobs() const {
  std::vector<JobRecord> found;
  TRIB_CHECK_OK(run("SELECT record, document FROM jobs ORDER BY sequence", {},
                    [&found](sqlite3_stmt* row) -> Status {
                      TRIB_TRY(record, job_record_from_json(column(row, 0), column(row, 1)));
                      found.push_back(std::move(record));
                      return {};
                    }));
  return found;
}

Result<JobRecord> SqliteStore::job(const JobId& job) const {
  std::optional<JobRecord> found;
  TRIB_CHECK_OK(run("SELECT record, document FROM jobs WHERE job = ?", {job.value},
                    [&found](sqlite3_stmt* row) -> Status {
                      TRIB_TRY(record, job_record_from_json(column(row, 0), column(row, 1)));
                      found = std::move(record);
                      return {};
                    }));
  if (!found) return make_error(ErrorCode::kNotFound, path_ + " has no job " + job.value);
  return *std::move(found);
}

Result<std::vector<AcceptedUpdate>> SqliteStore::accepted(const JobId& job) const {
  std::vector<AcceptedUpdate> found;
  TRIB_CHECK_OK(run("SELECT record FROM accepted WHERE job = ? ORDER BY sequence", {job.value},
                    [&found](sqlite3_stmt* row) -> Status {
                      TRIB_TRY(update, accepted_from_json(column(row, 0)));
                      found.push_back(std::move(update));
                      return {};
                    }));
  return found;
}

Result<std::vector<RoundRow>> SqliteStore::rounds(const JobId& job) const {
  std::vector<RoundRow> found;
  TRIB_CHECK_OK(run("SELECT record FROM rounds WHERE job = ? ORDER BY sequence", {job.value},
                    [&found](sqlite3_stmt* row) -> Status {
                      TRIB_TRY(round, round_row_from_json(column(row, 0)));
                      found.push_back(std::move(round));
                      return {};
                    }));
  return found;
}

Result<std::vector<SiteRow>> SqliteStore::sites() const {
  return read("SELECT record FROM sites ORDER BY site", &site_row_from_json);
}

Result<std::vector<SiteStanding>> SqliteStore::standings() const {
  return read("SELECT record FROM standings ORDER BY site", &standing_from_json);
}

Result<std::vector<Enrolment>> SqliteStore::enrolments() const {
  return read("SELECT record FROM enrolments ORDER BY site", &enrolment_from_json);
}

Result<std::vector<SiteSpending>> SqliteStore::ledger(const std::string& dataset) const {
  return read("SELECT record FROM ledger WHERE dataset = ? ORDER BY sequence",
              &site_spending_from_json, {dataset});
}

}  // namespace

bool is_durable(const RoundEffect& effect) {
  return std::holds_alternative<SaveJob>(effect) || std::holds_alternative<SaveAccepted>(effect) ||
         std::holds_alternative<DropAccepted>(effect) ||
         std::holds_alternative<SaveRound>(effect) ||
         std::holds_alternative<SaveSpending>(effect) ||
         std::holds_alternative<ForgetAccepted>(effect);
}

Result<std::unique_ptr<StateStore>> StateStore::open(const std::string& path,
                                                     const OpenTrail& open_trail) {
  sqlite3* database = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &database,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto store = std::make_unique<SqliteStore>(database, path);
  if (opened != SQLITE_OK) {
    return make_error(ErrorCode::kIo, "open " + path + ": " + sqlite3_errstr(opened));
  }
  TRIB_CHECK_OK(store->prepare());
  if (open_trail) TRIB_CHECK_OK(store->open_trail(open_trail));
  return std::unique_ptr<StateStore>(std::move(store));
}

}  // namespace tributary
