// SPDX-License-Identifier: Apache-2.0
// The live view of a job: plain lines when piped; on a terminal also a progress bar under them.
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/tables.h"

namespace tributary {
namespace {

using Json = nlohmann::json;
constexpr int kBarWidth = 30;

std::string text_of(const Json& value) {
  if (value.is_string()) return escaped(value.get<std::string>());
  if (value.is_number_float()) return figure(value.get<double>());
  return value.dump();
}

class Watch {
 public:
  explicit Watch(const JobSummary& summary)
      : terminal_(::isatty(STDOUT_FILENO) == 1), round_(summary.round), rounds_(summary.rounds) {}

  // Whether the job is over.
  bool show(const Event& event) {
    const Json json = Json::parse(event.json, nullptr, false);
    if (!json.is_object()) return false;
    if (event.name == "round.committed" && json.contains("round"))
      round_ = json["round"].get<std::uint32_t>();
    if (worth_a_line(event.name)) {
      clear_bar();
      std::cout << line_of(event.name, json) << std::endl;
    }
    draw_bar();
    if (event.name == "job.finished" || event.name == "job.failed" || event.name == "job.aborted") {
      clear_bar();
      good_ = event.name == "job.finished";
      return true;
    }
    return false;
  }
  bool good() const { return good_; }

 private:
  static bool worth_a_line(const std::string& name) {
    return name != "task.progress" && name != "task.sent";
  }

  static std::string line_of(const std::string& name, const Json& json) {
    std::string line = json.value("ts", "").substr(11, 8) + "  " + name;
    for (const auto& [key, value] : json.items()) {
      if (key == "ts" || key == "level" || key == "event" || key == "job" || value.is_null())
        continue;
      const std::string text = text_of(value);
      if (!text.empty()) line += " " + key + "=" + text;
    }
    return line;
  }

  void clear_bar() const {
    if (terminal_) std::cout << "\r\x1b[K";
  }
  void draw_bar() const {
    if (!terminal_ || rounds_ == 0) return;
    const int filled = static_cast<int>(kBarWidth * round_ / rounds_);
    std::cout << "[" << std::string(static_cast<std::size_t>(filled), '#')
              << std::string(static_cast<std::size_t>(kBarWidth - filled), '.') << "] round "
              << round_ << "/" << rounds_ << std::flush;
  }

  bool terminal_;
  bool good_ = true;
  std::uint32_t round_;
  std::uint32_t rounds_;
};

// Rounds that were over before we came.
void show_past(const std::vector<RoundRow>& rounds) {
  for (const RoundRow& row : rounds) {
    std::cout << "before    round " << row.round << " " << row.task << ": " << row.outcome;
    if (row.loss) std::cout << " loss=" << figure(row.loss);
    if (row.accuracy) std::cout << " accuracy=" << figure(row.accuracy);
    if (row.auc) std::cout << " auc=" << figure(row.auc);
    std::cout << "\n";
  }
}

bool is_over(const std::string& state) {
  return state == "finished" || state == "failed" || state == "aborted";
}

}  // namespace

Status watch_job(Connection& connection, const std::string& job) {
  TRIB_TRY(reply, connection.request(WatchJob{JobId{job}}));
  const auto* detail = std::get_if<JobDetail>(&reply);
  if (detail == nullptr)
    return make_error(ErrorCode::kProtocol, "the coordinator answered something else");
  Watch watch(detail->summary);
  std::string state = detail->summary.state;
  show_past(detail->rounds);
  while (!is_over(state)) {
    TRIB_TRY(message, connection.next(std::chrono::seconds(60)));
    const auto* event = message ? std::get_if<Event>(&*message) : nullptr;
    if (event != nullptr && watch.show(*event)) state = watch.good() ? "finished" : "failed";
  }
  if (state == "finished") return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "job " + job + " did not finish; `tributaryctl job show " + job + "` says why");
}

}  // namespace tributary
