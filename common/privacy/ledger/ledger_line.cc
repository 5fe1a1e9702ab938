// SPDX-License-Identifier: Apache-2.0
#include "common/privacy/ledger/ledger_line.h"

#include <nlohmann/json.hpp>

#include "common/crypto/digest.h"
#include "common/crypto/strict_json.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLineBytesMax = 4096;

Error damaged(std::uint64_t number, const std::string& what) {
  return make_error(ErrorCode::kDataLoss,
                    "line " + std::to_string(number) + " of the privacy ledger " + what);
}

// Members of one type each; what is not there, or of another type, is remembered.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(const char* name) {
    const Json* found = find(name);
    return found != nullptr && found->is_string() ? found->get<std::string>() : fail("");
  }
  std::uint64_t count(const char* name) {
    const Json* found = find(name);
    if (found != nullptr && found->is_number_unsigned()) return found->get<std::uint64_t>();
    fail("");
    return 0;
  }
  double number(const char* name) {
    const Json* found = find(name);
    if (found != nullptr && found->is_number()) return found->get<double>();
    fail("");
    return 0;
  }
  bool all_there() const { return fine_; }

 private:
  const Json* find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  std::string fail(std::string value) {
    fine_ = false;
    return value;
  }

  const Json& json_;
  bool fine_ = true;
};

struct Parsed {
  LedgerEntry entry;
  std::uint64_t number = 0;
  std::string before;
};

Result<Parsed> parse(std::string_view line, std::uint64_t number) {
  const Result<Json> json = parse_strict_object(line, kLineBytesMax);
  if (!json) return damaged(number, "cannot be read");
  Members members(*json);
  Parsed parsed;
  LedgerEntry& entry = parsed.entry;
  parsed.number = members.count("number");
  parsed.before = members.text("before");
  entry.wall_ms = static_cast<std::int64_t>(members.count("wall_ms"));
  entry.dataset = members.text("dataset");
  entry.job.value = members.text("job");
  entry.round = static_cast<RoundNumber>(members.count("round"));
  entry.attempt = static_cast<AttemptNumber>(members.count("attempt"));
  const std::string mechanism = members.text("mechanism"), sampling = members.text("sampling"),
                    adjacency = members.text("adjacency");
  entry.event.sampling = sampling == "poisson" ? DpSampling::kPoisson : DpSampling::kEverything;
  entry.event.rate = members.number("rate");
  entry.event.noise_multiplier = members.number("noise_multiplier");
  entry.event.steps = members.count("steps");
  entry.delta = members.number("delta");
  const bool known = mechanism == mechanism_name(entry.event.mechanism) &&
                     sampling == sampling_name(entry.event.sampling) &&
                     adjacency == adjacency_name(kRecordAdjacency);
  if (!members.all_there() || !known || !check_event(entry.event, kRecordAdjacency) ||
      !(entry.delta > 0 && entry.delta < 1))
    return damaged(number, "is no entry");
  return parsed;
}

// Adds a line, without its end.
Status append(Ledger& to, std::string_view line) {
  const std::uint64_t number = to.entries.size() + 1;
  TRIB_TRY(parsed, parse(line, number));
  if (parsed.number != number || parsed.before != to.last.hex())
    return damaged(number, "does not follow the one before it");
  to.entries.push_back(std::move(parsed.entry));
  to.last = sha256(as_bytes(line));
  return {};
}

}  // namespace

std::string_view mechanism_name(DpMechanism mechanism) {
  return mechanism == DpMechanism::kGaussian ? "gaussian" : "tree";
}

std::string_view sampling_name(DpSampling sampling) {
  switch (sampling) {
    case DpSampling::kEverything:
      return "everything";
    case DpSampling::kPoisson:
      return "poisson";
    case DpSampling::kFixedSize:
      break;
  }
  return "fixed_size";
}

std::string_view adjacency_name(Adjacency adjacency) {
  return adjacency == Adjacency::kAddOrRemoveOne ? "add_or_remove_one" : "replace_one";
}

std::string ledger_line(const LedgerEntry& entry, const Ledger& before) {
  const nlohmann::ordered_json json = {{"number", before.entries.size() + 1},
                                       {"before", before.last.hex()},
                                       {"wall_ms", static_cast<std::uint64_t>(entry.wall_ms)},
                                       {"dataset", entry.dataset},
                                       {"job", entry.job.value},
                                       {"round", entry.round},
                                       {"attempt", entry.attempt},
                                       {"mechanism", mechanism_name(entry.event.mechanism)},
                                       {"sampling", sampling_name(entry.event.sampling)},
                                       {"rate", entry.event.rate},
                                       {"noise_multiplier", entry.event.noise_multiplier},
                                       {"steps", entry.event.steps},
                                       {"adjacency", adjacency_name(kRecordAdjacency)},
                                       {"delta", entry.delta}};
  return json.dump() + "\n";
}

Result<ReadLedger> read_ledger(std::string_view text, std::string_view intended) {
  ReadLedger read;
  std::string_view last;  // of the whole lines, with its end
  for (std::size_t end = 0; (end = text.find('\n', read.whole)) != text.npos;
       read.whole = end + 1) {
    last = text.substr(read.whole, end + 1 - read.whole);
    TRIB_CHECK_OK(append(read.ledger, last.substr(0, last.size() - 1)));
  }
  const std::string_view torn = text.substr(read.whole);
  const std::uint64_t next = read.ledger.entries.size() + 1;
  if (torn.empty() && last == intended) return read;
  if (!intended.ends_with('\n') || !intended.starts_with(torn))
    return damaged(next, "is not the one that was to be the last");
  TRIB_CHECK_OK(append(read.ledger, intended.substr(0, intended.size() - 1)));
  read.lacking = intended;
  return read;
}

}  // namespace tributary
